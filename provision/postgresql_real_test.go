package provision_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// endToEndUser is the account whose tokens the verifiers know.
const endToEndUser = `End-to-end "user" $1`

// pgDatabase makes a database of the runner's with schema app, some tables, and a role
// app_owner_<name> that owns them, and returns a pool of the runner in it.
func pgDatabase(t *testing.T, s *testServer, name string) *sql.DB {
	t.Helper()
	owner := ownerOf(name)
	s.admin(t, `CREATE DATABASE "`+name+`" OWNER runner`)
	db := s.runner(t, name)
	exec(t, db,
		// Who creates a role may grant it, in every version.
		`CREATE ROLE "`+owner+`" NOLOGIN`, `GRANT "`+owner+`" TO runner`,
		`CREATE SCHEMA app`, `GRANT ALL ON SCHEMA app TO "`+owner+`"`, `SET ROLE "`+owner+`"`,
		`CREATE TABLE app.items (id serial PRIMARY KEY, name text, secret text)`,
		`CREATE TABLE app.other (id int)`,
		`CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE PROCEDURE app.p() LANGUAGE sql AS 'SELECT 1'`,
		`REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA app FROM PUBLIC`,
		`RESET ROLE`, `CREATE TABLE public.t (a int, b int)`)
	return db
}

func ownerOf(database string) string { return "owner of " + database }

// pgDump returns all access control lists of a database, and all memberships.
const pgDump = `
	SELECT 'd', datname::text, datacl::text FROM pg_database
	UNION ALL SELECT 'n', nspname::text, nspacl::text FROM pg_namespace
	UNION ALL SELECT 'c', relname::text, relacl::text FROM pg_class WHERE relkind IN ('r', 'S', 'v')
	UNION ALL SELECT 'a', attname::text, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL
	UNION ALL SELECT 'p', proname::text, proacl::text FROM pg_proc WHERE proacl IS NOT NULL
	UNION ALL SELECT 'f', defaclrole::regrole::text || defaclobjtype::text, defaclacl::text FROM pg_default_acl
	UNION ALL SELECT 'm', roleid::regrole::text || ' to ' || member::regrole::text || ' by ' || grantor::regrole::text, admin_option::text FROM pg_auth_members
	UNION ALL SELECT 'r', rolname::text, rolcanlogin::text || rolconnlimit::text || coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles
	ORDER BY 1, 2, 3`

// fullAccount uses every statement that there is for PostgreSQL.
func fullAccount(name, database string) provision.Account {
	return provision.Account{
		Engine: provision.PostgreSQL, Name: name, MaxConnections: 7, Comment: `it's "for" \ tests`,
		MemberOf: []string{ownerOf(database)},
		Grants: []provision.Grant{
			provision.ReadOnly(database, provision.InSchemas("app"), provision.FutureTablesOf(ownerOf(database))),
			provision.Database(database, provision.Temporary, provision.Create),
			provision.Schema("public", provision.Usage, provision.Create),
			provision.Table("app", "items", provision.Insert, provision.Update, provision.Delete, provision.Truncate, provision.References, provision.Trigger),
			provision.Columns("public", "t", []string{"b", "a"}, provision.Select, provision.Update),
			provision.Sequence("app", "items_id_seq", provision.Usage, provision.Update),
			provision.Function("app", "f"), provision.Procedure("app", "p"),
			provision.AllRoutines("public"),
			provision.FutureObjects(ownerOf(database), "app", provision.Routines, provision.Execute),
		},
	}
}

// sessions are the settings under which every statement must mean the same.
var pgSessions = []struct {
	name       string
	parameters map[string]string
}{
	{"default", nil},
	{"standard_conforming_strings off", map[string]string{"standard_conforming_strings": "off", "backslash_quote": "off"}},
	{"hostile search_path", map[string]string{"search_path": "trap, pg_catalog"}},
	{"strict PL/pgSQL", map[string]string{"plpgsql.extra_errors": "all", "plpgsql.extra_warnings": "all"}},
	{"serializable", map[string]string{"default_transaction_isolation": "serializable"}},
}

func TestPostgreSQLTwice(t *testing.T) { onPostgreSQL(t, testPostgreSQLTwice) }

