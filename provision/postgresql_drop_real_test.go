package provision_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// dropPlan returns the plan that drops an account.
func dropPlan(t *testing.T, a provision.Account, d provision.DropOptions) *provision.Plan {
	t.Helper()
	p, err := a.PlanDrop(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// grantedOf returns what a report says was in the way, without the statements.
func grantedOf(r *provision.Report) (all []string) {
	for _, g := range r.Granted {
		all = append(all, g.Privilege+" on "+g.Object+": "+g.Grantor+" to "+g.Grantee)
	}
	return all
}

// refusedDrop runs a drop that must fail with a code, a text and no change, and returns what was
// in the way.
func refusedDrop(t *testing.T, db *sql.DB, p *provision.Plan, code, text string) string {
	t.Helper()
	before := query(t, db, pgDump)
	report, err := provision.Apply(t.Context(), db, p)
	failed := (*provision.Error)(nil)
	if !errors.As(err, &failed) || failed.Code != code || failed.Fix == "" || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %s with %s", err, code, text)
	}
	if after := query(t, db, pgDump); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}
	return strings.Join(grantedOf(report), "\n")
}

// A role that is released from one database keeps what it has in others, and is dropped in the
// last.
func TestPostgreSQLReleaseKeepsOthers(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLReleaseKeepsOthers)
}

func testPostgreSQLReleaseKeepsOthers(t *testing.T, s *testServer) {
	one, two := pgDatabase(t, s, "release_one"), pgDatabase(t, s, "release_two")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "release user", Grants: []provision.Grant{provision.Database("release_one", provision.Connect), provision.Table("app", "items", provision.Select)}}
	apply(t, one, plan(t, a))
	exec(t, one, `GRANT CONNECT, TEMPORARY, CREATE ON DATABASE release_two TO "release user"`, `GRANT CREATE ON DATABASE release_two TO "release user" WITH GRANT OPTION`)
	const acl = `SELECT datacl FROM pg_database WHERE datname = 'release_two'`
	before := query(t, one, acl)
	refusedDrop(t, one, dropPlan(t, a, provision.DropOptions{}), "account-in-use", "database release_two")
	for range 2 {
		apply(t, one, dropPlan(t, a, provision.DropOptions{KeepRole: true}))
		if got := query(t, one, acl); got != before {
			t.Errorf("%s became %s", before, got)
		}
	}
	none := provision.Account{Engine: a.Engine, Name: a.Name}
	noDrift(t, one, none)
	apply(t, two, dropPlan(t, a, provision.DropOptions{}))
	if got := query(t, one, `SELECT count(*) FROM pg_roles WHERE rolname = 'release user'`); got != "0" {
		t.Error("the role is still there")
	}
}

// The statements of a report revoke what they are said to, of every kind of object.
func TestPostgreSQLDropStatements(t *testing.T) { onPostgreSQL(t, testPostgreSQLDropStatements) }

func testPostgreSQLDropStatements(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "statements")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "statements_user", Grants: []provision.Grant{provision.Schema("app", provision.Usage)}}
	apply(t, db, plan(t, a))
	s.admin(t, `CREATE ROLE statements_grantee`, `\c statements`, `CREATE MATERIALIZED VIEW app.m AS SELECT 1`, `CREATE VIEW app.v AS SELECT 1`, `CREATE SEQUENCE app.s`,
		`CREATE AGGREGATE app.a(int) (SFUNC = int4pl, STYPE = int)`, `CREATE FOREIGN DATA WRAPPER w`, `CREATE SERVER fs FOREIGN DATA WRAPPER w`)
	objects := []string{"SELECT ON app.m", "SELECT ON app.v", "USAGE ON SEQUENCE app.s", "EXECUTE ON FUNCTION app.a(int)", "EXECUTE ON PROCEDURE app.p()",
		"USAGE ON FOREIGN DATA WRAPPER w", "USAGE ON FOREIGN SERVER fs", "CREATE ON SCHEMA app"}
	for _, object := range objects {
		s.admin(t, `\c statements`, "GRANT "+object+" TO statements_user WITH GRANT OPTION", "SET ROLE statements_user", "GRANT "+object+" TO statements_grantee")
	}
	report, err := provision.Apply(t.Context(), db, dropPlan(t, a, provision.DropOptions{RevokeGranted: true}))
	if err == nil {
		t.Fatal("dropped, although a superuser has granted something")
	}
	for _, g := range report.Granted {
		s.admin(t, `\c statements`, `SET ROLE "`+g.Grantor+`"`, g.Revoke)
	}
	report = apply(t, db, dropPlan(t, a, provision.DropOptions{}))
	if len(report.Granted) > 0 {
		t.Errorf("left: %v", grantedOf(report))
	}
}

