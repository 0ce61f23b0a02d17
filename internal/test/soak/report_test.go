package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	refused := errors.New("no")
	for _, test := range []struct {
		name             string
		library, control count
		fails            bool
	}{
		{"nobody", count{tried: 400}, count{tried: 100}, false},
		{"a few in flight", count{tried: 400, refused: 4}, count{tried: 100}, false},
		{"the library alone", count{tried: 400, refused: 20, lastError: refused}, count{tried: 100}, true},
		{"both alike", count{tried: 400, refused: 200}, count{tried: 100, refused: 50}, false},
		{"the library more", count{tried: 400, refused: 400, lastError: refused}, count{tried: 100, refused: 50}, true},
		{"the control more", count{tried: 400}, count{tried: 100, refused: 100}, false},
		{"all of both", count{tried: 400, refused: 400}, count{tried: 100, refused: 100}, false},
		{"nobody tried", count{}, count{}, true},
	} {
		r := result{phase: test.name, during: counts{test.library, test.control}}
		if err := judge([]result{r}); (err != nil) != test.fails {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestReplaceTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "document.md")
	if err := os.WriteFile(path, []byte("a\n"+tableBegins+"old\n"+tableEnds+"z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := result{phase: "p", during: counts{{tried: 3, refused: 1}, {tried: 2}}, recovered: [kinds]time.Duration{time.Second}}
	for range 2 {
		if err := replaceTable(path, []result{r}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if got := string(text); err != nil || strings.Contains(got, "old") || strings.Count(got, "| p | 1 of 3 | 0 of 0 | 1.0 s |") != 1 || !strings.HasSuffix(got, "z\n") {
		t.Errorf("got %s, %v", got, err)
	}
}