func testPostgreSQLTwice(t *testing.T, s *testServer) {
	for i, session := range pgSessions {
		t.Run(session.name, func(t *testing.T) {
			database := fmt.Sprintf("twice_%d", i)
			db := pgDatabase(t, s, database)
			// Every = of a text would be false, every function fail.
			exec(t, db, `CREATE SCHEMA trap`,
				`CREATE FUNCTION trap.no(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
				`CREATE FUNCTION trap.no(name, text) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
				`CREATE OPERATOR trap.= (FUNCTION = trap.no, LEFTARG = text, RIGHTARG = text)`,
				`CREATE OPERATOR trap.= (FUNCTION = trap.no, LEFTARG = name, RIGHTARG = text)`,
				`CREATE FUNCTION trap.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT ''nonsense'''`,
				`CREATE DOMAIN trap.text AS pg_catalog.text CHECK (VALUE IS NULL)`)
			a := fullAccount("twice "+session.name, database)
			hostile := s.open(t, runner, runnerPassword, database, session.parameters)
			apply(t, hostile, plan(t, a))
			before := query(t, db, pgDump)
			apply(t, hostile, plan(t, a))
			if after := query(t, db, pgDump); after != before {
				t.Errorf("the second run changed\n%s\nto\n%s", before, after)
			}
			noDrift(t, hostile, a)
			retire(t, hostile, a, provision.DropOptions{ReassignTo: ownerOf(database)})
			conn, err := hostile.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			want := "\"$user\", public"
			if path := session.parameters["search_path"]; path != "" {
				want = path
			}
			var path string
			if err := conn.QueryRowContext(t.Context(), `SHOW search_path`).Scan(&path); err != nil || path != want {
				t.Errorf("search_path %q, %v", path, err)
			}
		})
	}
}

// retire runs the other plans of an account twice each: revoke and exact, which take all that
// it has, and drop.
func retire(t *testing.T, db *sql.DB, a provision.Account, d provision.DropOptions) {
	t.Helper()
	revoke, err := a.PlanRevoke(a.Grants)
	if err != nil {
		t.Fatal(err)
	}
	drop, err := a.PlanDrop(d)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		apply(t, db, revoke)
	}
	if got := kindsOf(check(t, db, a)); strings.Trim(got, "misng ") != "" || got == "" {
		t.Errorf("after the revoke: %s", got)
	}
	apply(t, db, plan(t, a))
	none := a
	none.Grants, none.MemberOf = nil, nil
	for range 2 {
		makeExact(t, db, none)
	}
	noDrift(t, db, none)
	apply(t, db, plan(t, a))
	for range 2 {
		apply(t, db, drop)
	}
	if got := check(t, db, a); got[0].Kind != provision.NoAccount {
		t.Errorf("after the drop: %v", got)
	}
}

func TestPostgreSQLRevokeAndExact(t *testing.T) { onPostgreSQL(t, testPostgreSQLRevokeAndExact) }

func testPostgreSQLRevokeAndExact(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "exact")
	a := fullAccount("exact_user", "exact")
	apply(t, db, plan(t, a))

	small := provision.Account{Engine: provision.PostgreSQL, Name: a.Name, Grants: []provision.Grant{
		provision.Columns("public", "t", []string{"a"}, provision.Select), provision.Database("exact", provision.Connect)}}
	drifts, err := provision.Check(t.Context(), db, small)
	if err != nil {
		t.Fatal(err)
	}
	exact, err := a.PlanExact(drifts)
	if err != nil {
		t.Fatal(err)
	}
	// What this description has is not revoked; what it has by a grant on all tables is granted
	// again in the same transaction.
	for _, s := range exact.Statements {
		if s.Destructive() && !strings.HasPrefix(s.Summary, "revoke SELECT on table app.") && !strings.HasPrefix(s.Summary, "revoke SELECT on sequence app.") {
			t.Errorf("what another description lacks is revoked: %s", s.Summary)
		}
	}
	apply(t, db, exact)
	noDrift(t, db, a)
	if exact, err = small.PlanExact(drifts); err != nil {
		t.Fatal(err)
	}
	apply(t, db, exact)
	noDrift(t, db, small)

	revoke, err := small.PlanRevoke(small.Grants)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, revoke)
	apply(t, db, revoke)
	// What else is in the description does not matter to a revoke.
	described := small
	described.MemberOf = []string{ownerOf("exact")}
	if revoke, err = described.PlanRevoke(small.Grants); err != nil {
		t.Fatal(err)
	}
	apply(t, db, revoke)
	drifts, err = provision.Check(t.Context(), db, small)
	if err != nil || len(drifts) != 2 || drifts[0].Kind != provision.Missing || drifts[1].Kind != provision.Missing {
		t.Errorf("got %v, %v", drifts, err)
	}

	// What somebody else granted stays, and is told.
	s.admin(t, `GRANT exact_user TO runner`, `\c exact`, `GRANT SELECT ON app.other TO runner WITH GRANT OPTION`,
		`SET ROLE runner`, `GRANT SELECT ON app.other TO exact_user`, `RESET ROLE`, `REVOKE exact_user FROM runner`)
	revoke, err = small.PlanRevoke([]provision.Grant{provision.Table("app", "other", provision.Select)})
	if err != nil {
		t.Fatal(err)
	}
	owner := s.open(t, runner, runnerPassword, "exact", map[string]string{"role": ownerOf("exact")})
	_, err = provision.Apply(t.Context(), owner, revoke)
	if !errors.Is(err, provision.ErrPrivilege) || !strings.Contains(err.Error(), "SELECT on table app.other") {
		t.Errorf("got %v", err)
	}
}

