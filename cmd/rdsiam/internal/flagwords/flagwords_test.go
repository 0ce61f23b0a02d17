package flagwords_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/flagwords"
	"github.com/rdsiam/rdsiam/provision"
)

// The library's own errors are told without its options, which nobody can give in a shell.
func TestReplace(t *testing.T) {
	const host = "prod.abc123.eu-west-1.rds.amazonaws.com:5432"
	for _, tt := range []struct {
		address string
		options []rdsiam.EndpointOption
		want    string
	}{
		{"10.0.0.1:5432", nil, "name the endpoint, and the tunnel with --dial"},
		{"db.example.com:5432", nil, "or give --region to sign this name as it is"},
		{"prod.cluster-custom-abc123.eu-west-1.rds.amazonaws.com:5432", nil, "as ENDPOINT and what is dialed with --dial"},
		{"prod.global-abc123.global.rds.amazonaws.com:5432", nil, "with --region"},
		{host, []rdsiam.EndpointOption{rdsiam.WithRegion("us-east-1")}, `--region "us-east-1": contradicts`},
		{host, []rdsiam.EndpointOption{rdsiam.WithRegion("eu west")}, "leave --region out"},
		{host, []rdsiam.EndpointOption{rdsiam.WithRootCAs(nil)}, "leave --root-cas out"},
	} {
		_, err := rdsiam.ResolveEndpoint(tt.address, 5432, tt.options...)
		if err == nil {
			t.Errorf("%s is accepted", tt.address)
			continue
		}
		if got := flagwords.Replace(err.Error()); !strings.Contains(got, tt.want) || strings.Contains(got, "With") {
			t.Errorf("%s: %s; want %q in it, and no option", tt.address, got, tt.want)
		}
	}
}

// An identifier of package provision, as its texts name it.
var identifier = regexp.MustCompile(`(provision|Account|DropOptions)\.[A-Z]|ReassignTo|KeepRole|InSchemas|FutureTablesOf`)

// Nor are descriptions of accounts told with the fields of package provision.
func TestReplaceProvision(t *testing.T) {
	app := provision.Account{Engine: provision.PostgreSQL, Name: "app"}
	on := func(engine provision.Engine, change func(*provision.Account)) func() error {
		return func() error {
			account := app
			account.Engine = engine
			change(&account)
			_, err := account.Plan()
			return err
		}
	}
	drop := func(engine provision.Engine, options provision.DropOptions) func() error {
		return func() error {
			account := app
			account.Engine = engine
			_, err := account.PlanDrop(options)
			return err
		}
	}
	for want, plan := range map[string]func() error{
		`--user "public"`:       on(provision.PostgreSQL, func(a *provision.Account) { a.Name = "public" }),
		`--member-of "app"`:     on(provision.PostgreSQL, func(a *provision.Account) { a.MemberOf = []string{"app"} }),
		`--host "10.%"`:         on(provision.PostgreSQL, func(a *provision.Account) { a.Host = "10.%" }),
		`--comment "mine"`:      on(provision.MariaDB, func(a *provision.Account) { a.Comment = "mine" }),
		"--max-connections":     on(provision.MySQL, func(a *provision.Account) { a.MaxConnections = -1 }),
		"--allow-plaintext":     on(provision.PostgreSQL, func(a *provision.Account) { a.AllowPlaintext = true }),
		`--reassign-to "app"`:   drop(provision.PostgreSQL, provision.DropOptions{ReassignTo: "app"}),
		"--reassign-to and --k": drop(provision.MySQL, provision.DropOptions{KeepRole: true}),
		"--schema or --future-": on(provision.MySQL, func(a *provision.Account) {
			a.Grants = []provision.Grant{provision.ReadOnly("shop", provision.FutureTablesOf("owner"))}
		}),
	} {
		err := plan()
		if err == nil {
			t.Errorf("%s: accepted", want)
			continue
		}
		if got := flagwords.Replace(err.Error()); !strings.Contains(got, want) || identifier.MatchString(got) {
			t.Errorf("%s; want %s in it, and no identifier", got, want)
		}
	}
}

// What the SQL of PostgreSQL raises reads the same when apply or drop passes it on.
func TestReplaceRaised(t *testing.T) {
	app := provision.Account{Engine: provision.PostgreSQL, Name: "app"}
	create, err := app.Plan()
	if err != nil {
		t.Fatal(err)
	}
	drop, err := app.PlanDrop(provision.DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	app.Reach = provision.ProxyStandard
	standard, err := app.Plan()
	if err != nil {
		t.Fatal(err)
	}
	sql := create.String() + drop.String() + standard.String()
	if !identifier.MatchString(sql) {
		t.Fatal("the SQL names nothing of the library: this tests nothing")
	}
	got := flagwords.Replace(sql)
	if found := identifier.FindStringIndex(got); found != nil {
		t.Errorf("…%s…", got[max(0, found[0]-100):min(len(got), found[1]+50)])
	}
	for _, want := range []string{"take it over with --adopt", "say who gets it with --reassign-to", "run rdsiam provision drop --keep-role first", "set another --reach"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}
