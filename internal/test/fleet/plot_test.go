package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	step       = 100 * time.Millisecond
	plottedFor = 30 * time.Second
)

// lines are the scenarios that are plotted, each with reuse and without.
var lines = []struct{ scenario, label, dashes string }{
	{"back-off to 5 s, jitter", "", ""},
	{"2 logins a second", ", at most 2 logins a second for each process", "6 4"},
}

func plotted(name string) bool {
	return slices.ContainsFunc(lines, func(l struct{ scenario, label, dashes string }) bool { return l.scenario == name })
}

// steps returns how many of events had happened by the end of each step, from the moment
// the server was back.
func steps(events []time.Duration) (counts []int) {
	n := 0
	for end := time.Duration(0); end <= plottedFor; end += step {
		for n < len(events) && events[n] <= end {
			n++
		}
		counts = append(counts, n)
	}
	return counts
}

// panel is one of the coordinate systems of the plot, one below the other.
type panel struct {
	title  string
	top    int
	max    int // at the upper edge
	every  int // between two lines of the grid
	values func(figures) [][]int
}

const left, width, height = 70, 630, 190

var panels = []panel{
	{"connections back, of 10,000", 105, 10_000, 2_500, func(f figures) [][]int { return f.BackAt }},
	{"logins refused, in total", 355, 40_000, 10_000, func(f figures) [][]int { return f.RefusedAt }},
}

// plot draws figures as SVG, in colors that are legible on white and on black.
func plot(t *testing.T, all []figures) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 600" width="720" height="600" role="img" font-family="sans-serif" font-size="13">
<title>500 processes with 20 connections each come back after a failover</title>
<style>text { fill: #7a828c } .grid { stroke: #7a828c; stroke-opacity: .3 } .line { fill: none; stroke-width: 1.5; stroke-opacity: .85 } .reused { stroke: #3b82c4 } .each { stroke: #d9622b }</style>
`)
	for _, p := range panels {
		p.grid(&b)
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"588\" text-anchor=\"middle\">seconds since the server is back</text>\n", left+width/2)
	row := 0
	for _, line := range lines {
		for _, reuse := range both {
			i := slices.IndexFunc(all, func(f figures) bool { return f.Scenario == line.scenario && f.Reuse == reuse })
			if i < 0 {
				t.Fatalf("no figures of %q with reuse %v", line.scenario, reuse)
			}
			class, label := "line reused", "tokens reused for a minute"
			if !reuse {
				class, label = "line each", "one token for each login"
			}
			style := fmt.Sprintf(`class="%s" stroke-dasharray="%s"`, class, line.dashes)
			fmt.Fprintf(&b, "<path %s d=\"M%d %dh36\"/><text x=\"%d\" y=\"%d\">%s%s</text>\n", style, left, 16+18*row, left+46, 20+18*row, label, line.label)
			row++
			for _, p := range panels {
				for _, seed := range p.values(all[i]) {
					fmt.Fprintf(&b, "<path %s d=\"%s\"/>\n", style, p.path(seed))
				}
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p panel) grid(b *strings.Builder) {
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">%s</text>\n", left, p.top-8, p.title)
	for value := 0; value <= p.max; value += p.every {
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %.1fh%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			left, p.y(value), width, left-8, p.y(value)+4, thousands(value))
	}
	for second := 0; second <= int(plottedFor.Seconds()); second += 5 {
		x := left + width*second/int(plottedFor.Seconds())
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %dv%d\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
			x, p.top, height, x, p.top+height+18, second)
	}
}

// path leaves out the points between which nothing changes.
func (p panel) path(counts []int) string {
	var b strings.Builder
	command := 'M'
	for n, count := range counts {
		if n > 0 && n < len(counts)-1 && counts[n-1] == count && counts[n+1] == count {
			continue
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, left+width*float64(n)/float64(len(counts)-1), p.y(count))
		command = 'L'
	}
	return b.String()
}

func (p panel) y(count int) float64 {
	return float64(p.top) + height*(1-float64(count)/float64(p.max))
}
