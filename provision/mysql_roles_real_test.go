package provision_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// startsWith returns the roles that an account starts with, as the server has them.
func startsWith(t *testing.T, s *testServer, account string) string {
	t.Helper()
	text := "SELECT DEFAULT_ROLE_USER FROM mysql.default_roles WHERE USER = ? ORDER BY 1"
	if s.engine == provision.MariaDB {
		text = "SELECT default_role FROM mysql.user WHERE User = ?"
	}
	return query(t, s.runner(t, ""), text, account)
}

// iamUser creates an account for IAM as somebody else would have. Nobody but who created a
// role of MariaDB may grant it, the superuser neither.
func iamUser(t *testing.T, db *sql.DB, name string, grants ...string) {
	t.Helper()
	exec(t, db, "CREATE USER "+name+" IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL")
	exec(t, db, grants...)
}

// defaultRole is how to make an account start with one role.
func (s *testServer) defaultRole(account, role string) string {
	if s.engine == provision.MariaDB {
		return "SET DEFAULT ROLE " + role + " FOR " + account
	}
	return "ALTER USER " + account + " DEFAULT ROLE " + role
}

func (s *testServer) roleName(role string) string {
	if s.engine == provision.MariaDB {
		return provision.MyIdentifier(role)
	}
	return provision.MyIdentifier(role) + "@`%`"
}

// A member has the rights of the role as soon as it is logged in, and loses them with
// exact mode.
func TestMySQLMembers(t *testing.T) { onMySQL(t, testMySQLMembers) }

func testMySQLMembers(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "members")
	a := provision.Account{Engine: s.engine, Name: "member", MemberOf: []string{roleOf("members")}}
	inserts := func() error {
		plugin := map[provision.Engine]string{provision.MySQL: "WITH caching_sha2_password"}[s.engine]
		s.admin(t, "ALTER USER member IDENTIFIED "+plugin+" BY 'x'")
		defer s.admin(t, "ALTER USER member IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
		user := s.pool(t, "member", "x", "", nil)
		defer user.Close()
		_, err := user.ExecContext(t.Context(), "INSERT INTO members.other VALUES (1)")
		return err
	}
	for range 2 {
		apply(t, db, plan(t, a))
		noDrift(t, db, a)
		if err := inserts(); err != nil {
			t.Error(err)
		}
	}
	none := a
	none.MemberOf = nil
	if got := kindsOf(check(t, db, none)); got != "extra extra" {
		t.Errorf("got %s", got)
	}
	// Plans that are not exact leave it.
	apply(t, db, plan(t, none))
	if err := inserts(); err != nil {
		t.Error(err)
	}
	makeExact(t, db, none)
	noDrift(t, db, none)
	if err := inserts(); err == nil {
		t.Error("it still has the rights of the role")
	}
	if got := startsWith(t, s, "member"); got != "" {
		t.Errorf("it still starts with %q", got)
	}
}

// What is missing of a membership, or too much, is found and corrected.
func TestMySQLMembershipDrift(t *testing.T) { onMySQL(t, testMySQLMembershipDrift) }

