package bench_test

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// roundTime is about how long one side runs before the next has its turn: short, so that
// what else happens on the machine hits all sides alike.
const roundTime = 2 * time.Millisecond

// operation does n times what is measured.
type operation func(n int)

// compare measures ours against base, and base against itself as a control. Each of the
// b.N rounds runs all three the same number of times, one after the other, in an order
// that changes from round to round. What tidy does after each is not measured.
//
// It reports the times and allocations of one operation; of the ratios ours/base (ratio)
// and base/base (control) the median over the rounds, its 95 % confidence interval (low,
// high) and the percentiles of single rounds (p10, p90); and the same of the difference in
// nanoseconds (added, added-control).
func compare(b *testing.B, base, ours operation, tidy ...func()) {
	b.Helper()
	first, control, measured := &side{run: base, tidy: tidy}, &side{run: base, tidy: tidy}, &side{run: ours, tidy: tidy}
	sides := []*side{first, control, measured}
	n := first.operationsIn(roundTime)
	b.ResetTimer()
	for round := range b.N {
		for i := range sides {
			sides[(round+i)%len(sides)].measure(n)
		}
	}
	b.StopTimer()
	each := float64(b.N * n)
	b.ReportMetric(quantile(measured.took, 0.5)/float64(n), "ns/op")
	b.ReportMetric(quantile(first.took, 0.5)/float64(n), "base-ns/op")
	b.ReportMetric(math.Floor(float64(measured.mallocs)/each), "ours-allocs/op")
	b.ReportMetric(math.Floor(float64(first.mallocs)/each), "base-allocs/op")
	report(b, "ratio", ratios(measured, first))
	report(b, "control", ratios(control, first))
	report(b, "added-ns", differences(measured, first, n))
	report(b, "added-control-ns", differences(control, first, n))
}

// side is one of those that take turns.
type side struct {
	run     operation
	tidy    []func()
	took    []float64 // nanoseconds of each round
	mallocs uint64
}

// measure runs one round. It begins with an empty heap, and nothing is collected while it
// lasts: nobody pays for what the side before left behind. What the collection has
// emptied, such as pools, is filled again before the clock runs.
func (s *side) measure(n int) {
	var before, after runtime.MemStats
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	s.run(1 + n/10)
	runtime.ReadMemStats(&before)
	started := time.Now()
	s.run(n)
	s.took = append(s.took, float64(time.Since(started)))
	runtime.ReadMemStats(&after)
	s.mallocs += after.Mallocs - before.Mallocs
	s.cleanUp()
}

func (s *side) cleanUp() {
	for _, tidy := range s.tidy {
		tidy()
	}
}

// operationsIn returns how many operations take about d.
func (s *side) operationsIn(d time.Duration) int {
	for n := 1; ; n *= 2 {
		started := time.Now()
		s.run(n)
		took := time.Since(started)
		s.cleanUp()
		if took >= d/2 {
			return max(1, int(float64(n)*float64(d)/float64(took)))
		}
	}
}

func ratios(of, to *side) []float64 {
	all := make([]float64, len(of.took))
	for i := range all {
		all[i] = of.took[i] / to.took[i]
	}
	return all
}

// differences returns by how much one of n operations took longer.
func differences(of, than *side, n int) []float64 {
	all := make([]float64, len(of.took))
	for i := range all {
		all[i] = (of.took[i] - than.took[i]) / float64(n)
	}
	return all
}

// report reports the median of values and how sure it is. The interval is that of the
// ranks, which assumes nothing about the distribution.
func report(b *testing.B, name string, values []float64) {
	margin := 0.98 / math.Sqrt(float64(len(values)))
	b.ReportMetric(quantile(values, 0.5), name)
	b.ReportMetric(quantile(values, 0.5-margin), name+"-low")
	b.ReportMetric(quantile(values, 0.5+margin), name+"-high")
	b.ReportMetric(quantile(values, 0.1), name+"-p10")
	b.ReportMetric(quantile(values, 0.9), name+"-p90")
}

// quantile returns the value below which the part q of values lies.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	position := min(max(0, q), 1) * float64(len(sorted)-1)
	low, high := sorted[int(math.Floor(position))], sorted[int(math.Ceil(position))]
	return low + (high-low)*(position-math.Floor(position))
}
