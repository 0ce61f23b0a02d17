package rdsiam_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/iampolicy"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func mustPolicy(t testing.TB, users ...rdsiam.UserARN) *rdsiam.Policy {
	t.Helper()
	policy, err := rdsiam.NewPolicy(users...)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func mustParse(t testing.TB, text string) *rdsiam.Policy {
	t.Helper()
	policy, err := rdsiam.ParsePolicy(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return policy
}

// compareGolden compares with a file of testdata/policy, which -update writes.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "policy", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s:\n%s", path, got)
	}
}

func TestNewPolicy(t *testing.T) {
	instance, cluster := withID("db-12ABC34DEFG5HIJ6KLMNOP78QR"), withID("cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I")
	proxy := rdsiam.Resource{ID: "prx-0abc12def", Region: "eu-south-2", AccountID: "210987654321"}
	china := rdsiam.Resource{ID: "prx-0abc12def", Region: "cn-north-1", AccountID: "123456789012"}
	david, jane := mustUser(t, instance, "david_lu"), mustUser(t, cluster, "jane_doe")
	app, odd := mustUser(t, proxy, "app"), mustUser(t, instance, `<a&b> é"\*?${x}%{y}`)
	own, err := cluster.UserPattern("${aws:PrincipalTag/dbuser}")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		golden string
		users  []rdsiam.UserARN
	}{
		{"instance", []rdsiam.UserARN{david}},
		{"cluster", []rdsiam.UserARN{jane}},
		{"proxy", []rdsiam.UserARN{app}},
		{"china", []rdsiam.UserARN{mustUser(t, china, "app"), mustUser(t, china, "batch")}},
		{"several", []rdsiam.UserARN{david, jane, app, odd, own}},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			policy := mustPolicy(t, tt.users...)
			compareGolden(t, tt.golden+".json", policy.JSON())
			terraform, err := policy.Terraform("app")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, tt.golden+".tf", terraform)

			backwards := slices.Clone(tt.users)
			slices.Reverse(backwards)
			if got := mustPolicy(t, append(backwards, tt.users...)...).JSON(); got != policy.JSON() {
				t.Errorf("in another order and twice: %s", got)
			}
			if got := mustParse(t, policy.JSON()).JSON(); got != policy.JSON() {
				t.Errorf("parsed and written: %s", got)
			}
			if findings := policy.Lint(); len(findings) > 0 {
				t.Errorf("our own policy has findings: %v", findings)
			}
		})
	}
}

func TestNewPolicyErrors(t *testing.T) {
	app := mustUser(t, database(nil), "app")
	for name, tt := range map[string]struct {
		users []rdsiam.UserARN
		want  string
	}{
		"no user":            {nil, "no user is given"},
		"zero":               {[]rdsiam.UserARN{{}}, "1 of 1 is the zero UserARN"},
		"zero after others":  {[]rdsiam.UserARN{app, {}}, "2 of 2 is the zero UserARN"},
		"zero before others": {[]rdsiam.UserARN{{}, app}, "1 of 2 is the zero UserARN"},
		"two partitions":     {[]rdsiam.UserARN{app, mustUser(t, in("", "cn-north-1"), "app")}, "in another partition"},
	} {
		policy, err := rdsiam.NewPolicy(tt.users...)
		checkConfigError(t, err, "NewPolicy")
		if policy != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want it to say %q", name, err, tt.want)
		}
	}
}

func TestZeroPolicy(t *testing.T) {
	var zero rdsiam.Policy
	if zero.JSON() != "" || zero.Size() != 0 || zero.Allows(mustUser(t, database(nil), "u")) || zero.Lint() != nil {
		t.Errorf("the zero policy is %q, of size %d", zero.JSON(), zero.Size())
	}
}

const appARN = "arn:aws:rds-db:us-west-2:123456789012:dbuser:" + dbID + "/app"