// What the account granted to others is listed and left alone, unless it is to go, too.
func TestPostgreSQLDropOfGrantor(t *testing.T) { onPostgreSQL(t, testPostgreSQLDropOfGrantor) }

func testPostgreSQLDropOfGrantor(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "grantor")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "grantor_user", Grants: []provision.Grant{provision.Schema("app", provision.Usage)}}
	apply(t, db, plan(t, a))
	s.admin(t, `CREATE ROLE "its grantee"`, `CREATE ROLE grantor_group`, `\c grantor`, `CREATE TYPE app.color AS ENUM ('red')`, `ALTER TYPE app.color OWNER TO runner`,
		`GRANT SELECT, INSERT ON app.items TO grantor_user WITH GRANT OPTION`, `GRANT UPDATE (name) ON app.items TO grantor_user WITH GRANT OPTION`,
		`GRANT EXECUTE ON FUNCTION app.f(int) TO grantor_user WITH GRANT OPTION`, `GRANT CONNECT ON DATABASE grantor TO grantor_user WITH GRANT OPTION`,
		`GRANT USAGE ON TYPE app.color TO grantor_user WITH GRANT OPTION`,
		`SET ROLE grantor_user`, `GRANT SELECT, INSERT ON app.items TO "its grantee"`, `GRANT UPDATE (name) ON app.items TO "its grantee"`, `GRANT EXECUTE ON FUNCTION app.f(int) TO PUBLIC`,
		`GRANT CONNECT ON DATABASE grantor TO "its grantee"`, `GRANT USAGE ON TYPE app.color TO "its grantee"`)
	want := []string{"CONNECT on database grantor: grantor_user to its grantee", "EXECUTE on function app.f(integer): grantor_user to PUBLIC",
		"INSERT on table app.items: grantor_user to its grantee", "SELECT on table app.items: grantor_user to its grantee",
		"UPDATE on table app.items (name): grantor_user to its grantee", "USAGE on type app.color: grantor_user to its grantee"}
	if !s.isPostgreSQL15() { // where the membership would outlive its grantor
		s.admin(t, `GRANT grantor_group TO grantor_user WITH ADMIN OPTION`, `SET ROLE grantor_user`, `GRANT grantor_group TO "its grantee"`)
		want = slices.Insert(want, 2, "MEMBER on role grantor_group: grantor_user to its grantee")
	}
	for _, keep := range []bool{true, false} {
		got := refusedDrop(t, db, dropPlan(t, a, provision.DropOptions{KeepRole: keep}), "account-granted", "SELECT on table app.items to its grantee")
		if got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
	// As a file, too.
	if _, err := db.ExecContext(t.Context(), dropPlan(t, a, provision.DropOptions{}).Migration()); err == nil || !strings.Contains(err.Error(), "SELECT on table app.items to its grantee") {
		t.Errorf("a file: %v", err)
	}
	report := apply(t, db, dropPlan(t, a, provision.DropOptions{RevokeGranted: true}))
	if got := strings.Join(grantedOf(report), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if got := query(t, db, `SELECT has_table_privilege('its grantee', 'app.items', 'SELECT')`); got != "false" {
		t.Error("the grantee still has it")
	}
}

// What others than the owner granted to the account is named, with the statement for who can
// revoke it.
func TestPostgreSQLDropOfThirdParty(t *testing.T) { onPostgreSQL(t, testPostgreSQLDropOfThirdParty) }

func testPostgreSQLDropOfThirdParty(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "third")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "third user", Grants: []provision.Grant{provision.Table("app", "items", provision.Select)}}
	apply(t, db, plan(t, a))
	s.admin(t, `CREATE ROLE "third party"`, `\c third`, `GRANT USAGE ON SCHEMA app TO "third party"`, `GRANT SELECT, UPDATE (id) ON app.other TO "third party" WITH GRANT OPTION`,
		`GRANT EXECUTE ON FUNCTION app.f(int) TO "third party" WITH GRANT OPTION`,
		`SET ROLE "third party"`, `GRANT SELECT, UPDATE (id) ON app.other TO "third user"`, `GRANT EXECUTE ON FUNCTION app.f(int) TO "third user"`)
	for _, keep := range []bool{true, false} {
		got := refusedDrop(t, db, dropPlan(t, a, provision.DropOptions{KeepRole: keep}), "account-granted-by-others", `as "third party": REVOKE SELECT ON TABLE app.other FROM "third user"`)
		want := []string{"EXECUTE on function app.f(integer): third party to third user", "SELECT on table app.other: third party to third user", "UPDATE on table app.other (id): third party to third user"}
		if got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
	report, err := provision.Apply(t.Context(), db, dropPlan(t, a, provision.DropOptions{}))
	if err == nil {
		t.Fatal("no error")
	}
	statements := []string{`\c third`, `SET ROLE "third party"`}
	for _, g := range report.Granted {
		statements = append(statements, g.Revoke)
	}
	s.admin(t, statements...)
	apply(t, db, dropPlan(t, a, provision.DropOptions{}))
	if got := query(t, db, `SELECT count(*) FROM pg_roles WHERE rolname = 'third user'`); got != "0" {
		t.Error("the role is still there")
	}
}

