package boundedlog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/boundedlog"
)

func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		log := boundedlog.New(func(line string) { lines = append(lines, line) })
		for i := range 10_000 {
			log.Line("password", fmt.Sprint("wrong password ", i))
		}
		log.Line("login", "refused")
		if len(lines) != 51 || lines[49] != "wrong password 49" || lines[50] != "refused" {
			t.Fatalf("%d lines, ending in %q", len(lines), lines[len(lines)-1])
		}
		time.Sleep(time.Second)
		log.Line("password", "one more")
		log.Line("password", "too soon")
		if got, want := lines[len(lines)-1], "one more (lines like this that were left out: 9950)"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		before := len(lines)
		for range 60 {
			log.Line("password", "again")
		}
		if got := len(lines) - before; got != 50 {
			t.Errorf("%d lines after an hour, want 50", got)
		}
		log.Close()
		log.Close()
		if got, want := lines[before+50:], []string{"again (lines like this that were left out, with this one: 10)"}; !slices.Equal(got, want) {
			t.Errorf("at the end %q, want %q", got, want)
		}
	})
}

func TestLongLine(t *testing.T) {
	var got string
	log := boundedlog.New(func(line string) { got = line })
	log.Line("", "first\n"+strings.Repeat("é", 1000))
	if len(got) > 1010 || !strings.HasPrefix(got, "first; éé") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes: %.20q…", len(got), got)
	}
}