func TestParsePolicy(t *testing.T) {
	statement := `{"Effect":"Allow","Action":"rds-db:connect","Resource":["` + appARN + `"]}`
	plain := mustPolicy(t, mustUser(t, database(nil), "app")).JSON()
	for name, text := range map[string]string{
		"compact":          `{"Version":"2012-10-17","Statement":[` + statement + `]}`,
		"one statement":    `{"Version":"2012-10-17","Statement":` + statement + `}`,
		"one resource":     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rds-db:connect","Resource":"` + appARN + `"}]}`,
		"a list of one":    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds-db:connect"],"Resource":"` + appARN + `"}]}`,
		"twice":            `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rds-db:connect","Resource":["` + appARN + `","` + appARN + `"]}]}`,
		"another order":    ` {"Statement":{"Resource":"` + appARN + `","Action":"rds-db:connect","Effect":"Allow"},"Version":"2012-10-17"} `,
		"indented":         plain,
		"percent-encoded":  url.PathEscape(plain),
		"fully encoded":    strings.ReplaceAll(url.QueryEscape(plain), "+", "%20"),
		"encoded in lower": "\n" + strings.ReplaceAll(url.PathEscape(plain), "%7B", "%7b"),
	} {
		if got := mustParse(t, text).JSON(); got != plain {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// Nothing but the order of lists and their brackets changes.
func TestParsePolicyKeepsEverything(t *testing.T) {
	text, err := os.ReadFile("testdata/policy/handwritten.json")
	if err != nil {
		t.Fatal(err)
	}
	policy := mustParse(t, string(text))
	compareGolden(t, "handwritten.golden.json", policy.JSON())
	terraform, err := policy.Terraform("_handwritten-1")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "handwritten.tf", terraform)
	// A + in a percent-encoded document is a plus sign, not a space.
	if got := mustParse(t, url.PathEscape(string(text))).JSON(); got != policy.JSON() {
		t.Errorf("percent-encoded: %s", got)
	}
}

func TestParsePolicyErrors(t *testing.T) {
	statement := func(elements string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + elements + `}}`
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":               {"", "the document is empty"},
		"not JSON":            {"Version: 2012-10-17", "not JSON"},
		"damaged encoding":    {"%7B%2", "percent-encoding"},
		"trust policy":        {statement(`"Principal":"*","Action":"sts:AssumeRole","Resource":"*"`), `"Principal"`},
		"other case":          {statement(`"action":"rds-db:connect","Resource":"*"`), `"action"`},
		"element given twice": {statement(`"Action":"rds-db:connect","Action":"s3:*","Resource":"*"`), "twice"},
		"no resource":         {statement(`"Action":"rds-db:connect"`), "no Resource"},
		"empty list":          {statement(`"Action":"rds-db:connect","Resource":[]`), "empty list"},
		"open variable":       {statement(`"Action":"rds-db:connect","Resource":"` + appARN + `${"`), "not closed"},
		"version":             {strings.Replace(statement(`"Action":"rds-db:connect","Resource":"*"`), "2012", "2013", 1), "2013-10-17"},
		"value of a condition": {statement(`"Action":"rds-db:connect","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":{}}}`),
			"neither a text, a number"},
		"null in a condition": {statement(`"Action":"rds-db:connect","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":[null]}}`),
			"neither a text, a number"},
	} {
		policy, err := rdsiam.ParsePolicy(tt.text)
		checkConfigError(t, err, "policy")
		if policy != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want it to say %q", name, err, tt.want)
		}
	}
}

// Allows decides as the servers of rdsiamtest do, which ask for the whole login.
func TestAllowsAgreesWithServers(t *testing.T) {
	users := []string{"app", "App", "app2", "a*", "a?p", "a${aws:username}", "$", "sp ace", "é/:<&>"}
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithEndpoint("orders.abc123.us-west-2.rds.amazonaws.com"),
		rdsiamtest.WithIAMUser(users...), rdsiamtest.WithResourceID(dbID))
	source := rdsiam.NewTokenSource(server.Credentials())
	endpoint, err := rdsiam.ResolveEndpoint("orders.abc123.us-west-2.rds.amazonaws.com", 5432)
	if err != nil {
		t.Fatal(err)
	}
	one := func(elements string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"rds-db:connect",` + elements + `}}`
	}
	documents := []string{
		one(`"Resource":"*"`), one(`"Resource":"` + appARN + `"`), one(`"Resource":"` + appARN + `*"`), one(`"NotResource":"` + appARN + `"`),
		one(`"Resource":"arn:aws:rds-db:*:*:dbuser:*/a?p"`), one(`"Resource":"` + strings.Replace(appARN, "us-west-2", "us-east-1", 1) + `"`),
		one(`"Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`),
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"rds-db:*","Resource":"` + appARN + `"}]}`,
	}
	for _, user := range users {
		documents = append(documents, mustPolicy(t, mustUser(t, database(nil), user)).JSON())
	}
	for _, condition := range denials {
		documents = append(documents, denying(condition))
	}
	allowed := 0
	for _, document := range documents {
		policy := mustParse(t, document)
		if err := server.SetPolicies(document); err != nil {
			t.Fatal(err)
		}
		for _, user := range users {
			token, err := source.Token(t.Context(), rdsiam.Login{Endpoint: endpoint, User: user})
			if err != nil {
				t.Fatal(err)
			}
			refusal := server.Verify(t.Context(), user, token.Reveal())
			if got := policy.Allows(mustUser(t, database(nil), user)); got != (refusal == nil) {
				t.Errorf("Allows = %t for %q, but the server says %v\n%s", got, user, refusal, document)
			}
			if refusal == nil {
				allowed++
			}
		}
	}
	if allowed <= len(users) || allowed >= len(documents)*len(users) {
		t.Errorf("%d logins were allowed: the test proves nothing", allowed)
	}
	for _, user := range users {
		policy := mustPolicy(t, mustUser(t, database(nil), user))
		for _, other := range users {
			if got := policy.Allows(mustUser(t, database(nil), other)); got != (user == other) {
				t.Errorf("the policy of %q allows %q: %t", user, other, got)
			}
		}
	}
}

// A policy whose pattern or variable would match still does not allow a pattern,
// which nobody can log in as.
func TestAllowsNamesOnly(t *testing.T) {
	everybody, err := database(nil).UserPattern("*")
	if err != nil {
		t.Fatal(err)
	}
	own, err := database(nil).UserPattern("${aws:username}")
	if err != nil {
		t.Fatal(err)
	}
	app := mustUser(t, database(nil), "app")
	if policy := mustPolicy(t, everybody); policy.Allows(everybody) || policy.Allows(rdsiam.UserARN{}) || !policy.Allows(app) {
		t.Error("a wildcard allows users by name and nothing else")
	}
	if mustPolicy(t, own).Allows(app) {
		t.Error("a variable without a value allows a user")
	}
}

// Whatever is read is written so that it means the same, and no part of the library
// chokes on it.
func FuzzParsePolicy(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"rds-db:connect","Resource":"` + appARN + `"}}`)
	f.Add(`%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C%22NotAction%22%3A%22*%22%2C%22NotResource%22%3A%22*%22%7D%5D%7D`)
	files, err := filepath.Glob("testdata/policy/*/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/policy/handwritten.json") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 4000 { // long ones only slow the fuzzer down
			f.Add(string(text))
		}
	}
	app := mustUser(f, database(nil), "app")
	f.Fuzz(func(t *testing.T, text string) {
		policy, err := rdsiam.ParsePolicy(text)
		if err != nil {
			return
		}
		if asWritten, err := iampolicy.Parse(text); err == nil {
			request := iampolicy.Request{Action: "rds-db:connect", Resource: app.String()}
			if want := iampolicy.Evaluate([]*iampolicy.Document{asWritten}, request).Allowed; policy.Allows(app) != want {
				t.Fatalf("%s\nallows %t, but as\n%s\nit does not", text, want, policy.JSON())
			}
		}
		again, err := rdsiam.ParsePolicy(policy.JSON())
		if err != nil || again.JSON() != policy.JSON() {
			t.Fatalf("%v\n%s\nbecame %s", err, text, policy.JSON())
		}
		if !json.Valid([]byte(policy.JSON())) || policy.Allows(app) != again.Allows(app) || len(policy.Lint()) != len(again.Lint()) {
			t.Fatalf("%s\nbecame %s", text, policy.JSON())
		}
		if _, err := policy.Terraform("x"); err != nil && !strings.Contains(policy.JSON(), "&{") {
			t.Fatal(err)
		}
		if _, err := policy.Split(rdsiam.ManagedPolicyLimit); err != nil && policy.Size() <= int(rdsiam.ManagedPolicyLimit) {
			t.Fatal(err)
		}
	})
}