func testMySQLMembershipDrift(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	exec(t, db, "CREATE ROLE drift_role", "CREATE ROLE DRIFT_ROLE")
	iamUser(t, db, "drift_member", "GRANT DRIFT_ROLE TO drift_member", s.defaultRole("drift_member", "DRIFT_ROLE"))
	a := provision.Account{Engine: s.engine, Name: "drift_member", MemberOf: []string{"drift_role"}}
	drifts := func(want ...string) {
		t.Helper()
		var got []string
		for _, d := range check(t, db, a) {
			got = append(got, d.String())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	const inactive, absent = "missing: ACTIVE AT LOG-IN on role drift_role", "missing: MEMBER on role drift_role"
	drifts(inactive, absent, "extra: ACTIVE AT LOG-IN on role DRIFT_ROLE", "extra: MEMBER on role DRIFT_ROLE")
	// Names that differ in case are those of two roles to a file, too.
	files := s.open(t, runner, runnerPassword, "", nil, multiStatements)
	if _, err := files.ExecContext(t.Context(), plan(t, a).Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: other default roles") {
		t.Errorf("a file: %v", err)
	}
	makeExact(t, db, a)
	drifts()
	if got := startsWith(t, s, a.Name); got != "drift_role" {
		t.Errorf("starts with %q", got)
	}

	s.admin(t, s.defaultRole("drift_member", "NONE"))
	drifts(inactive)
	apply(t, db, plan(t, a))
	drifts()

	exec(t, db, "GRANT drift_role TO drift_member WITH ADMIN OPTION")
	drifts("extra: GRANT OPTION FOR MEMBER on role drift_role")
	apply(t, db, plan(t, a)) // takes nothing
	drifts("extra: GRANT OPTION FOR MEMBER on role drift_role")
	makeExact(t, db, a)
	drifts()

	// A role that the account may only hand on is one that it has.
	exec(t, db, "GRANT DRIFT_ROLE TO drift_member WITH ADMIN OPTION")
	drifts("extra: GRANT OPTION FOR MEMBER on role DRIFT_ROLE", "extra: MEMBER on role DRIFT_ROLE")
	makeExact(t, db, a)
	drifts()

	nowhere := provision.Account{Engine: s.engine, Name: "nowhere_member", MemberOf: []string{"no_such_role"}}
	_, err := provision.Apply(t.Context(), db, plan(t, nowhere))
	if failed := (*provision.Error)(nil); !errors.As(err, &failed) || !strings.Contains(err.Error(), "no_such_role") {
		t.Errorf("a role that does not exist: %v", err)
	}
	apply(t, db, dropped(t, a))
	if got := rolesDump(t, s, db); strings.Contains(got, "drift_member") {
		t.Errorf("left behind: %s", got)
	}
}

// Roles that the account has otherwise are not lost: a plan that would take them is refused.
func TestMySQLOtherDefaultRoles(t *testing.T) { onMySQL(t, testMySQLOtherDefaultRoles) }

func testMySQLOtherDefaultRoles(t *testing.T, s *testServer) {
	db := s.open(t, runner, runnerPassword, "", nil, multiStatements)
	exec(t, db, "CREATE ROLE new_role", "CREATE ROLE `old ``role`")
	a := provision.Account{Engine: s.engine, Name: "other_roles", MemberOf: []string{"new_role"}}
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "~rdsiam: other default roles") {
			t.Errorf("%s: %v", what, err)
		}
	}
	iamUser(t, db, a.Name, "GRANT `old ``role` TO other_roles", s.defaultRole("other_roles", "`old ``role`"))
	before := myDump(t, s)
	_, err := db.ExecContext(t.Context(), plan(t, a).Migration())
	refused("a file", err)
	_, err = provision.Apply(t.Context(), db, plan(t, a))
	if !errors.Is(err, provision.ErrDefaultRole) || !strings.Contains(err.Error(), "another role: it is "+s.roleName("old `role")+"; name it in Account.MemberOf, or revoke it, as PlanExact") {
		t.Errorf("got %v", err)
	}
	if after := myDump(t, s); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}
	// Exact mode does what was refused, also from a file.
	exact, err := a.PlanExact(check(t, db, a))
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, exact.Migration())
	noDrift(t, db, a)
	if got := startsWith(t, s, a.Name); got != "new_role" {
		t.Errorf("starts with %q", got)
	}
	exec(t, db, plan(t, a).Migration()) // which loses nothing now

	// A role that is left behind as a default, but no longer granted, is nothing to keep.
	exec(t, db, "CREATE ROLE gone_role")
	for _, name := range []string{"was_member", "was_member_of_a_file"} {
		iamUser(t, db, name, "GRANT gone_role TO "+name, s.defaultRole(name, "gone_role"), "REVOKE gone_role FROM "+name)
		a.Name = name
		if name == "was_member" {
			apply(t, db, plan(t, a))
		} else {
			exec(t, db, plan(t, a).Migration())
		}
		noDrift(t, db, a)
	}
}

// Roles that everybody has in MySQL are told, and count when they are wanted.
func TestMySQLMandatoryRoles(t *testing.T) { onMySQL(t, testMySQLMandatoryRoles) }