func TestPostgreSQLPartialGrant(t *testing.T) { onPostgreSQL(t, testPostgreSQLPartialGrant) }

func testPostgreSQLPartialGrant(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "partial")
	s.admin(t, `\c partial`, `CREATE TABLE public.foreign_table (a int)`, `GRANT SELECT ON public.foreign_table TO runner WITH GRANT OPTION`)
	a := provision.Account{Engine: provision.PostgreSQL, Name: "partial_user", Grants: []provision.Grant{
		provision.Table("public", "foreign_table", provision.Select, provision.Insert)}}
	_, err := provision.Apply(t.Context(), db, plan(t, a))
	if !errors.Is(err, provision.ErrPrivilege) || !strings.Contains(err.Error(), "INSERT on table public.foreign_table") {
		t.Errorf("got %v", err)
	}
	if got := query(t, db, `SELECT count(*) FROM pg_roles WHERE rolname = 'partial_user'`); got != "0" {
		t.Error("a failed plan left the role")
	}
}

func TestPostgreSQLRefusals(t *testing.T) { onPostgreSQL(t, testPostgreSQLRefusals) }

func testPostgreSQLRefusals(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "refusals")
	s.admin(t, `CREATE ROLE a_superuser SUPERUSER LOGIN`, `GRANT rds_iam TO a_superuser`)
	exec(t, db, `CREATE ROLE with_password LOGIN PASSWORD 'x'`, `CREATE ROLE chained LOGIN`, `GRANT rds_iam TO chained`, `CREATE ROLE middle NOLOGIN NOINHERIT`, `GRANT chained TO middle`,
		`CREATE ROLE victim LOGIN PASSWORD 'x' NOINHERIT`, `GRANT middle TO victim`,
		`CREATE ROLE iam_already LOGIN`, `CREATE ROLE iam_member LOGIN`, `GRANT rds_iam TO iam_already, iam_member`, `GRANT iam_already TO iam_member`,
		`CREATE ROLE a_group NOLOGIN`, `CREATE ROLE group_member LOGIN PASSWORD 'x'`, `GRANT a_group TO group_member`,
		`CREATE ROLE weak LOGIN PASSWORD 'x'`, `GRANT CREATE ON DATABASE refusals TO weak`,
		`CREATE ROLE indirect LOGIN PASSWORD 'x'`, `CREATE ROLE iam_group`, `GRANT rds_iam TO iam_group`, `GRANT iam_group TO indirect`)
	weak := s.open(t, "weak", "x", "refusals", nil)
	account := func(name string, grants ...provision.Grant) provision.Account {
		return provision.Account{Engine: provision.PostgreSQL, Name: name, Grants: grants}
	}
	proxied := func(name string) provision.Account {
		return provision.Account{Engine: provision.PostgreSQL, Name: name, Reach: provision.ProxyStandard}
	}
	tests := []struct {
		name    string
		db      *sql.DB
		account provision.Account
		adopt   bool
		want    error // nil: succeeds
		text    string
		code    string
	}{
		{"password account", db, account("with_password"), false, provision.ErrUnmanaged, "provision.Adopt", "account-unmanaged"},
		{"superuser", db, account("a_superuser"), true, provision.ErrUnmanaged, "superuser", "account-superuser"},
		{"existing chain", db, account("chained"), false, provision.ErrLockout, "victim -> middle -> chained -> rds_iam", "role-lockout"},
		{"chain of roles that are for IAM anyway", db, account("iam_already"), false, nil, "", ""},
		{"group with members", db, account("a_group"), true, provision.ErrLockout, "group_member -> a_group -> rds_iam", "role-lockout"},
		{"runner itself", db, account(runner), true, provision.ErrLockout, "runs this itself", "runner-is-account"},
		{"no CREATEROLE", weak, account("nobody_new"), false, provision.ErrPrivilege, "permission denied", "privilege-missing"},
		{"another database", db, account("elsewhere", provision.ReadOnly("sre")), false, provision.ErrWrongDatabase, `database "sre", this is "refusals"`, "other-database"},
		{"no such table", db, account("no_table", provision.Table("app", "nothing", provision.Select)), false, nil, "nothing", ""},
		{"no such function", db, account("no_function", provision.Function("app", "nothing")), false, nil, "app.nothing does not exist", ""},
		{"proxy without account", db, proxied("nobody_new"), false, provision.ErrNoAccount, "Secrets Manager", "account-missing-for-proxy"},
		{"proxy with an account for IAM", db, proxied("iam_already"), false, provision.ErrUnmanaged, "member of rds_iam", "account-member-of-iam"},
		{"proxy with an account for IAM through a group", db, proxied("indirect"), false, provision.ErrUnmanaged, "member of rds_iam", "account-member-of-iam"},
		{"proxy", db, proxied("with_password"), false, nil, "", ""},
		{"adopted", db, account("with_password"), true, nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o []provision.Option
			if tt.adopt {
				o = append(o, provision.Adopt())
			}
			before := query(t, db, pgDump)
			_, err := provision.Apply(t.Context(), tt.db, plan(t, tt.account, o...))
			if tt.want == nil && tt.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				noDrift(t, db, tt.account)
				return
			}
			failed := (*provision.Error)(nil)
			if !errors.As(err, &failed) || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || !strings.HasPrefix(err.Error(), "rdsiam: account ") {
				t.Fatalf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			if failed.Code != tt.code || (failed.Fix == "") != (tt.code == "") {
				t.Errorf("code %q with fix %q, want the code %q", failed.Code, failed.Fix, tt.code)
			}
			t.Log(err)
			if after := query(t, db, pgDump); after != before {
				t.Errorf("changed\n%s\nto\n%s", before, after)
			}
		})
	}
	drifts, err := provision.Check(t.Context(), db, account("chained"))
	if err != nil || len(drifts) != 1 || drifts[0].Kind != provision.Lockout || !strings.Contains(drifts[0].Detail, "victim -> middle -> chained -> rds_iam") {
		t.Errorf("got %v, %v", drifts, err)
	}
}

