package provision_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// One routine of a name is granted by its argument types, also where another one differs in OUT
// arguments only, and whatever a type of the session is called.
func TestPostgreSQLOverloads(t *testing.T) { onPostgreSQL(t, testPostgreSQLOverloads) }

func testPostgreSQLOverloads(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "overloads")
	exec(t, db, `CREATE DOMAIN public.text AS pg_catalog.text`, `CREATE TYPE public."My, Type" AS ENUM ('a')`, `SET ROLE "`+ownerOf("overloads")+`"`)
	for _, routine := range []string{
		`FUNCTION app.over()`, `FUNCTION app.over(int)`, `FUNCTION app.over(int, pg_catalog.text)`, `FUNCTION app.over(int, public.text)`, `FUNCTION app.over(public."My, Type"[])`,
		`FUNCTION app.over(VARIADIC numeric[])`, `FUNCTION app.over(timestamptz, OUT a int, OUT b int)`,
	} {
		body := ` RETURNS int LANGUAGE sql AS 'SELECT 1'`
		if strings.Contains(routine, "OUT") {
			body = ` LANGUAGE sql AS 'SELECT 1, 2'`
		}
		exec(t, db, `CREATE `+routine+body)
	}
	exec(t, db, `CREATE PROCEDURE app.over_procedure(IN int) LANGUAGE plpgsql AS 'BEGIN END'`, `CREATE PROCEDURE app.over_procedure(OUT int) LANGUAGE plpgsql AS 'BEGIN END'`,
		`REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA app FROM PUBLIC`, `RESET ROLE`)
	const granted = `SELECT string_agg(p.oid::regprocedure::text, '; ' ORDER BY 1) FROM pg_proc p WHERE proacl::text LIKE '%overloads_user%'`
	for _, tt := range []struct {
		grant provision.Grant
		want  string
	}{
		{provision.Function("app", "over", provision.NoArguments), "app.over()"},
		{provision.Function("app", "over", "int"), "app.over(integer)"},
		{provision.Function("app", "over", "integer", "text"), "app.over(integer,pg_catalog.text)"},
		{provision.Function("app", "over", "int4", "public.text"), "app.over(integer,public.text)"},
		{provision.Function("app", "over", `public."My, Type"[]`), `app.over(public."My, Type"[])`},
		{provision.Function("app", "over", "numeric[]"), "app.over(numeric[])"},
		{provision.Function("app", "over", "timestamp with time zone"), "app.over(timestamp with time zone)"},
		{provision.Procedure("app", "over_procedure", "int"), "app.over_procedure(integer)"},
		{provision.Procedure("app", "over_procedure", provision.NoArguments), "app.over_procedure()"},
		{provision.Procedure("app", "over_procedure"), "app.over_procedure(); app.over_procedure(integer)"},
	} {
		a := provision.Account{Engine: provision.PostgreSQL, Name: "overloads_user", Grants: []provision.Grant{tt.grant}}
		session := s.open(t, runner, runnerPassword, "overloads", map[string]string{"search_path": "public, pg_catalog"})
		apply(t, session, plan(t, a))
		noDrift(t, session, a)
		got := query(t, s.open(t, runner, runnerPassword, "overloads", map[string]string{"search_path": "pg_catalog"}), strings.ReplaceAll(granted, "ORDER BY 1", "ORDER BY p.oid::regprocedure::pg_catalog.text"))
		if got := strings.ReplaceAll(got, "OUT integer", ""); got != tt.want && got != strings.ReplaceAll(tt.want, "pg_catalog.", "") {
			t.Errorf("%v: granted %s, want %s", tt.grant, got, tt.want)
		}
		none := provision.Account{Engine: a.Engine, Name: a.Name}
		if got := kindsOf(check(t, session, none)); !strings.HasPrefix(got, "extra extra") {
			t.Errorf("%v: %s", tt.grant, got)
		}
		makeExact(t, session, none)
		noDrift(t, session, none)
	}
	missing := provision.Account{Engine: provision.PostgreSQL, Name: "overloads_user", Grants: []provision.Grant{provision.Function("app", "over", "int", "no_type")}}
	if _, err := provision.Apply(t.Context(), db, plan(t, missing)); err == nil || !strings.Contains(err.Error(), "app.over(int, no_type) does not exist") {
		t.Errorf("got %v", err)
	}
	// One overload that lacks the right is missed.
	all := provision.Account{Engine: provision.PostgreSQL, Name: "overloads_user", Grants: []provision.Grant{provision.Function("app", "over")}}
	apply(t, db, plan(t, all))
	exec(t, db, `SET ROLE "`+ownerOf("overloads")+`"`, `REVOKE EXECUTE ON FUNCTION app.over(int) FROM overloads_user`, `RESET ROLE`)
	if got := check(t, db, all); len(got) != 1 || got[0].Detail != "EXECUTE on function app.over(integer)" {
		t.Errorf("got %v", got)
	}
}
