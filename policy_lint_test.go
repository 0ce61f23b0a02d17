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
// version is an error where a variable is meant; size and sid are errors of documents
// that IAM refuses.
func TestLintErrorsAreRefusals(t *testing.T) {
	for name, policy := range corpus(t) {
		failed := slices.ContainsFunc(policy.Lint(), func(f rdsiam.Finding) bool { return f.Severity == rdsiam.SeverityError })
		if failed && !strings.HasPrefix(name, "size") && !strings.HasPrefix(name, "sid") && policy.Allows(mustUser(t, database(nil), "app")) {
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

// allowing is a policy with one statement that allows.
func allowing(elements string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + elements + `}}`
}

// What rules find together: each finding of a document by its path and code, and no more.
func TestLintFindsExactly(t *testing.T) {
	const connect = `"Action":"rds-db:connect",`
	withUser := func(user string) string { return strings.Replace(appARN, "/app", "/"+user, 1) }
	tests := []struct{ name, document, want string }{
		{"named statement", allowing(`"Sid":"Login",` + connect + `"Resource":"*"`), "Statement[Login].Resource any-resource"},
		{"misspelled action on the wrong service", allowing(`"Action":"rds:connect","Resource":"arn:aws:rds:us-west-2:123456789012:db:orders"`),
			"Statement[0].Action wrong-action, Statement[0].Resource arn"},
		{"misspelled action in capitals", allowing(`"Action":"RDS:Connect","Resource":"arn:aws:rds:us-west-2:123456789012:db:orders"`),
			"Statement[0].Action wrong-action, Statement[0].Resource arn"},
		{"everything but, on something else", allowing(`"NotAction":"iam:*","Resource":["arn:aws:s3:::b","` + appARN + `"]`), "Statement[0].NotAction not-action"},
		{"users of a database without dbuser", allowing(`"Action":"s3:GetObject","Resource":"arn:aws:rds-db:us-west-2:123456789012:db-ABC/app"`),
			"Statement[0].Action wrong-action, Statement[0].Resource arn"},
		{"users of the wrong service", allowing(`"Action":["rds-db:connect","s3:GetObject"],"Resource":"arn:aws:rds:us-west-2:123456789012:dbuser:db-ABC/app"`),
			"Statement[0].Resource arn"},
		{"everything of another service", allowing(connect + `"Resource":"arn:aws:s3:::*"`), "Statement[0].Resource arn"},
		{"variable in the partition", allowing(connect + `"Resource":"` + strings.Replace(appARN, "arn:aws:", "arn:${aws:PrincipalTag/p}:", 1) + `"`), ""},
		{"letters at the ends of the alphabet", allowing(connect + `"Resource":["` + strings.Replace(appARN, dbID, "db-A0a", 1) + `","` + strings.Replace(appARN, dbID, "db-Z9z", 1) + `","` + strings.Replace(appARN, dbID, "db-AZ", 1) + `"]`),
			"Statement[0].Resource resource-id, Statement[0].Resource resource-id"},
		{"quote alone", allowing(connect + `"Resource":"` + withUser("'") + `"`), ""},
		{"quotes alone", allowing(connect + `"Resource":"` + withUser("''") + `"`), "Statement[0].Resource user"},
		{"lone dollar", allowing(connect + `"Resource":"` + withUser("a$") + `"`), ""},
		{"open variable", `{"Statement":{"Effect":"Allow",` + connect + `"Resource":"` + withUser("a${b") + `"}}`, "Statement[0].Resource user, Version version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range mustParse(t, tt.document).Lint() {
				got = append(got, f.Path+" "+f.Code)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got %s\nwant %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}

// A policy that fills its limit to the last character is not too large.
func TestLintSizeIsExact(t *testing.T) {
	for limit, code := range map[rdsiam.PolicyLimit]rdsiam.Severity{rdsiam.ManagedPolicyLimit: rdsiam.SeverityWarning, rdsiam.InlineRoleLimit: rdsiam.SeverityError} {
		for over := range 2 {
			users := manyUsers(t, 1, int(limit)/100)
			room := int(limit) + over - mustPolicy(t, users...).Size() - len(`,""`) - len(mustUser(t, users[0].Resource(), "x").String()) + 1
			for room > 128 {
				users = append(users, mustUser(t, withID("db-PADDING"), strings.Repeat("y", 1+len(users)%100)))
				room = int(limit) + over - mustPolicy(t, users...).Size() - len(`,""`) - len(mustUser(t, users[0].Resource(), "x").String()) + 1
			}
			policy := mustPolicy(t, append(users, mustUser(t, users[0].Resource(), strings.Repeat("x", room)))...)
			if policy.Size() != int(limit)+over {
				t.Fatalf("the test made a policy of size %d, want %d", policy.Size(), int(limit)+over)
			}
			found := false
			for _, f := range policy.Lint() {
				found = found || f.Code == "size" && f.Severity == code
			}
			if found != (over > 0) {
				t.Errorf("%d over %d: found %v", over, limit, policy.Lint())
			}
		}
	}
}

func TestLintTellsWhatIsOpen(t *testing.T) {
	findings := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"rds-db:connect","Resource":"`+appARN+`${b"}}`).Lint()
	if len(findings) == 0 || !strings.Contains(findings[0].Problem, "not closed") {
		t.Errorf("found %v", findings)
	}
}

func TestLintKnowsMasters(t *testing.T) {
	for _, name := range []string{"admin", "Administrator", "master", "mysql", "postgres", "ROOT", "rdsadmin", "rdsproxyadmin"} {
		findings := mustPolicy(t, mustUser(t, database(nil), name)).Lint()
		if len(findings) != 1 || findings[0].Code != "admin-user" {
			t.Errorf("%s: found %v", name, findings)
		}
	}
}