func testMySQLMandatoryRoles(t *testing.T, s *testServer) {
	if s.engine != provision.MySQL {
		return // MariaDB has no such thing
	}
	db := s.runner(t, "")
	exec(t, db, "CREATE ROLE mandatory, wanted, other")
	a := provision.Account{Engine: s.engine, Name: "mandated", MemberOf: []string{"wanted", "mandatory"}}
	apply(t, db, plan(t, a))
	s.admin(t, "SET GLOBAL mandatory_roles = 'mandatory,`other`@`%`'")
	defer s.admin(t, "SET GLOBAL mandatory_roles = ''", "SET GLOBAL activate_all_roles_on_login = OFF")
	if drifts := check(t, db, a); kindsOf(drifts) != "public" || drifts[0].Detail != "MEMBER on role other" {
		t.Errorf("got %v", drifts)
	}

	// An account may start with a role that it is no member of itself.
	s.admin(t, "ALTER USER mandated DEFAULT ROLE wanted, mandatory, other")
	drifts := check(t, db, a)
	if kindsOf(drifts) != "extra public" || drifts[0].Detail != "ACTIVE AT LOG-IN on role other" {
		t.Errorf("got %v", drifts)
	}
	exact, err := a.PlanExact(drifts)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(exact.Statements, provision.Statement.Destructive) {
		t.Errorf("takes nothing away: %v", exact)
	}
	apply(t, db, exact)
	if got := startsWith(t, s, "mandated"); got != "mandatory\nwanted" {
		t.Errorf("starts with %q", got)
	}

	s.admin(t, "ALTER USER mandated DEFAULT ROLE NONE")
	if got := kindsOf(check(t, db, a)); got != "missing missing public" {
		t.Errorf("got %s", got)
	}
	s.admin(t, "SET GLOBAL activate_all_roles_on_login = ON")
	if got := kindsOf(check(t, db, a)); got != "public" {
		t.Errorf("where all roles are active: %s", got)
	}
	exec(t, db, "CREATE ROLE no_member")
	a.MemberOf = append(a.MemberOf, "no_member")
	if got := kindsOf(check(t, db, a)); got != "missing missing public" {
		t.Errorf("a role that is not granted, where all roles are active: %s", got)
	}
}

// Only who may hand a role on can grant it; a partial run gives nothing of it.
func TestMySQLRolesOfOthers(t *testing.T) { onMySQL(t, testMySQLRolesOfOthers) }

func testMySQLRolesOfOthers(t *testing.T, s *testServer) {
	s.admin(t, "CREATE ROLE of_others", "CREATE USER granter IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.* TO granter", "GRANT CREATE USER ON *.* TO granter")
	a := provision.Account{Engine: s.engine, Name: "of_others_user", MemberOf: []string{"of_others"}}
	db := s.open(t, "granter", "x", "", nil)
	if _, err := provision.Apply(t.Context(), db, plan(t, a)); !errors.Is(err, provision.ErrPrivilege) {
		t.Errorf("got %v", err)
	}
	if got := kindsOf(check(t, db, a)); got != "missing missing" {
		t.Errorf("got %s", got)
	}
}

// Names of roles round-trip as those of accounts do, or are refused before any SQL.
func TestMySQLRoleNames(t *testing.T) { onMySQL(t, testMySQLRoleNames) }

func testMySQLRoleNames(t *testing.T, s *testServer) {
	for _, mode := range s.modes() {
		db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "'" + mode + "'"})
		for _, tt := range names {
			a := provision.Account{Engine: s.engine, Name: "role names", MemberOf: []string{tt.name}}
			want := tt.want[s.engine-provision.PostgreSQL]
			if s.engine == provision.MariaDB && tt.name == "none" {
				want = provision.ErrReservedName // CREATE ROLE refuses it, quoted as well
			}
			if _, err := a.Plan(); !errors.Is(err, want) {
				t.Errorf("role %q: %v, want %v", tt.name, err, want)
			}
			if want != nil {
				continue
			}
			exec(t, db, "CREATE ROLE "+provision.MyIdentifier(tt.name))
			apply(t, db, plan(t, a))
			noDrift(t, db, a)
			if got := startsWith(t, s, a.Name); got != tt.name {
				t.Errorf("role %q became %q", tt.name, got)
			}
			apply(t, db, dropped(t, a))
			exec(t, db, "DROP ROLE "+provision.MyIdentifier(tt.name))
		}
	}
}
