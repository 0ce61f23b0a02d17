package examples_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the programs into the README")

// quotation is a program in the README: the name of its file in a comment, and the code
// below.
var quotation = regexp.MustCompile("(?ms)^<!-- (examples/[a-z_/]+\\.go) -->\n+```go\n(.*?)^```$")

// The programs of the README are those that the compiler has seen.
func TestREADMEQuotesPrograms(t *testing.T) {
	const root = ".."
	path := filepath.Join(root, "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(quote(t, root, string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	quotations := quotation.FindAllStringSubmatch(string(text), -1)
	if marks := strings.Count(string(text), "<!-- examples/"); len(quotations) == 0 || len(quotations) != marks {
		t.Errorf("%d comments name a program, %d of them have Go code right below", marks, len(quotations))
	}
	for _, q := range quotations {
		if difference := firstDifference(q[2], program(t, root, q[1])); difference != "" {
			t.Errorf("README.md does not quote %s as it is: %s\ngo test -run README -update writes it", q[1], difference)
		}
	}
}

func quote(t *testing.T, root, text string) string {
	return quotation.ReplaceAllStringFunc(text, func(old string) string {
		name := quotation.FindStringSubmatch(old)[1]
		return "<!-- " + name + " -->\n```go\n" + program(t, root, name) + "```"
	})
}

func program(t *testing.T, root, name string) string {
	t.Helper()
	code, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(code)
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
