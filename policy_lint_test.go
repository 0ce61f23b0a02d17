package rdsiam_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

// corpus returns the documents of testdata/policy/lint. A document is named after the
// code that is to be found in it, or none; what follows a dot tells several apart.
func corpus(t *testing.T) map[string]*rdsiam.Policy {
	t.Helper()
	files, err := filepath.Glob("testdata/policy/lint/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	policies := make(map[string]*rdsiam.Policy)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		policies[strings.TrimSuffix(filepath.Base(file), ".json")] = mustParse(t, string(text))
	}
	return policies
}

func TestLint(t *testing.T) {
	var text strings.Builder
	policies := corpus(t)
	for _, name := range sortedKeys(policies) {
		code, _, _ := strings.Cut(name, ".")
		findings := policies[name].Lint()
		text.WriteString("# " + name + "\n")
		found := code == "none"
		for _, f := range findings {
			text.WriteString(f.String() + "\n")
			found = found || f.Code == code
		}
		if !found {
			t.Errorf("%s: found %v", name, findings)
		}
		if code == "none" && len(findings) > 0 {
			t.Errorf("%s: found %v", name, findings)
		}
	}
	compareGolden(t, "lint.golden", text.String())
}

// What an error says will not work must not be allowed by the evaluator either. The
// version is an error where a variable is meant, size where no document is possible.
func TestLintErrorsAreRefusals(t *testing.T) {
	for name, policy := range corpus(t) {
		failed := slices.ContainsFunc(policy.Lint(), func(f rdsiam.Finding) bool { return f.Severity == rdsiam.SeverityError })
		if failed && !strings.HasPrefix(name, "size") && policy.Allows(mustUser(t, database(nil), "app")) {
			t.Errorf("%s: an error, but app is allowed: %v", name, policy.Lint())
		}
	}
}

// docs/policies.md lists every code with its severities, and no other.
func TestLintCodesAreDocumented(t *testing.T) {
	documented := make(map[string]string)
	page, err := os.ReadFile("docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([a-z, ]+) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = row[2]
	}
	found := make(map[string]string)
	policies := corpus(t)
	for _, name := range sortedKeys(policies) {
		for _, f := range policies[name].Lint() {
			if severity := f.Severity.String(); found[f.Code] == "" {
				found[f.Code] = severity
			} else if !strings.Contains(found[f.Code], severity) {
				found[f.Code] = "error, warning"
			}
		}
	}
	for _, code := range sortedKeys(found) {
		if documented[code] != found[code] {
			t.Errorf("%s: documented as %q, found as %q", code, documented[code], found[code])
		}
		delete(documented, code)
	}
	if len(documented) > 0 {
		t.Errorf("documented, but in no document of the corpus: %v", documented)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
