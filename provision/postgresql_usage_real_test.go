package provision_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// A grant on something in a schema is of use: USAGE on the schema comes with it, is checked, and
// goes with the last grant that needs it.
func TestPostgreSQLUsage(t *testing.T) { onPostgreSQL(t, testPostgreSQLUsage) }

func testPostgreSQLUsage(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "usage")
	owner := ownerOf("usage")
	table := provision.Table("app", "items", provision.Select)
	for name, grant := range map[string]provision.Grant{
		"usage_table": table, "usage_all_tables": provision.AllTables("app", provision.Select),
		"usage_columns":  provision.Columns("app", "items", []string{"id"}, provision.Select),
		"usage_sequence": provision.Sequence("app", "items_id_seq", provision.Select), "usage_sequences": provision.AllSequences("app", provision.Select),
		"usage_function": provision.Function("app", "f"), "usage_procedure": provision.Procedure("app", "p"), "usage_routines": provision.AllRoutines("app"),
		"usage_future": provision.FutureObjects(owner, "app", provision.Tables, provision.Select),
	} {
		a := provision.Account{Engine: provision.PostgreSQL, Name: name, Grants: []provision.Grant{grant}}
		apply(t, db, plan(t, a))
		noDrift(t, db, a)
		has := `SELECT has_schema_privilege('` + name + `', 'app', 'USAGE')`
		if got := query(t, db, has); got != "true" {
			t.Errorf("%s: no USAGE", name)
		}
		exec(t, db, `REVOKE USAGE ON SCHEMA app FROM `+name)
		if got := check(t, db, a); len(got) != 1 || got[0].String() != "missing: USAGE on schema app" {
			t.Errorf("%s: got %v", name, got)
		}
		apply(t, db, plan(t, a))
		revoke, err := a.PlanRevoke(a.Grants)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, revoke)
		if got := query(t, db, has); got != "false" {
			t.Errorf("%s: USAGE stays", name)
		}
		noDrift(t, db, provision.Account{Engine: a.Engine, Name: name})
	}

	// Another grant needs it: one that the server knows, or one that is described.
	a := provision.Account{Engine: provision.PostgreSQL, Name: "usage_two", Grants: []provision.Grant{table, provision.Function("app", "f")}}
	apply(t, db, plan(t, a))
	for _, described := range []provision.Account{a, {Engine: a.Engine, Name: a.Name}} {
		revoke, err := described.PlanRevoke([]provision.Grant{table})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, revoke)
		if got := query(t, db, `SELECT has_schema_privilege('usage_two', 'app', 'USAGE'), has_table_privilege('usage_two', 'app.items', 'SELECT')`); got != "true|false" {
			t.Errorf("got %s", got)
		}
	}
	exec(t, db, `CREATE SCHEMA "App"`, `CREATE TABLE "App".one (a int)`, `CREATE TABLE "App".two (a int)`)
	a.Grants = []provision.Grant{provision.Table("App", "one", provision.Select), provision.Table("App", "two", provision.Select)}
	apply(t, db, plan(t, a))
	for i, want := range []string{"true", "false"} {
		revoke, err := provision.Account{Engine: a.Engine, Name: a.Name}.PlanRevoke(a.Grants[i : i+1])
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, revoke)
		if got := query(t, db, `SELECT has_schema_privilege('usage_two', 'App', 'USAGE')`); got != want {
			t.Errorf("USAGE %s after %d revokes", got, i+1)
		}
	}
	a.Grants = []provision.Grant{provision.Schema("app", provision.Usage), table}
	apply(t, db, plan(t, a))
	makeExact(t, db, a)
	revoke, err := a.PlanRevoke([]provision.Grant{table})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, revoke)
	if got := check(t, db, a); len(got) != 1 || got[0].Detail != "SELECT on table app.items" {
		t.Errorf("what the description has itself: %v", got)
	}
}

// Nobody but its owner could grant USAGE on public, in databases from before PostgreSQL 15 the
// server itself, and nobody needs it; nor where a group has it.
func TestPostgreSQLUsageOfPublic(t *testing.T) { onPostgreSQL(t, testPostgreSQLUsageOfPublic) }

func testPostgreSQLUsageOfPublic(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "usage_public")
	s.admin(t, `\c usage_public`, `ALTER SCHEMA public OWNER TO CURRENT_USER`, `CREATE SCHEMA shared`, `GRANT USAGE ON SCHEMA shared TO PUBLIC`,
		`CREATE TABLE shared.t (a int)`, `ALTER TABLE shared.t OWNER TO runner`,
		`CREATE SCHEMA grouped`, `CREATE TABLE grouped.t (a int)`, `ALTER TABLE grouped.t OWNER TO runner`)
	exec(t, db, `CREATE ROLE usage_public_group`)
	s.admin(t, `\c usage_public`, `GRANT USAGE ON SCHEMA grouped TO usage_public_group, runner`)
	a := provision.Account{Engine: provision.PostgreSQL, Name: "usage_public_user", MemberOf: []string{"usage_public_group"}, Grants: []provision.Grant{
		provision.ReadOnly("usage_public"), provision.Table("public", "t", provision.Insert), provision.Table("shared", "t", provision.Select), provision.Table("grouped", "t", provision.Select)}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	if got := query(t, db, `SELECT count(*) FROM pg_namespace WHERE nspacl::text LIKE '%usage_public_user%'`); got != "0" {
		t.Error("USAGE was granted where everybody or a group has it")
	}
	revoke, err := a.PlanRevoke(a.Grants)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, revoke)
	s.admin(t, `\c usage_public`, `REVOKE USAGE ON SCHEMA shared FROM PUBLIC`)
	found := false
	for _, d := range check(t, db, a) {
		found = found || d.String() == "missing: USAGE on schema shared"
	}
	if !found {
		t.Error("Check does not see that nobody has USAGE")
	}
}
