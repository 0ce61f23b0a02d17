package fleet_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	document = "../../../docs/performance.md"
	picture  = "../../../docs/fleet.svg"
)

// writeDocument puts the figures into the document and makes the picture beside it.
func writeDocument(t *testing.T, all []figures) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, document, []byte(withTables(t, string(text), all)))
	writeFile(t, picture, []byte(plot(t, all)))
}

func TestDocumentShowsTheFigures(t *testing.T) {
	all := readFigures(t)
	for _, s := range scenarios {
		for _, reuse := range s.reuse {
			if !slices.ContainsFunc(all, func(f figures) bool { return f.Scenario == s.name && f.Reuse == reuse }) {
				t.Errorf("no figures of %q with reuse %v: write them anew", s.name, reuse)
			}
		}
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if withTables(t, string(text), all) != string(text) {
		t.Errorf("the tables of %s are not those of %s", document, figuresFile)
	}
	svg, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if plot(t, all) != string(svg) {
		t.Errorf("%s is not the plot of %s", picture, figuresFile)
	}
}

// withTables returns text with each table below a marker replaced by that of all.
func withTables(t *testing.T, text string, all []figures) string {
	t.Helper()
	for _, name := range []string{"retry", "limit", "else"} {
		before, after, ok := strings.Cut(text, "<!-- internal/test/fleet: "+name+" -->\n")
		if !ok {
			t.Fatalf("%s has no place for the table %q", document, name)
		}
		for strings.HasPrefix(after, "|") {
			_, after, _ = strings.Cut(after, "\n")
		}
		text = before + "<!-- internal/test/fleet: " + name + " -->\n" + table(name, all) + after
	}
	return text
}

func table(name string, all []figures) string {
	var b strings.Builder
	b.WriteString("| | tokens | logins refused | new tokens | half are back after | all are back after |\n|---|---|---|---|---|---|\n")
	for _, f := range all {
		if f.Table != name {
			continue
		}
		title, tokens := f.Scenario, "reused"
		if !f.Reuse {
			title, tokens = "", "one each"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", title, tokens, counts(f.Refused), counts(f.NewTokens), times(f.Half), f.end())
	}
	return b.String()
}

// end tells when all were back, or how many never were.
func (f figures) end() string {
	if slices.Max(f.NotBack) == 0 {
		return times(f.Last)
	}
	return fmt.Sprintf("%s are not after %.0f s", counts(f.NotBack), patience.Seconds())
}

func counts(values []int) string { return spread(values, thousands) }

func times(values []seconds) string {
	if slices.Max(values) >= seconds(patience.Seconds()) {
		return "–"
	}
	return spread(values, func(s seconds) string { return fmt.Sprintf("%.1f", s) }) + " s"
}

// spread tells the least and the greatest of values, or the one that they all are.
func spread[T cmp.Ordered](values []T, format func(T) string) string {
	low, high := format(slices.Min(values)), format(slices.Max(values))
	if low == high {
		return low
	}
	return low + "–" + high
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
