package causes_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
	"github.com/rdsiam/rdsiam/internal/test/symptoms"
)

func none(error) bool { return false }

func kindOf(host string) causes.Kind {
	switch {
	case strings.Contains(host, "proxy-"):
		return causes.Proxy
	case strings.Contains(host, ".dsql."):
		return causes.DSQL
	case strings.Contains(host, ".global."):
		return causes.GlobalWriter
	case strings.HasSuffix(host, ".rds.amazonaws.com"):
		return causes.Database
	}
	return causes.Outside
}

func TestEveryRuleHasASymptom(t *testing.T) {
	used := make(map[int]bool)
	for _, symptom := range symptoms.All {
		used[causes.Row(causes.Look(symptom.Err, none), kindOf(symptom.Host))] = true
	}
	for row := range causes.Rules() {
		if !used[row] {
			t.Errorf("no test reaches row %d of the table", row)
		}
	}
}

// A code without words would be an empty line for a person, words without a rule are dead.
func TestEveryCodeHasWordsAndARule(t *testing.T) {
	used := append(causes.RuleCauses(), causes.EscapedUser, causes.TunnelEndpoint)
	known := causes.LoginCodes()
	for _, code := range used {
		if !slices.Contains(known, code) {
			t.Errorf("%s has no words", code)
		}
	}
	for _, code := range known {
		if !slices.Contains(used, code) {
			t.Errorf("%s has no rule", code)
		}
		cause := causes.Sentence(code, causes.Login{User: "u"}, "n")
		if cause.Code != code || cause.Text == "" || cause.Fix == "" || strings.ContainsAny(cause.Text+cause.Fix, "{}\n") {
			t.Errorf("%+v", cause)
		}
	}
}

// A code stands for one thing in logs, whatever kind of error has it.
func TestCodesAreDistinct(t *testing.T) {
	var missing []string // several rows have the same code
	for _, cause := range causes.CredentialsCauses() {
		missing = append(missing, cause.Code)
	}
	slices.Sort(missing)
	all := slices.Concat(causes.LoginCodes(), slices.Compact(missing))
	ofCauses := len(all)
	config := codelist.ReadDir(t, "../..").Documented(t, "The codes of this package are:")
	for _, room := range []string{"../../pgx", "../../mysql", "../../provision"} {
		maps.Copy(config, codelist.ReadDir(t, room).Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:"))
	}
	maps.Copy(config, codelist.ReadDir(t, "../../provision").Documented(t, "Error is a step of a plan that failed. The codes are:"))
	all = slices.AppendSeq(all, maps.Keys(config))
	slices.Sort(all)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			t.Errorf("%s has two meanings", all[i])
		}
	}
	if len(causes.Codes()) != ofCauses {
		t.Errorf("%d codes of causes, want %d", len(causes.Codes()), ofCauses)
	}
}

// A name is put where a name belongs, and nowhere else.
func TestNamesAreNoWords(t *testing.T) {
	for user, want := range map[string]string{
		"app":       "run ALTER USER 'app'@… ACCOUNT UNLOCK",
		"USER":      "run ALTER USER 'USER'@… ACCOUNT UNLOCK",
		"{role}":    "run ALTER USER '{role}'@… ACCOUNT UNLOCK",
		"o'brien":   "run ALTER USER 'o''brien'@… ACCOUNT UNLOCK",
		"{account}": "run ALTER USER '{account}'@… ACCOUNT UNLOCK",
		"":          "run ALTER USER 'USER'@… ACCOUNT UNLOCK",
	} {
		if got := causes.Sentence(causes.AccountLocked, causes.Login{User: user}, "").Fix; got != want {
			t.Errorf("%q: got %s, want %s", user, got, want)
		}
	}
	if got, want := causes.Sentence(causes.AccountLimit, causes.Login{User: "app"}, "").Fix, "MAX_USER_CONNECTIONS of 'app'@…"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := causes.Sentence(causes.RoleParameter, causes.Login{User: `a"b`}, "{role}").Fix, `run GRANT "{role}" TO "a""b"`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAdvice(t *testing.T) {
	for parameter, want := range map[string]string{
		"pool_max_conns":         "pgxpool.ParseConfig",
		"pool_max_conn_lifetime": "pgxpool.ParseConfig",
		"hostaddr":               "give the address as host",
		"gssencmode":             "libpq knows it and pgx does not",
		"keepalives_idle":        "libpq knows it and pgx does not",
		"sslmode":                "verified TLS is set without it",
		"useSSL":                 "verified TLS is set without it",
		"serverTimezone":         "correct its spelling",
	} {
		if got := causes.Sentence(causes.UnknownParameter, causes.Login{}, parameter).Fix; !strings.Contains(got, want) {
			t.Errorf("%s: %s", parameter, got)
		}
	}
}

// The number of a MySQL error is in its text only, and in nothing that looks like one.
func TestNumberOfMySQL(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"Error 1045 (28000): Access denied", "1045"},
		{"Error 1045: Access denied", "1045"},
		{"Error 10450 (HY000): something new", "10450"},
		{"Error 104: too short", ""},
		{"Error 104500: too long", ""},
		{"Error 1O45: no number", ""},
		{"Error 1045", ""},
		{"Error 1045 (280): no state", ""},
		{"Error 1045 [28000]: no state", ""},
		{"Error 1045 28000xx: no state", ""},
		{"Error 1045 (28000) on host: no error of the driver", ""},
		{"dial: Error 1045: not at the beginning", ""},
		{"1045: no error", ""},
	} {
		got := causes.Explain(causes.Look(errors.New(test.text), none), causes.Login{})
		if got.Code != test.want || test.want != "" && got.Answer != "Error "+test.want {
			t.Errorf("%s: got %q (%s), want %q", test.text, got.Code, got.Answer, test.want)
		}
	}
}

// A server can send what it likes. A name of it is short, and in one line.
func TestNamesOfAServerAreBounded(t *testing.T) {
	secret := strings.Repeat("0123456789abcdef", 4) // as long as a signature
	got := causes.Explain(causes.Look(symptoms.MySQL("Error 1064 (42000): wrong near '"+secret+" x' at line 1"), none), causes.Login{})
	if len(got.Causes) > 0 {
		t.Errorf("%+v", got.Causes)
	}
	for _, text := range []string{
		`unrecognized configuration parameter "` + secret + `"`,
		"unrecognized configuration parameter \"a\nb\"",
	} {
		got := causes.Explain(causes.Look(symptoms.Postgres{Code: "42704", Message: text}, none), causes.Login{})
		if len(got.Causes) > 0 {
			t.Errorf("%q is explained as %+v", text, got.Causes)
		}
	}
}
