package fleet_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/fleet"
)

var write = flag.Bool("write", false, "simulate the fleets of docs/performance.md, and write their figures")

const figuresFile = "testdata/figures.json"

// figures is what the document says about one scenario, with reuse or without, one entry of
// each list for each seed.
type figures struct {
	Table, Scenario string
	Reuse           bool
	NotBack         []int // after patience
	Refused         []int
	NewTokens       []int
	Half, Last      []seconds // when half of the connections were back, and when all
	BackAt          [][]int   `json:",omitempty"` // how many were back by each step, of what is plotted
	RefusedAt       [][]int   `json:",omitempty"`
}

// seconds is a duration in seconds, which is written to the hundredth.
type seconds float64

func (s seconds) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.2f", float64(s)), nil }

func TestFigures(t *testing.T) {
	if !*write {
		t.Skip("takes minutes; -write simulates all fleets and writes their figures")
	}
	var all []figures
	for _, s := range scenarios {
		for _, reuse := range s.reuse {
			all = append(all, s.figures(t, reuse))
			writeFile(t, figuresFile, marshal(t, all)) // each time, or a run that is cut off is lost
		}
	}
	writeDocument(t, readFigures(t)) // as they are rounded in the file
}

func (s scenario) figures(t *testing.T, reuse bool) figures {
	collected := figures{Table: s.table, Scenario: s.name, Reuse: reuse}
	for seed := range seeds {
		f := usual()
		f.Seed = uint64(seed)
		if !reuse {
			f.Reuse = 0
		}
		s.change(&f)
		began := time.Now()
		collected.add(f, comeBack(t, f), plotted(s.name))
		t.Logf("%s, reuse %v, seed %d: %v", s.name, reuse, seed, time.Since(began).Round(time.Millisecond))
	}
	return collected
}

func (f *figures) add(run fleet.Fleet, result fleet.Result, plotted bool) {
	all := run.Processes * run.Connections
	f.NotBack = append(f.NotBack, all-len(result.Back))
	f.Refused = append(f.Refused, len(result.Refused))
	f.NewTokens = append(f.NewTokens, result.NewTokens)
	f.Half = append(f.Half, when(result.Back, all/2))
	f.Last = append(f.Last, when(result.Back, all))
	if plotted {
		f.BackAt = append(f.BackAt, steps(result.Back))
		f.RefusedAt = append(f.RefusedAt, steps(result.Refused))
	}
}

// when returns when n events had happened, or patience.
func when(events []time.Duration, n int) seconds {
	if n > len(events) {
		return seconds(patience.Seconds())
	}
	return seconds(events[n-1].Seconds())
}

// comeBack simulates a fleet in a bubble of its own.
func comeBack(t *testing.T, f fleet.Fleet) (result fleet.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), max(f.Down, f.Warm)+patience)
		defer cancel()
		result, _ = f.ComeBack(ctx) // an error says that the time was over
	})
	return result
}

func marshal(t *testing.T, all []figures) []byte {
	t.Helper()
	text := []byte("[")
	for n, one := range all {
		line, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			text = append(text, ',')
		}
		text = append(append(text, "\n"...), line...)
	}
	return append(text, "\n]\n"...)
}

func readFigures(t *testing.T) (all []figures) {
	t.Helper()
	text, err := os.ReadFile(figuresFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o666); err != nil {
		t.Fatal(err)
	}
}