// A role that may not own what it would get is named, with the statements that let it.
func TestPostgreSQLDropToHeir(t *testing.T) { onPostgreSQL(t, testPostgreSQLDropToHeir) }

func testPostgreSQLDropToHeir(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "heirs")
	exec(t, db, `CREATE SCHEMA "Mixed Case"`, `CREATE SCHEMA tables`, `CREATE ROLE "the heir"`)
	may := []provision.Privilege{provision.Usage, provision.Create}
	a := provision.Account{Engine: provision.PostgreSQL, Name: "heir_giver", Grants: []provision.Grant{
		provision.Schema("app", may...), provision.Schema("Mixed Case", may...), provision.Schema("tables", may...), provision.Database("heirs", provision.Create)}}
	apply(t, db, plan(t, a))
	s.admin(t, `\c heirs`, `SET ROLE heir_giver`, `CREATE FUNCTION app.its() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE COLLATION "Mixed Case".its (LOCALE = 'C')`,
		`CREATE TABLE tables.its (id serial)`, `CREATE TYPE tables.color AS ENUM ('a')`, `CREATE SCHEMA its_own`, `RESET ROLE`,
		`ALTER DATABASE heirs OWNER TO CURRENT_USER`, `REVOKE CREATE ON DATABASE heirs FROM runner, heir_giver`)
	drop := dropPlan(t, a, provision.DropOptions{ReassignTo: "the heir"})
	statements := []string{`GRANT CREATE ON DATABASE heirs TO runner`, `GRANT CREATE ON SCHEMA "Mixed Case" TO "the heir"`, `GRANT CREATE ON SCHEMA app TO "the heir"`}
	refusedDrop(t, db, drop, "heir-without-create", `to role "the heir" after: `+strings.Join(statements, "; "))
	s.admin(t, append([]string{`\c heirs`}, statements...)...)
	s.admin(t, `ALTER DATABASE heirs OWNER TO runner`)
	apply(t, db, drop)
	if got := query(t, db, `SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'tables'::regnamespace`); got != "the heir" {
		t.Errorf("owner %q", got)
	}
}
