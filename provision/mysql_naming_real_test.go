package provision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/provision"
)

// kindsOf lists the kinds of drifts.
func kindsOf(drifts []provision.Drift) string {
	kinds := make([]string, len(drifts))
	for i, d := range drifts {
		kinds[i] = string(d.Kind)
	}
	return strings.Join(kinds, " ")
}

// check returns the drift of an account.
func check[S provision.Session](t *testing.T, session S, a provision.Account) []provision.Drift {
	t.Helper()
	drifts, err := provision.Check(t.Context(), session, a)
	if err != nil {
		t.Fatal(err)
	}
	return drifts
}

// makeExact applies what revokes all that is extra.
func makeExact[S provision.Session](t *testing.T, session S, a provision.Account) *provision.Report {
	t.Helper()
	exact, err := a.PlanExact(check(t, session, a))
	if err != nil {
		t.Fatal(err)
	}
	return apply(t, session, exact)
}

func dropped(t *testing.T, a provision.Account) *provision.Plan {
	t.Helper()
	p, err := a.PlanDrop(provision.DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Users whose names differ in case are different users, although information_schema
// finds one by the name of the other.
func TestMySQLCaseOfUsers(t *testing.T) { onMySQL(t, testMySQLCaseOfUsers) }

func testMySQLCaseOfUsers(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "cased")
	s.admin(t, "CREATE USER CASED_USER IDENTIFIED BY 'x'", "GRANT INSERT ON `cas%`.* TO CASED_USER", "GRANT DELETE ON cased.items TO CASED_USER",
		"GRANT UPDATE (id) ON cased.other TO CASED_USER", "GRANT PROCESS ON *.* TO CASED_USER", "CREATE DEFINER = CASED_USER VIEW cased.v AS SELECT 1")
	a := provision.Account{Engine: s.engine, Name: "cased_user", Grants: []provision.Grant{provision.ReadOnly("cased")}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	if got := query(t, db, "SELECT Insert_priv FROM mysql.db WHERE User = 'cased_user'"); got != "N" {
		t.Error("the account got what another one has")
	}
	apply(t, db, dropped(t, a))
}

// Columns and routines have no case, and servers list them as the first who granted
// something on them spelled them.
func TestMySQLSpelling(t *testing.T) { onMySQL(t, testMySQLSpelling) }

func testMySQLSpelling(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "spelling")
	s.admin(t, "CREATE USER speller IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL", "GRANT EXECUTE ON FUNCTION spelling.F TO speller",
		"GRANT EXECUTE ON PROCEDURE spelling.P TO speller", "GRANT SELECT (NAME) ON spelling.items TO speller")
	a := provision.Account{Engine: s.engine, Name: "speller", Grants: []provision.Grant{
		provision.Function("spelling", "f"), provision.Procedure("spelling", "p"), provision.Columns("spelling", "items", []string{"Name"}, provision.Select)}}
	noDrift(t, db, a)
	a.Grants = a.Grants[:1]
	if got := kindsOf(check(t, db, a)); got != "extra extra" {
		t.Errorf("got %s", got)
	}
	makeExact(t, db, a)
	noDrift(t, db, a)
}

// Where partial_revokes is on, as in Aurora MySQL 3, grants name databases literally.
func TestMySQLPartialRevokes(t *testing.T) { onMySQL(t, testMySQLPartialRevokes) }

func testMySQLPartialRevokes(t *testing.T, s *testServer) {
	if s.engine != provision.MySQL {
		return // MariaDB has no such thing
	}
	for _, name := range []string{"part_db", "partXdb", `part\db`} {
		myDatabase(t, s, name)
	}
	db := s.open(t, runner, runnerPassword, "", nil, multiStatements)
	turn := func(value string) {
		s.admin(t, "SET GLOBAL partial_revokes = "+value)
	}
	turn("ON")
	defer turn("OFF")
	account := func(name string) provision.Account {
		return provision.Account{Engine: s.engine, Name: name, Grants: []provision.Grant{provision.ReadOnly("part_db"), provision.ReadOnly(`part\db`)}}
	}
	opens := func(name string) (open []string) {
		s.admin(t, "ALTER USER "+name+" IDENTIFIED WITH caching_sha2_password BY 'x'")
		user := s.open(t, name, "x", "", nil)
		for _, database := range []string{"part_db", `part\db`, "partXdb"} {
			if _, err := user.ExecContext(t.Context(), "SELECT * FROM `"+database+"`.items"); err == nil {
				open = append(open, database)
			}
			if _, err := user.ExecContext(t.Context(), "INSERT INTO `"+database+"`.items (id) VALUES (1)"); err == nil {
				t.Errorf("%s may write to %s", name, database)
			}
		}
		user.Close()
		s.admin(t, "ALTER USER "+name+" IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
		return open
	}
	const want = `part_db part\db`

	a := account("part_user")
	s.admin(t, "CREATE USER part_user IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL",
		"GRANT INSERT ON `part%`.* TO part_user", `GRANT INSERT ON `+"`part\\_db`"+`.* TO part_user`) // neither of which opens anything
	apply(t, db, plan(t, a))
	if got := strings.Join(opens(a.Name), " "); got != want {
		t.Errorf("Apply opened %q", got)
	}
	if got := kindsOf(check(t, db, a)); got != "extra extra" {
		t.Errorf("got %v", got)
	}
	makeExact(t, db, a)
	noDrift(t, db, a)
	revoke, err := a.PlanRevoke(a.Grants)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, revoke)
	if got := opens(a.Name); got != nil {
		t.Errorf("after the revoke, %q are open", got)
	}

	b := account("part_file")
	before := myDump(t, s)
	if _, err := db.ExecContext(t.Context(), plan(t, b).Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: partial_revokes is on") {
		t.Errorf("a file without the option: %v", err)
	}
	if after := myDump(t, s); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}
	exec(t, db, plan(t, b, provision.PartialRevokes()).Migration())
	if got := strings.Join(opens(b.Name), " "); got != want {
		t.Errorf("a file opened %q", got)
	}
	noDrift(t, db, b)
	if revoke, err = b.PlanRevoke(b.Grants, provision.PartialRevokes()); err != nil {
		t.Fatal(err)
	}
	exec(t, db, revoke.Migration())
	noDrift(t, db, provision.Account{Engine: s.engine, Name: b.Name})

	turn("OFF")
	off := plan(t, account("part_off"), provision.PartialRevokes())
	if _, err := db.ExecContext(t.Context(), off.Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: partial_revokes is off") {
		t.Errorf("a file with the option where partial_revokes is off: %v", err)
	}
	apply(t, db, off) // which asks the server
	noDrift(t, db, account("part_off"))
}

