// Package pages_test checks README.md and docs: their code is quoted from files that the
// compiler sees, their links lead somewhere, and their lines are short. It is in this module
// and not in examples, since go test would not notice there that a page has changed.
package pages_test

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write whole programs into README.md and docs")

const root = "../../.." // of the repository

// goBlock is Go code in a page: the file that the comment above it names, and the code.
var goBlock = regexp.MustCompile("(?ms)^(?:<!-- ([a-z_/]+\\.go) -->\n+)?```go\n(.*?)^```$")

// Go code in the pages is code that the compiler has seen: a whole file, or lines of one.
func TestPagesQuotePrograms(t *testing.T) {
	for _, page := range pages(t) {
		text := readFile(t, page)
		if *update {
			writeFile(t, page, withPrograms(t, text))
			continue
		}
		for _, block := range goBlock.FindAllStringSubmatch(text, -1) {
			if problem := checkBlock(t, block[1], block[2]); problem != "" {
				t.Errorf("%s: %s", page, problem)
			}
		}
	}
}

func checkBlock(t *testing.T, name, code string) string {
	first, _, _ := strings.Cut(code, "\n")
	if name == "" {
		return fmt.Sprintf("no comment above the code that begins with %q names its file: <!-- path.go -->", first)
	}
	program := readFile(t, name)
	if !isProgram(code) {
		if !quotes(program, code) {
			return fmt.Sprintf("the lines from %q on are not in %s", first, name)
		}
		return ""
	}
	if difference := firstDifference(code, program); difference != "" {
		return fmt.Sprintf("%s differs: %s\ngo test ./internal/test/pages -update writes it", name, difference)
	}
	return ""
}

func isProgram(code string) bool { return strings.Contains("\n"+code, "\npackage ") }

// quotes reports whether code is lines of program one below the other, which may be
// indented further there.
func quotes(program, code string) bool {
	have, want := strings.Split(program, "\n"), strings.Split(strings.TrimSuffix(code, "\n"), "\n")
	for start := range len(have) - len(want) + 1 {
		indent, found := strings.CutSuffix(have[start], want[0])
		if found && strings.Trim(indent, "\t") == "" && equalLines(have[start:start+len(want)], want, indent) {
			return true
		}
	}
	return false
}

func equalLines(have, want []string, indent string) bool {
	for i := range want {
		if have[i] != want[i] && have[i] != indent+want[i] {
			return false
		}
	}
	return true
}

func TestQuotes(t *testing.T) {
	const program = "func f() {\n\tif true {\n\t\tg()\n\n\t\th()\n\t}\n}\n"
	for code, want := range map[string]bool{
		program:             true,
		"g()\n\nh()\n":      true,
		"\tg()\n\n\th()\n":  true,
		"g()\nh()\n":        false,
		"if true {\ng()\n":  false,
		"() {\n\tif true {": false,
		"i()\n":             false,
	} {
		if got := quotes(program, code); got != want {
			t.Errorf("%q: got %v, want %v", code, got, want)
		}
	}
}

// The front page is short, and text fits a narrow window. A table in docs has long rows.
func TestPagesAreNarrow(t *testing.T) {
	for _, page := range pages(t) {
		text := readFile(t, page)
		if n := strings.Count(text, "\n"); page == "README.md" && n > 200 {
			t.Errorf("%s has %d lines, want 200 at most", page, n)
		}
		code, number := false, 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "```") {
				code = !code
			}
			long := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) > 100
			if long && (page == "README.md" || !code && !strings.HasPrefix(line, "|")) {
				t.Errorf("%s:%d is longer than 100 columns: %s", page, number, line)
			}
		}
	}
}

var dialect = regexp.MustCompile(`(?i)\b(whom|tells (that|of)|goes without saying|log-in|mends?|good (for|until)|given out again)\b`)

// Words that readers stumble over stay out of the pages.
func TestPagesSpeakPlainly(t *testing.T) {
	for _, page := range pages(t) {
		for _, found := range dialect.FindAllString(readFile(t, page), -1) {
			t.Errorf("%s: %q", page, found)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#: ]*)(#[^)]*)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// Links between the files of the repository lead somewhere.
func TestPagesLinkToFiles(t *testing.T) {
	for _, page := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(readFile(t, page), -1) {
			target := page
			if found[1] != "" {
				target = path.Join(path.Dir(page), found[1])
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: link to %s: %v", page, target, err)
			} else if anchor := strings.TrimPrefix(found[2], "#"); anchor != "" && !anchors(readFile(t, target))[anchor] {
				t.Errorf("%s: %s has no heading %q", page, target, anchor)
			}
		}
	}
}

// anchors returns those that GitHub makes of the headings of a page.
func anchors(text string) map[string]bool {
	all := make(map[string]bool)
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, found[1])] = true
	}
	return all
}

// pages returns README.md, CHANGELOG.md and those in docs.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	all := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, page := range docs {
		all = append(all, "docs/"+filepath.Base(page))
	}
	return all
}

// withPrograms returns text with each whole program as its file has it.
func withPrograms(t *testing.T, text string) string {
	return goBlock.ReplaceAllStringFunc(text, func(old string) string {
		block := goBlock.FindStringSubmatch(old)
		if block[1] == "" || !isProgram(block[2]) {
			return old
		}
		return "<!-- " + block[1] + " -->\n```go\n" + readFile(t, block[1]) + "```"
	})
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// firstDifference returns "" for equal texts.
func firstDifference(got, want string) string {
	if got == want {
		return ""
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			return fmt.Sprintf("line %d is %q, want %q", i+1, gotLines[i], wantLines[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(gotLines), len(wantLines))
}
