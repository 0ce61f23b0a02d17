package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

// result is what one phase did.
type result struct {
	phase          string
	during, after  counts
	recovered      [kinds]time.Duration // after the end of the trouble, until nobody was refused
	before, weight weight
}

// String returns a row of the table.
func (r result) String() string {
	cells := []string{r.phase}
	for kind := range kinds {
		cells = append(cells,
			fmt.Sprintf("%d of %d", r.during[kind].refused, r.during[kind].tried),
			fmt.Sprintf("%d of %d", r.after[kind].refused, r.after[kind].tried),
			fmt.Sprintf("%.1f s", r.recovered[kind].Seconds()))
	}
	cells = append(cells,
		fmt.Sprintf("%d → %d", r.before.goroutines, r.weight.goroutines),
		fmt.Sprintf("%.1f → %.1f MB", megabytes(r.before.heap), megabytes(r.weight.heap)))
	return "| " + strings.Join(cells, " | ") + " |"
}

func megabytes(n uint64) float64 { return float64(n) / (1 << 20) }

const header = `| trouble | refused meanwhile | refused afterwards | recovered after | control: meanwhile | afterwards | recovered | goroutines | heap |
|---|---|---|---|---|---|---|---|---|
`

// judge fails where the library refused more than its control.
func judge(results []result) error {
	var failed []error
	for _, r := range results {
		for when, counts := range map[string]counts{"meanwhile": r.during, "afterwards": r.after} {
			library, control := counts[ofLibrary], counts[ofControl]
			if allowed := mostRefused(library.tried, control); library.refused > allowed {
				failed = append(failed, fmt.Errorf("%s, %s: %d of %d logins refused, the control's %d of %d allow %d; the last: %w",
					r.phase, when, library.refused, library.tried, control.refused, control.tried, allowed, library.lastError))
			}
		}
		if control := r.during[ofControl]; control.tried == 0 || r.during[ofLibrary].tried == 0 {
			failed = append(failed, fmt.Errorf("%s: nobody tried", r.phase))
		}
	}
	return errors.Join(failed...)
}

// mostRefused is how many of tried logins may be refused where control, a smaller sample
// of the same trouble, was refused so often: its share and three standard deviations.
func mostRefused(tried int, control count) int {
	n := float64(max(control.tried, 1))
	share := (float64(control.refused) + 1) / (n + 2)
	deviation := math.Sqrt(share * (1 - share) * (1/n + 1/float64(max(tried, 1))))
	if control.refused == 0 {
		// A login or two in flight when a server goes may belong to either side.
		return int(math.Ceil(0.01 * float64(tried)))
	}
	return int(math.Ceil(min(1, share+3*deviation) * float64(tried)))
}

const (
	tableBegins = "<!-- soak -->\n"
	tableEnds   = "<!-- /soak -->\n"
)

// replaceTable puts the rows between the marks of a document.
func replaceTable(path string, results []result) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), tableBegins)
	_, tail, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		return fmt.Errorf("%s has no place for the table", path)
	}
	var table strings.Builder
	table.WriteString(header)
	for _, r := range results {
		table.WriteString(r.String() + "\n")
	}
	return os.WriteFile(path, []byte(head+tableBegins+table.String()+tableEnds+tail), 0o644)
}
