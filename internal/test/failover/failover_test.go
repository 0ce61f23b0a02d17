package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// short shows that what is documented to recover does, not how fast.
var short = pace{detection: 100 * time.Millisecond, names: time.Second, watched: time.Second, workers: 2}

func TestFailover(t *testing.T) {
	if os.Getenv(realserver.MatrixVariable) == "" {
		t.Skip("takes a minute: make test-matrix runs it")
	}
	for _, e := range engines {
		for _, f := range faults {
			if f.name == "frozen" || f.name == "vanished" { // take the time that pools wait: make failover
				continue
			}
			t.Run(e.name+"/"+f.name, func(t *testing.T) {
				r, err := measure(t.Context(), e, f, short)
				if errors.As(err, new(*realserver.MissingError)) && os.Getenv("REQUIRE_SERVERS") != "1" {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Log("\n" + r.String())
				if err := judge([]result{r}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Every way to connect is in every table of the document.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(text), tablesBegin)
	for _, e := range engines {
		for _, f := range faults {
			_, table, ok := strings.Cut(tables, "| "+e.name+", writer "+f.name+" |")
			table, _, _ = strings.Cut(table, "\n\n")
			if !ok {
				t.Errorf("no table for %s, %s", e.name, f.name)
			}
			for _, v := range e.variants {
				_, row, ok := strings.Cut(table, "| "+v.name+" |")
				row, _, _ = strings.Cut(row, "\n")
				if !ok || !v.bare && v.recovers(f) && strings.Contains(row, "never") {
					t.Errorf("%s, %s: %s: row %q", e.name, f.name, v.name, row)
				}
			}
		}
	}
}

func TestJudge(t *testing.T) {
	no := errors.New("no")
	for _, test := range []struct {
		outcome outcome
		fails   bool
	}{
		{outcome{recovered: true}, false},
		{outcome{lastError: no}, true},
		{outcome{variant: variant{bare: true}, lastError: no}, false},
		{outcome{variant: variant{never: []string{"killed"}}, lastError: no}, false},
		{outcome{variant: variant{never: []string{"demoted"}}, lastError: no}, true},
	} {
		if err := judge([]result{{fault: "killed", variants: []outcome{test.outcome}}}); (err != nil) != test.fails {
			t.Errorf("%+v: %v", test.outcome, err)
		}
	}
}

func TestReplaceTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "document.md")
	if err := os.WriteFile(path, []byte("a\n"+tablesBegin+"old\n"+tablesEnd+"z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := result{engine: "E", fault: "killed", variants: []outcome{
		{variant: variant{name: "v"}, recovered: true, firstGood: time.Second, lastFailed: 2 * time.Second, failed: 3, logins: 4},
		{variant: variant{name: "w"}, failed: 5},
	}}
	for range 2 {
		if err := replaceTables(path, []result{r}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	want := "a\n" + tablesBegin + "| E, writer killed | first good write | last failed write | failed | logins |\n|---|---|---|---|---|\n" +
		"| v | 1.0 s | 2.0 s | 3 | 4 |\n| w | never | to the end | 5 | 0 |\n" + tablesEnd + "z\n"
	if got := string(text); err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}