// A session in another character set would make another account of such a name.
func TestMySQLCharacterSet(t *testing.T) { onMySQL(t, testMySQLCharacterSet) }

func testMySQLCharacterSet(t *testing.T, s *testServer) {
	a := provision.Account{Engine: s.engine, Name: "Jürgen"}
	latin1 := s.open(t, runner, runnerPassword, "", nil, func(c *mysql.Config) {
		if err := c.Apply(mysql.Charset("latin1", "latin1_swedish_ci")); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := provision.Apply(t.Context(), latin1, plan(t, a)); !errors.Is(err, provision.ErrInvalidName) || !strings.Contains(err.Error(), "utf8mb4") {
		t.Errorf("Apply: %v", err)
	}
	if _, err := provision.Check(t.Context(), latin1, a); !errors.Is(err, provision.ErrInvalidName) {
		t.Errorf("Check: %v", err)
	}
}

// A role of MariaDB has a name of its own kind: the account of the same name is another.
func TestMariaDBRoleOfTheSameName(t *testing.T) { onMySQL(t, testMariaDBRoleOfTheSameName) }

func testMariaDBRoleOfTheSameName(t *testing.T, s *testServer) {
	if s.engine != provision.MariaDB {
		return
	}
	db := myDatabase(t, s, "same_name")
	exec(t, db, "CREATE ROLE same_name", "GRANT INSERT ON same_name.* TO same_name")
	a := provision.Account{Engine: s.engine, Name: "same_name", Grants: []provision.Grant{provision.ReadOnly("same_name")}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	a.MemberOf = []string{"same_name"} // the role, not itself
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	apply(t, db, dropped(t, a))
	if got := query(t, db, "SELECT is_role FROM mysql.user WHERE User = 'same_name'"); got != "Y" {
		t.Errorf("the role is %q", got)
	}
}

// What everybody may do in MariaDB is told.
func TestMariaDBPublic(t *testing.T) { onMySQL(t, testMariaDBPublic) }

func testMariaDBPublic(t *testing.T, s *testServer) {
	if s.engine != provision.MariaDB {
		return // nothing can be granted to everybody
	}
	db := myDatabase(t, s, "everybody")
	a := provision.Account{Engine: s.engine, Name: "public_user", Grants: []provision.Grant{provision.ReadOnly("everybody"), provision.Function("everybody", "f")}}
	apply(t, db, plan(t, a))
	s.admin(t, "GRANT SELECT, INSERT ON everybody.* TO PUBLIC", "GRANT UPDATE (id) ON everybody.other TO PUBLIC", "GRANT EXECUTE ON FUNCTION everybody.F TO PUBLIC",
		"GRANT EXECUTE ON PROCEDURE everybody.p TO PUBLIC")
	defer s.admin(t, "REVOKE ALL ON everybody.* FROM PUBLIC", "REVOKE UPDATE (id) ON everybody.other FROM PUBLIC",
		"REVOKE EXECUTE ON FUNCTION everybody.f FROM PUBLIC", "REVOKE EXECUTE ON PROCEDURE everybody.p FROM PUBLIC")
	var got []string
	for _, d := range check(t, db, a) {
		got = append(got, d.String())
	}
	want := []string{"public: INSERT on database everybody", "public: UPDATE on column id of table everybody.other", "public: EXECUTE on procedure everybody.p"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What the account has by other accounts is extra, too.
func TestMySQLRolesAndProxies(t *testing.T) { onMySQL(t, testMySQLRolesAndProxies) }

func testMySQLRolesAndProxies(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "roles")
	a := provision.Account{Engine: s.engine, Name: "role_user", Grants: []provision.Grant{provision.ReadOnly("roles")}}
	apply(t, db, plan(t, a))
	exec(t, db, "CREATE ROLE `a role`", "GRANT `a role` TO role_user")
	s.admin(t, "CREATE USER somebody IDENTIFIED BY 'x'", "GRANT PROXY ON somebody TO role_user")
	drifts := check(t, db, a)
	if got := kindsOf(drifts); got != "extra extra" || !strings.Contains(drifts[0].Detail, "role a role") || !strings.Contains(drifts[1].Detail, "PROXY on account `somebody`@`%`") {
		t.Errorf("got %v", drifts)
	}
	exact, err := a.PlanExact(drifts[:1])
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, exact)
	apply(t, db, exact) // the second time, there is nothing to revoke
	if exact, err = a.PlanExact(drifts); err != nil {
		t.Fatal(err)
	}
	if _, err := provision.Apply(t.Context(), db, exact); !errors.Is(err, provision.ErrPrivilege) {
		t.Errorf("a runner that may not grant PROXY: %v", err)
	}
	s.admin(t, exact.Statements[len(exact.Statements)-1].SQL)
	noDrift(t, db, a)

	s.admin(t, "ALTER USER role_user ACCOUNT LOCK")
	if drifts := check(t, db, a); kindsOf(drifts) != "authentication" || !strings.Contains(drifts[0].Detail, "locked") {
		t.Errorf("got %v", drifts)
	}
	apply(t, db, plan(t, a))
	if drifts := check(t, db, a); kindsOf(drifts) != "authentication" {
		t.Errorf("a plan unlocked the account: %v", drifts)
	}
}
