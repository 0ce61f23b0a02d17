package grants_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/grants"
	"github.com/rdsiam/rdsiam/provision"
)

// planned returns the SQL of an account that has the grant and nothing else.
func planned(t *testing.T, engine provision.Engine, grant provision.Grant) string {
	t.Helper()
	plan, err := provision.Account{Engine: engine, Name: "app", Grants: []provision.Grant{grant}}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text string
		want provision.Grant
	}{
		{"select, insert on table app.orders", provision.Table("app", "orders", provision.Select, provision.Insert)},
		{"SELECT ON TABLE App.Orders", provision.Table("App", "Orders", provision.Select)},
		{`select on table "a.b"."c ""d"""`, provision.Table("a.b", `c "d"`, provision.Select)},
		{`select on table app."on"`, provision.Table("app", "on", provision.Select)},
		{`select on columns app.t (id, "full name")`, provision.Columns("app", "t", []string{"id", "full name"}, provision.Select)},
		{"connect on database app", provision.Database("app", provision.Connect)},
		{"usage on schema app", provision.Schema("app", provision.Usage)},
		{"usage on sequence app.s", provision.Sequence("app", "s", provision.Usage)},
		{"execute on function app.f", provision.Function("app", "f")},
		{"execute on function app.f(int, double precision)", provision.Function("app", "f", "int", "double precision")},
		{"execute on function app.f()", provision.Function("app", "f", provision.NoArguments)},
		{"execute on procedure app.p", provision.Procedure("app", "p")},
		{"select, update on all tables in app", provision.AllTables("app", provision.Select, provision.Update)},
		{"usage on all sequences in app", provision.AllSequences("app", provision.Usage)},
		{"execute on all routines in app", provision.AllRoutines("app")},
		{"select on future tables of owner in app", provision.FutureObjects("owner", "app", provision.Tables, provision.Select)},
		{"execute on future routines of owner in app", provision.FutureObjects("owner", "app", provision.Routines, provision.Execute)},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, err := grants.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := planned(t, provision.PostgreSQL, got), planned(t, provision.PostgreSQL, test.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	got, err := grants.Parse("process, replication client on server")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := planned(t, provision.MariaDB, got), planned(t, provision.MariaDB, provision.Server(provision.Process, provision.ReplicationClient)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got, err = grants.Parse("show view, create temporary tables on database app")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := planned(t, provision.MySQL, got), planned(t, provision.MySQL, provision.Database("app", provision.ShowView, provision.Temporary)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", `no "on"`},
		{"select", `no "on"`},
		{"all on table app.orders", `"all" is none of the privileges`},
		{"select, on table app.orders", `"" is none of the privileges`},
		{"select on orders", `after "on" comes one of`},
		{"select on table orders", "needs its schema or database"},
		{"select on table app.", "name of the table is missing"},
		{"select on table app.orders with grant option", `"with" is left over`},
		{`select on table app."orders`, `does not end with one`},
		{"select on columns app.orders", `it ends where "("`},
		{"select on columns app.orders ()", "column is missing"},
		{"select on columns app.orders (a b)", `"b" is where ","`},
		{"select on all things in app", "after \"all\" comes one of"},
		{"select on future tables in app", `"in" is where "of"`},
		{"select on table", "schema of the table is missing"},
		{"select on columns orders (id)", "needs its schema or database"},
		{"select on all tables of app", `"of" is where "in"`},
		{"select on future things of owner in app", `after "future" comes one of`},
		{"select on future tables of", "owner is missing"},
		{"select on future tables of owner app", `"app" is where "in"`},
		{"select on all tables in schema public", "leave the word schema out: in public"},
		{"select on future tables of o in schema public", "leave the word schema out: in public"},
		{"select on public.orders", "for a table, write: on table public.orders"},
		{"execute on function f(int)", "needs its schema or database, as in app.f"},
		{"execute on function app.f(int", "as in function app.f(int, text)"},
		{"select on function app.f", "privilege on a routine is execute"},
		{"select on all routines in app", "privilege on a routine is execute"},
	} {
		t.Run(test.text, func(t *testing.T) {
			if _, err := grants.Parse(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
