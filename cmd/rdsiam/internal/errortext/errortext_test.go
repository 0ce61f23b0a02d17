package errortext_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
	"github.com/rdsiam/rdsiam/internal/test/symptoms"
	"github.com/rdsiam/rdsiam/provision"
)

// A code that the library gets must be looked at here too: does its text name an option?
func TestEveryCodeHasWords(t *testing.T) {
	codes := slices.Clone(causes.Codes())
	for code := range codelist.ReadDir(t, "../../../..").Documented(t, "The codes of this package are:") {
		codes = append(codes, code)
	}
	for _, room := range []string{"pgx", "mysql", "provision"} {
		found := codesIn(t, room)
		if len(found) < 10 {
			t.Errorf("only %d codes in %s: this reads the source wrongly", len(found), room)
		}
		codes = append(codes, found...)
	}
	known := errortext.Codes()
	for _, code := range codes {
		if !slices.Contains(known, code) {
			t.Errorf("words.go has nothing for %s", code)
		}
	}
	for _, code := range known {
		if !slices.Contains(codes, code) {
			t.Errorf("words.go has words for %s, which the library does not have", code)
		}
	}
}

// What the library says where the command line has no words of its own names no option,
// field or package of Go.
func TestTextsOfTheLibraryAreForAShell(t *testing.T) {
	for _, room := range []string{".", "pgx", "mysql", "provision"} {
		for _, said := range textsIn(t, room) {
			fixed, program := errortext.Replaces(said.code)
			if program || fixed {
				continue
			}
			if found := goName.FindString(said.text); found != "" {
				t.Errorf("%s names %s: %s", said.code, found, said.text)
			}
		}
	}
	for _, cause := range causes.CredentialsCauses() {
		checkExplanation(t, rdsiam.Explanation{Causes: []rdsiam.Cause{{Code: cause.Code, Text: cause.Text, Fix: cause.Fix}}})
	}
	for _, symptom := range symptoms.All {
		endpoint, err := rdsiam.ResolveEndpoint("db.example.com:5432", 5432, rdsiam.WithRegion("eu-west-1"))
		if err != nil {
			t.Fatal(err)
		}
		checkExplanation(t, rdsiam.Explain(symptom.Err))
		checkExplanation(t, rdsiam.Login{Endpoint: endpoint}.Explain(symptom.Err))
	}
}

func checkExplanation(t *testing.T, found rdsiam.Explanation) {
	t.Helper()
	for _, cause := range errortext.Explanation(found).Causes {
		if name := goName.FindString(cause.Text + " " + cause.Fix); name != "" {
			t.Errorf("%s names %s: %s; %s", cause.Code, name, cause.Text, cause.Fix)
		}
	}
}

// Errors of endpoints name flags, also inside another error.
func TestOfEndpoints(t *testing.T) {
	const host = "prod.abc123.eu-west-1.rds.amazonaws.com:5432"
	for _, tt := range []struct {
		address string
		options []rdsiam.EndpointOption
		want    string
	}{
		{"10.0.0.1:5432", nil, "commands that log in take a tunnel to it with --dial"},
		{"db.example.com:5432", nil, "or give --region to sign this name as it is"},
		{"prod.cluster-custom-abc123.eu-west-1.rds.amazonaws.com:5432", nil, "as ENDPOINT and dial this one with --dial"},
		{"prod.global-abc123.global.rds.amazonaws.com:5432", nil, "with --region"},
		{host, []rdsiam.EndpointOption{rdsiam.WithRegion("us-east-1")}, `--region "us-east-1": `},
		{host, []rdsiam.EndpointOption{rdsiam.WithRegion("eu west")}, "leave --region out"},
		{host, []rdsiam.EndpointOption{rdsiam.WithEndpoint("a b")}, "ENDPOINT: "},
	} {
		_, err := rdsiam.ResolveEndpoint(tt.address, 5432, tt.options...)
		got := errortext.Of(err)
		if !strings.Contains(got, tt.want) || strings.HasPrefix(got, "rdsiam: ") {
			t.Errorf("%s: %s; want %q", tt.address, got, tt.want)
		}
		if inside := errortext.Of(fmt.Errorf("--as: %w", err)); inside != "--as: "+got {
			t.Errorf("%s", inside)
		}
	}
}

// Several errors at once have their words each.
func TestOfJoined(t *testing.T) {
	_, one := rdsiam.ResolveEndpoint("10.0.0.1", 5432)
	_, other := rdsiam.ResolveEndpoint("db.example.com", 5432)
	want := errortext.Of(one) + "\n" + errortext.Of(other)
	if got := errortext.Of(errors.Join(one, other)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestOfUnknownErrors(t *testing.T) {
	for _, err := range []error{errors.New("rdsiam: no error of the library"), errors.New("other")} {
		if got := errortext.Of(err); got != err.Error() {
			t.Errorf("%s became %s", err, got)
		}
	}
	unknown := &rdsiam.ConfigError{Code: "of-tomorrow", Setting: "WithRegion", Value: "v", Problem: "is new", Fix: "update"}
	if got, want := errortext.Of(unknown), `--region "v": is new; update`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Descriptions of accounts name flags.
func TestOfAccounts(t *testing.T) {
	app := provision.Account{Engine: provision.PostgreSQL, Name: "app"}
	on := func(engine provision.Engine, change func(*provision.Account)) error {
		account := app
		account.Engine = engine
		change(&account)
		_, err := account.Plan()
		return err
	}
	drop := func(engine provision.Engine, options provision.DropOptions) error {
		account := app
		account.Engine = engine
		_, err := account.PlanDrop(options)
		return err
	}
	for want, err := range map[string]error{
		`--user "public"`:     on(provision.PostgreSQL, func(a *provision.Account) { a.Name = "public" }),
		`--member-of "app"`:   on(provision.PostgreSQL, func(a *provision.Account) { a.MemberOf = []string{"app"} }),
		`--host "10.%"`:       on(provision.PostgreSQL, func(a *provision.Account) { a.Host = "10.%" }),
		`--comment "mine"`:    on(provision.MariaDB, func(a *provision.Account) { a.Comment = "mine" }),
		"--max-connections":   on(provision.MySQL, func(a *provision.Account) { a.MaxConnections = -1 }),
		"--allow-plaintext":   on(provision.PostgreSQL, func(a *provision.Account) { a.AllowPlaintext = true }),
		`--reassign-to "app"`: drop(provision.PostgreSQL, provision.DropOptions{ReassignTo: "app"}),
		"--reassign-to, --k":  drop(provision.MySQL, provision.DropOptions{KeepRole: true}),
		"--schema or --future-": on(provision.MySQL, func(a *provision.Account) {
			a.Grants = []provision.Grant{provision.ReadOnly("shop", provision.FutureTablesOf("owner"))}
		}),
	} {
		if err == nil {
			t.Errorf("%s: accepted", want)
			continue
		}
		if got := errortext.Of(err); !strings.Contains(got, want) || goName.MatchString(got) {
			t.Errorf("%s; want %s in it, and no identifier", got, want)
		}
	}
	failed := &provision.Error{Kind: provision.ErrUnmanaged, Code: "account-unmanaged", Account: "app"}
	if got := errortext.Of(failed); !strings.Contains(got, `account "app": `) || !strings.Contains(got, "--adopt") {
		t.Error(got)
	}
}
