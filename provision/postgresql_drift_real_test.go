package provision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// What the account has beyond its description is found, whatever form it has, and
// exact mode takes it.
func TestPostgreSQLExtras(t *testing.T) { onPostgreSQL(t, testPostgreSQLExtras) }

func testPostgreSQLExtras(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "extras")
	group := ownerOf("extras")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "extras_user", Comment: "for tests", MemberOf: []string{group}, Grants: []provision.Grant{
		provision.Database("extras", provision.Connect), provision.Schema("app", provision.Usage), provision.Table("app", "items", provision.Select),
		provision.Columns("public", "t", []string{"a"}, provision.Update), provision.Function("app", "f"),
		provision.FutureObjects(group, "app", provision.Tables, provision.Select)}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)

	exec(t, db, `ALTER ROLE extras_user CREATEROLE CREATEDB`, `COMMENT ON ROLE extras_user IS 'else'`,
		`GRANT CONNECT ON DATABASE extras TO extras_user WITH GRANT OPTION`,
		`GRANT UPDATE (a) ON public.t TO extras_user WITH GRANT OPTION`,
		`SET ROLE "`+group+`"`, `GRANT SELECT ON app.items TO extras_user WITH GRANT OPTION`, `GRANT INSERT ON app.items TO extras_user`,
		`GRANT EXECUTE ON FUNCTION app.f() TO extras_user WITH GRANT OPTION`,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO extras_user WITH GRANT OPTION`, `RESET ROLE`,
		`GRANT "`+group+`" TO extras_user WITH ADMIN OPTION`)
	drifts := check(t, db, a)
	var got []string
	for _, d := range drifts {
		got = append(got, d.Detail)
	}
	want := []string{`the comment is "else"`,
		"GRANT OPTION FOR CONNECT on database extras", "GRANT OPTION FOR SELECT on table app.items", "INSERT on table app.items", "GRANT OPTION FOR UPDATE on column a of table public.t",
		"GRANT OPTION FOR EXECUTE on function app.f()", "GRANT OPTION FOR SELECT on tables that " + group + " will create in schema app",
		"GRANT OPTION FOR MEMBER on role " + group, "CREATEDB on the server", "CREATEROLE on the server"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	makeExact(t, db, a)
	noDrift(t, db, a)

	// What plans do not change.
	s.admin(t, `ALTER ROLE extras_user NOINHERIT`)
	if drifts := check(t, db, a); s.isPostgreSQL15() && (kindsOf(drifts) != "attribute missing" || !strings.Contains(drifts[0].Detail, "NOINHERIT")) {
		t.Errorf("got %v", drifts)
	}
	s.admin(t, `ALTER ROLE extras_user SUPERUSER INHERIT`)
	if drifts := check(t, db, a); kindsOf(drifts) != "attribute" || !strings.Contains(drifts[0].Detail, "superuser") {
		t.Errorf("got %v", drifts)
	}
}

// What everybody may do is told as far as it is not what every database starts with.
func TestPostgreSQLPublic(t *testing.T) { onPostgreSQL(t, testPostgreSQLPublic) }

func testPostgreSQLPublic(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "public_rights")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "public_user", Grants: []provision.Grant{
		provision.ReadOnly("public_rights"), provision.Table("app", "items", provision.Select)}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	s.admin(t, `\c public_rights`, `CREATE EXTENSION citext SCHEMA public`, `CREATE SCHEMA ext`, `CREATE TABLE ext.of_extension (a int)`,
		`GRANT INSERT ON ext.of_extension TO PUBLIC`, `ALTER EXTENSION citext ADD TABLE ext.of_extension`,
		`GRANT CREATE ON SCHEMA public TO PUBLIC`, `GRANT CREATE ON DATABASE public_rights TO PUBLIC`, `GRANT SELECT, UPDATE ON app.items TO PUBLIC`,
		`GRANT INSERT (b) ON public.t TO PUBLIC`, `GRANT EXECUTE ON FUNCTION app.f() TO PUBLIC`,
		`GRANT CREATE ON DATABASE postgres TO PUBLIC`)
	defer s.admin(t, `REVOKE CREATE ON DATABASE postgres FROM PUBLIC`)
	var got []string
	for _, d := range check(t, db, a) {
		got = append(got, d.String())
	}
	want := []string{"public: CREATE on database public_rights", "public: CREATE on schema public", "public: UPDATE on table app.items", "public: INSERT on column b of table public.t"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	other := provision.Account{Engine: provision.PostgreSQL, Name: "public_other"} // which is described to have nothing
	apply(t, db, plan(t, other))
	for _, d := range check(t, db, other) {
		if strings.Contains(d.Detail, "USAGE on schema public") {
			t.Errorf("what every database starts with: %v", d)
		}
	}
	before := query(t, db, pgDump)
	makeExact(t, db, a)
	if after := query(t, db, pgDump); after != before {
		t.Errorf("exact mode changed\n%s\nto\n%s", before, after)
	}
}

// RDS takes a role for Kerberos or for IAM, not for both.
func TestPostgreSQLKerberos(t *testing.T) { onPostgreSQL(t, testPostgreSQLKerberos) }

func testPostgreSQLKerberos(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "kerberos")
	exec(t, db, `CREATE ROLE rds_ad`, `CREATE ROLE of_kerberos`, `GRANT rds_ad TO of_kerberos`, `CREATE ROLE ad_password LOGIN PASSWORD 'x'`, `GRANT of_kerberos TO ad_password`)
	defer s.admin(t, `DROP ROLE rds_ad`)
	a := provision.Account{Engine: provision.PostgreSQL, Name: "ad_user", MemberOf: []string{"of_kerberos"}}
	_, err := provision.Apply(t.Context(), db, plan(t, a))
	if !errors.Is(err, provision.ErrUnmanaged) || !strings.Contains(err.Error(), `"ad_user" is a member of rds_ad`) {
		t.Errorf("got %v", err)
	}
	proxied := provision.Account{Engine: provision.PostgreSQL, Name: "ad_password", Reach: provision.ProxyStandard}
	if _, err := provision.Apply(t.Context(), db, plan(t, proxied)); !errors.Is(err, provision.ErrUnmanaged) || !strings.Contains(err.Error(), "member of rds_ad") {
		t.Errorf("through a proxy: %v", err)
	}
	s.admin(t, `GRANT rds_iam TO ad_password`)
	direct := provision.Account{Engine: provision.PostgreSQL, Name: "ad_password", MemberOf: []string{"of_kerberos"}}
	if drifts := check(t, db, direct); kindsOf(drifts) != "authentication" || !strings.Contains(drifts[0].Detail, "rds_ad") {
		t.Errorf("got %v", drifts)
	}
	proxied.MemberOf = direct.MemberOf
	if drifts := check(t, db, proxied); kindsOf(drifts) != "authentication authentication" {
		t.Errorf("through a proxy: %v", drifts)
	}
}

// A session in another encoding would make another role of such a name.
func TestPostgreSQLEncoding(t *testing.T) { onPostgreSQL(t, testPostgreSQLEncoding) }

func testPostgreSQLEncoding(t *testing.T, s *testServer) {
	db := s.open(t, runner, runnerPassword, "postgres", map[string]string{"client_encoding": "LATIN1"})
	a := provision.Account{Engine: provision.PostgreSQL, Name: "Jürgen"}
	if _, err := provision.Apply(t.Context(), db, plan(t, a)); !errors.Is(err, provision.ErrInvalidName) || !strings.Contains(err.Error(), "client_encoding") {
		t.Errorf("Apply: %v", err)
	}
	if _, err := provision.Check(t.Context(), db, a); !errors.Is(err, provision.ErrInvalidName) {
		t.Errorf("Check: %v", err)
	}
}

// A transaction that the caller began by hand is neither committed nor rolled back.
func TestPostgreSQLOpenTransaction(t *testing.T) { onPostgreSQL(t, testPostgreSQLOpenTransaction) }

func testPostgreSQLOpenTransaction(t *testing.T, s *testServer) {
	conn, err := s.runner(t, "postgres").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a := provision.Account{Engine: provision.PostgreSQL, Name: "open_user"}
	refused := func(when string) {
		t.Helper()
		if _, err := provision.Apply(t.Context(), conn, plan(t, a)); !errors.Is(err, provision.ErrTransaction) {
			t.Errorf("Apply %s: %v", when, err)
		}
		if _, err := provision.Check(t.Context(), conn, a); !errors.Is(err, provision.ErrTransaction) {
			t.Errorf("Check %s: %v", when, err)
		}
	}
	begin := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	begin("BEGIN")
	refused("in a transaction")
	begin("CREATE TEMPORARY TABLE open_table (a int)")
	refused("in a transaction that has written")
	begin("ROLLBACK")
	var table *string
	if err := conn.QueryRowContext(t.Context(), "SELECT to_regclass('open_table')::text").Scan(&table); err != nil || table != nil {
		t.Errorf("the caller's transaction was committed: %v", err)
	}
	begin("BEGIN")
	if _, err := conn.ExecContext(t.Context(), "SELECT 1/0"); err == nil {
		t.Fatal("no error")
	}
	refused("in a failed transaction")
	begin("ROLLBACK")
	apply(t, conn, plan(t, a))
	if drifts := check(t, conn, a); len(drifts) > 0 {
		t.Errorf("drift %v", drifts)
	}
}

// Since PostgreSQL 16, who creates a role may administer it, which makes him a member
// to pg_hba.conf, but not to RDS.
func TestPostgreSQLAdministrators(t *testing.T) { onPostgreSQL(t, testPostgreSQLAdministrators) }

func testPostgreSQLAdministrators(t *testing.T, s *testServer) {
	if s.isPostgreSQL15() {
		return // has no such members
	}
	db := s.runner(t, "postgres")
	// What the runner would become a member of, if its session had its way.
	granting := s.open(t, runner, runnerPassword, "postgres", map[string]string{"createrole_self_grant": "set, inherit"})
	apply(t, granting, plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "self_granted"}))
	if got := query(t, db, `SELECT inherit_option, set_option FROM pg_auth_members WHERE roleid = 'self_granted'::regrole`); got != "false|false" {
		t.Errorf("the runner's membership: %q", got)
	}
	if got := query(t, granting, `SHOW createrole_self_grant`); got != "set, inherit" {
		t.Errorf("the setting became %q", got)
	}

	s.admin(t, `CREATE ROLE administrator LOGIN PASSWORD 'x' CREATEROLE`, `SET ROLE administrator`, `CREATE ROLE administered LOGIN`)
	pool := s.open(t, "administrator", "x", "postgres", nil)
	pool.SetMaxIdleConns(0)
	if err := pool.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := provision.Account{Engine: provision.PostgreSQL, Name: "administered"}
	_, err := provision.Apply(t.Context(), db, plan(t, a, provision.Adopt()))
	if !errors.Is(err, provision.ErrLockout) || !strings.Contains(err.Error(), "administrator -> administered -> rds_iam") {
		t.Errorf("got %v", err)
	}
	s.admin(t, `GRANT rds_iam TO administered`)
	if err := pool.PingContext(t.Context()); err == nil {
		t.Error("who administers a role for IAM logs in with a password: this test proves nothing")
	}
	s.admin(t, `REVOKE rds_iam FROM administered`, `CREATE ROLE rds_superuser`) // as if this were RDS
	defer s.admin(t, `DROP ROLE rds_superuser`)
	apply(t, db, plan(t, a, provision.Adopt()))
	noDrift(t, db, a)

	// The account may administer a role itself, without its rights.
	exec(t, db, `CREATE ROLE only_administered`, `GRANT only_administered TO administered WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`)
	if drifts := check(t, db, a); kindsOf(drifts) != "extra" || !strings.Contains(drifts[0].Detail, "role only_administered") {
		t.Errorf("got %v", drifts)
	}
	makeExact(t, db, a)
	noDrift(t, db, a)
}