func TestPostgreSQLRunnerLogsIn(t *testing.T) { onPostgreSQL(t, testPostgreSQLRunnerLogsIn) }

func testPostgreSQLRunnerLogsIn(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "lockout")
	logIn := func() error {
		fresh := s.pool(t, runner, runnerPassword, "lockout", nil)
		defer fresh.Close()
		return fresh.PingContext(t.Context())
	}
	if err := logIn(); err != nil {
		t.Fatal(err)
	}
	a := fullAccount("lockout_user", "lockout")
	must := func(p *provision.Plan, err error) *provision.Plan {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	none := provision.Account{Engine: a.Engine, Name: a.Name}
	s.admin(t, `CREATE ROLE lockout_password LOGIN PASSWORD 'x'`)
	if !s.isPostgreSQL15() {
		s.admin(t, `GRANT lockout_password TO runner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`)
	}
	steps := []struct {
		name string
		plan func() *provision.Plan
	}{
		{"plan", func() *provision.Plan { return plan(t, a) }},
		{"plan again", func() *provision.Plan { return plan(t, a) }},
		{"revoke", func() *provision.Plan { return must(a.PlanRevoke(a.Grants)) }},
		{"exact", func() *provision.Plan { return must(none.PlanExact(check(t, db, none))) }},
		{"release", func() *provision.Plan {
			return must(a.PlanDrop(provision.DropOptions{ReassignTo: ownerOf("lockout"), KeepRole: true}))
		}},
		{"drop", func() *provision.Plan {
			return must(a.PlanDrop(provision.DropOptions{ReassignTo: ownerOf("lockout")}))
		}},
		{"adopt", func() *provision.Plan {
			return plan(t, provision.Account{Engine: a.Engine, Name: "lockout_password"}, provision.Adopt())
		}},
		{"through a proxy", func() *provision.Plan {
			return plan(t, provision.Account{Engine: a.Engine, Name: "witness", Reach: provision.ProxyStandard, Grants: []provision.Grant{provision.Schema("app", provision.Usage)}})
		}},
	}
	s.admin(t, `CREATE ROLE witness LOGIN PASSWORD 'x'`)
	for _, step := range steps {
		name, p := step.name, step.plan()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, tx, p)
		if err := logIn(); err != nil {
			t.Errorf("%s: during: %v", name, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := logIn(); err != nil {
			t.Errorf("%s: after: %v", name, err)
		}
	}
	// The server does refuse members, whatever their password.
	apply(t, db, plan(t, a))
	witness := s.open(t, "witness", "x", "lockout", nil)
	witness.SetMaxIdleConns(0)
	if err := witness.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.admin(t, `GRANT lockout_user TO witness`)
	if err := witness.PingContext(t.Context()); err == nil {
		t.Error("a member of rds_iam logs in with a password: this test proves nothing")
	}
	_, err := provision.Apply(t.Context(), db, plan(t, a))
	if !errors.Is(err, provision.ErrLockout) || !strings.Contains(err.Error(), "witness -> lockout_user -> rds_iam") {
		t.Errorf("got %v", err)
	}
}

func TestPostgreSQLDrop(t *testing.T) { onPostgreSQL(t, testPostgreSQLDrop) }

func testPostgreSQLDrop(t *testing.T, s *testServer) {
	one, two := pgDatabase(t, s, "drop_one"), pgDatabase(t, s, "drop_two")
	account := func(database string) provision.Account {
		a := fullAccount("drop_user", database)
		a.Grants = append(a.Grants, provision.Schema("app", provision.Create))
		a.MemberOf = []string{ownerOf("drop_one"), ownerOf("drop_two")}
		return a
	}
	apply(t, one, plan(t, account("drop_one")))
	apply(t, two, plan(t, account("drop_two")))
	s.admin(t, `\c drop_one`, `SET ROLE drop_user`, `CREATE TABLE app.mine (a int)`, `INSERT INTO app.mine VALUES (7)`)
	noDrift(t, one, account("drop_one"))
	drop := func(db *sql.DB, o provision.DropOptions) error {
		p, err := account("").PlanDrop(o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = provision.Apply(t.Context(), db, p)
		return err
	}
	before := query(t, one, pgDump)
	if err := drop(one, provision.DropOptions{}); !errors.Is(err, provision.ErrInUse) || !strings.Contains(err.Error(), "ReassignTo") {
		t.Errorf("an owner: %v", err)
	}
	heir := provision.DropOptions{ReassignTo: ownerOf("drop_one")}
	if err := drop(one, heir); !errors.Is(err, provision.ErrInUse) || !strings.Contains(err.Error(), "drop_two") {
		t.Errorf("rights in another database: %v", err)
	}
	if after := query(t, one, pgDump); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}
	// What the runner borrows for that is given back, that of the heir as well.
	exec(t, two, `CREATE ROLE drop_heir`)
	memberships := `SELECT roleid::regrole, member::regrole, grantor::regrole, admin_option FROM pg_auth_members ORDER BY 1, 2, 3`
	members := query(t, two, memberships)
	if err := drop(two, provision.DropOptions{KeepRole: true, ReassignTo: "drop_heir"}); err != nil {
		t.Error(err)
	}
	if after := query(t, two, memberships); after != members {
		t.Errorf("memberships\n%s\nbecame\n%s", members, after)
	}
	for range 2 { // the second time, there is nothing to drop
		if err := drop(one, heir); err != nil {
			t.Error(err)
		}
	}
	if got := query(t, one, `SELECT a, (SELECT tableowner FROM pg_tables WHERE tablename = 'mine') FROM app.mine`); got != "7|"+ownerOf("drop_one") {
		t.Errorf("the table of the dropped role: %q", got)
	}
	if got := query(t, one, `SELECT count(*) FROM pg_roles WHERE rolname = 'drop_user'`); got != "0" {
		t.Error("the role is still there")
	}
	if got := query(t, one, `SELECT count(*) FROM pg_auth_members WHERE member = 'runner'::regrole`); got == "0" {
		t.Error("the runner lost memberships")
	}

	s.admin(t, `CREATE ROLE drop_password LOGIN PASSWORD 'x'`)
	a := provision.Account{Engine: provision.PostgreSQL, Name: "drop_password"}
	p, err := a.PlanDrop(provision.DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provision.Apply(t.Context(), one, p); !errors.Is(err, provision.ErrUnmanaged) {
		t.Errorf("an account with a password: %v", err)
	}
}