func TestTerraformErrors(t *testing.T) {
	policy := mustPolicy(t, mustUser(t, database(nil), "app"))
	for _, name := range []string{"", "1a", "-a", "a b", `a"`, "${x}", "é"} {
		text, err := policy.Terraform(name)
		checkConfigError(t, err, "name of the data source")
		if text != "" {
			t.Errorf("%q: got %s as well", name, text)
		}
	}
	variable := mustPolicy(t, mustUser(t, database(nil), "a&{aws:username}"))
	if _, err := variable.Terraform("x"); err == nil {
		t.Error("what Terraform turns into a variable was written")
	}
}

// A document without a version has no policy variables. Terraform would give it the
// version that has them.
func TestTerraformKeepsTheVersion(t *testing.T) {
	old := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"rds-db:connect","Resource":"`+appARN+`${*}"}}`)
	text, err := old.Terraform("x")
	if err != nil || !strings.Contains(text, `version = "2008-10-17"`) {
		t.Errorf("%v\n%s", err, text)
	}
	if strings.Contains(old.JSON(), "Version") {
		t.Errorf("the JSON text has a version: %s", old.JSON())
	}
}

func TestTerraformOfTheZeroPolicy(t *testing.T) {
	var zero rdsiam.Policy
	if text, err := zero.Terraform("x"); err == nil {
		t.Errorf("got %s", text)
	}
}
