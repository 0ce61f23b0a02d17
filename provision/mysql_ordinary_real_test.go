package provision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

// details returns what Check says, line by line.
func details(drifts []provision.Drift) string {
	var lines []string
	for _, d := range drifts {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}

// Accounts of monitoring and change capture need rights on the whole server.
func TestMySQLServerRights(t *testing.T) { onMySQL(t, testMySQLServerRights) }

func testMySQLServerRights(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	a := provision.Account{Engine: s.engine, Name: "monitoring",
		Grants: []provision.Grant{provision.Server(provision.Process, provision.ReplicationClient, provision.ReplicationSlave, provision.ShowDatabases)}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	if report := apply(t, db, plan(t, a)); report.Outcome != provision.OutcomeUnchanged {
		t.Errorf("a second run: %s", report.Outcome)
	}
	s.admin(t, "GRANT RELOAD ON *.* TO monitoring")
	a.Grants = []provision.Grant{provision.Server(provision.Process)}
	if got := kindsOf(check(t, db, a)); got != "extra extra extra extra" {
		t.Errorf("got %s", got)
	}
	revoke, err := a.PlanRevoke(a.Grants)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, revoke)
	if got := kindsOf(check(t, db, a)); got != "missing extra extra extra extra" {
		t.Errorf("got %s", got)
	}
	if _, err := (provision.Account{Engine: s.engine, Name: "a", Grants: []provision.Grant{provision.Server(provision.Select)}}).Plan(); !errors.As(err, new(*rdsiam.ConfigError)) {
		t.Errorf("SELECT on everything: %v", err)
	}
}

// Servers store a grant on such a routine under a name that they do not find again.
func TestMySQLRoutineNames(t *testing.T) { onMySQL(t, testMySQLRoutineNames) }

func testMySQLRoutineNames(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "routine_names")
	a := provision.Account{Engine: s.engine, Name: "of_routine", Grants: []provision.Grant{provision.Function("routine_names", "größe")}}
	var refused *rdsiam.ConfigError
	if _, err := a.Plan(); !errors.As(err, &refused) || refused.Code != "routine-not-ascii" {
		t.Errorf("got %v", err)
	}
	a.Grants = nil
	apply(t, db, plan(t, a))
	s.admin(t, "CREATE FUNCTION routine_names.`größe`() RETURNS int DETERMINISTIC RETURN 1", "GRANT EXECUTE ON FUNCTION routine_names.`größe` TO of_routine")
	if got := details(check(t, db, a)); !strings.HasPrefix(got, "extra: EXECUTE on function routine_names.") || strings.Contains(got, "\n") {
		t.Errorf("got %s", got)
	}
}

// Accounts without a name reach into others.
func TestMySQLAnonymous(t *testing.T) { onMySQL(t, testMySQLAnonymous) }

func testMySQLAnonymous(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	a := provision.Account{Engine: s.engine, Name: "beside_nobody"}
	apply(t, db, plan(t, a))
	s.admin(t, "CREATE USER ''@'10.%'")
	defer s.admin(t, "DROP USER ''@'10.%'")
	if got := details(check(t, db, a)); !strings.HasPrefix(got, "neighbor: the anonymous account ``@`10.%` exists") {
		t.Errorf("got %s", got)
	}
}

// What Apply refuses or would change, Check finds, and the other way round.
func TestMySQLCheckAndApplyAgree(t *testing.T) { onMySQL(t, testMySQLCheckAndApplyAgree) }

func testMySQLCheckAndApplyAgree(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	a := provision.Account{Engine: s.engine, Name: "agreed"}
	iamUser(t, db, a.Name)
	for _, require := range []string{"X509", "SUBJECT '/CN=x'", "ISSUER '/CN=x'"} {
		s.admin(t, "ALTER USER agreed REQUIRE "+require)
		if got := details(check(t, db, a)); !strings.HasPrefix(got, "authentication: the account needs a client certificate") {
			t.Errorf("REQUIRE %s: %s", require, got)
		}
		if _, err := provision.Apply(t.Context(), db, plan(t, a)); !errors.Is(err, provision.ErrUnmanaged) {
			t.Errorf("REQUIRE %s: %v", require, err)
		}
	}
	apply(t, db, plan(t, a, provision.Adopt()))
	noDrift(t, db, a)
	if s.engine == provision.MySQL {
		a.Comment = "first"
		apply(t, db, plan(t, a))
		noDrift(t, db, a)
		a.Comment = "second"
		if got := details(check(t, db, a)); got != `attribute: the comment is "first"` {
			t.Errorf("got %s", got)
		}
		if report := apply(t, db, plan(t, a)); report.Outcome != provision.OutcomeChanged {
			t.Errorf("outcome %s", report.Outcome)
		}
		noDrift(t, db, a)
	}
}

// Settings of a session garble nothing, and are what they were afterwards.
func TestMySQLSessions(t *testing.T) { onMySQL(t, testMySQLSessions) }

func testMySQLSessions(t *testing.T, s *testServer) {
	myDatabase(t, s, "sessions")
	db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "'PAD_CHAR_TO_FULL_LENGTH'", "sql_select_limit": "1"})
	db.SetMaxOpenConns(1)
	a := fullMySQLAccount(s.engine, "of_sessions", "sessions")
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	if got := query(t, db, "SELECT @@sql_mode, @@sql_select_limit"); got != "PAD_CHAR_TO_FULL_LENGTH|1" {
		t.Errorf("the session has %s", got)
	}
	a.Grants = nil
	if got := check(t, db, a); len(got) < 3 {
		t.Errorf("found %v", got)
	}
}

// Where MySQL revokes partly, a GRANT may add no row.
func TestMySQLRestrictions(t *testing.T) { onMySQL(t, testMySQLRestrictions) }

func testMySQLRestrictions(t *testing.T, s *testServer) {
	if s.engine != provision.MySQL {
		return // MariaDB has no such thing
	}
	db := myDatabase(t, s, "restricted_db")
	s.admin(t, "SET GLOBAL partial_revokes = ON")
	defer s.admin(t, "DROP USER restricted", "SET GLOBAL partial_revokes = OFF")
	a := provision.Account{Engine: s.engine, Name: "restricted", Grants: []provision.Grant{provision.Database("restricted_db", provision.Select)}}
	iamUser(t, db, a.Name)
	s.admin(t, "GRANT SELECT ON *.* TO restricted", "REVOKE SELECT ON restricted_db.* FROM restricted")
	if got := kindsOf(check(t, db, a)); got != "missing extra" {
		t.Errorf("restricted: %s", got)
	}
	apply(t, db, plan(t, a))
	if got := kindsOf(check(t, db, a)); got != "extra" {
		t.Errorf("granted: %s", got)
	}
}

// What a check of another account found is not for this one.
func TestMySQLForeignDrift(t *testing.T) { onMySQL(t, testMySQLForeignDrift) }

func testMySQLForeignDrift(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "foreign_drift")
	a := provision.Account{Engine: s.engine, Name: "drifting"}
	iamUser(t, db, a.Name, "GRANT SELECT ON foreign_drift.* TO drifting")
	found := check(t, db, a)
	b := a
	b.Host = "10.%"
	for _, o := range []func() error{
		func() error { _, err := b.PlanExact(found); return err },
		func() error { _, err := b.Plan(provision.Narrow(found)); return err },
	} {
		var refused *rdsiam.ConfigError
		if err := o(); !errors.As(err, &refused) || refused.Code != "drift-of-another-account" {
			t.Errorf("got %v", err)
		}
	}
	makeExact(t, db, a)
}

// A master whose role is not active, or who may not hand on a role, reads what to run.
func TestMySQLRunnerLacksPrivileges(t *testing.T) { onMySQL(t, testMySQLRunnerLacksPrivileges) }

func testMySQLRunnerLacksPrivileges(t *testing.T, s *testServer) {
	s.admin(t, "CREATE ROLE mastery, handed_on", "GRANT CREATE USER ON *.* TO mastery WITH GRANT OPTION",
		"CREATE USER asleep IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.* TO asleep", "GRANT mastery TO asleep")
	a := provision.Account{Engine: s.engine, Name: "of_asleep"}
	_, err := provision.Apply(t.Context(), s.open(t, "asleep", "x", "", nil), plan(t, a))
	want := "none is active: run SET DEFAULT ROLE ALL TO `asleep`@`%`, and connect again; nothing was changed"
	if s.engine == provision.MariaDB {
		want = "none is active: run SET DEFAULT ROLE `mastery` FOR `asleep`@`%`, and connect again; nothing was changed"
	}
	if !errors.Is(err, provision.ErrPrivilege) || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	s.admin(t, s.defaultRole("asleep", "mastery"))
	a.MemberOf = []string{"handed_on"}
	_, err = provision.Apply(t.Context(), s.open(t, "asleep", "x", "", nil), plan(t, a))
	if !errors.Is(err, provision.ErrPrivilege) || !strings.Contains(err.Error(), " TO `asleep`@`%` WITH ADMIN OPTION") {
		t.Errorf("got %v", err)
	}
}

// What came of a plan is said in the report and in the error.
func TestMySQLOutcomes(t *testing.T) { onMySQL(t, testMySQLOutcomes) }

func testMySQLOutcomes(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "outcomes")
	a := provision.Account{Engine: s.engine, Name: "outcome", Grants: []provision.Grant{provision.ReadOnly("outcomes"), provision.ReadOnly("no_such_db")}}
	for _, want := range []provision.Outcome{provision.OutcomeChanged, provision.OutcomeUnchanged} {
		report := apply(t, db, plan(t, a))
		if report.Outcome != want || len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0], "database no_such_db does not exist") {
			t.Errorf("%s, %q; want %s", report.Outcome, report.Warnings, want)
		}
	}
	for _, want := range []provision.Outcome{provision.OutcomeChanged, provision.OutcomeNoAccount} {
		if report := apply(t, db, dropped(t, a)); report.Outcome != want {
			t.Errorf("drop: %s, want %s", report.Outcome, want)
		}
	}
	a.Grants = append(a.Grants, provision.Table("outcomes", "no_such_table", provision.Select))
	report, err := provision.Apply(t.Context(), db, plan(t, a))
	failed := (*provision.Error)(nil)
	if report.Outcome != provision.OutcomeKept || !errors.As(err, &failed) || failed.Outcome != report.Outcome || !strings.HasSuffix(err.Error(), "; the steps before it stay, and the same plan goes on from there") {
		t.Errorf("%s, %v", report.Outcome, err)
	}
	s.admin(t, "CREATE USER not_ours IDENTIFIED BY 'x'")
	a.Name = "not_ours"
	report, err = provision.Apply(t.Context(), db, plan(t, a))
	if report.Outcome != provision.OutcomeRefused || err == nil || !strings.HasSuffix(err.Error(), "; nothing was changed") {
		t.Errorf("%s, %v", report.Outcome, err)
	}
}

// The same in PostgreSQL, which takes everything back.
func TestPostgreSQLOutcomes(t *testing.T) { onPostgreSQL(t, testPostgreSQLOutcomes) }

func testPostgreSQLOutcomes(t *testing.T, s *testServer) {
	pgDatabase(t, s, "outcomes")
	db := s.runner(t, "outcomes")
	a := provision.Account{Engine: s.engine, Name: "outcome", MaxConnections: 3, Comment: "x", Grants: []provision.Grant{provision.ReadOnly("outcomes")}}
	for _, want := range []provision.Outcome{provision.OutcomeChanged, provision.OutcomeUnchanged} {
		if report := apply(t, db, plan(t, a)); report.Outcome != want {
			t.Errorf("%s, want %s", report.Outcome, want)
		}
	}
	a.Comment = "y"
	if report := apply(t, db, plan(t, a)); report.Outcome != provision.OutcomeChanged {
		t.Errorf("another comment: %s", report.Outcome)
	}
	for _, want := range []provision.Outcome{provision.OutcomeChanged, provision.OutcomeNoAccount} {
		if report := apply(t, db, dropped(t, a)); report.Outcome != want {
			t.Errorf("drop: %s, want %s", report.Outcome, want)
		}
	}
	a.Grants = append(a.Grants, provision.Table("public", "no_such_table", provision.Select))
	report, err := provision.Apply(t.Context(), db, plan(t, a))
	if report.Outcome != provision.OutcomeRolledBack || err == nil || !strings.HasSuffix(err.Error(), "; everything was rolled back") {
		t.Errorf("%s, %v", report.Outcome, err)
	}
	if got := kindsOf(check(t, db, provision.Account{Engine: s.engine, Name: a.Name})); got != "no account" {
		t.Errorf("left behind: %s", got)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	report, err = provision.Apply(t.Context(), tx, plan(t, a))
	if report.Outcome != provision.OutcomeToRollBack || err == nil || !strings.HasSuffix(err.Error(), "; roll the transaction back") {
		t.Errorf("%s, %v", report.Outcome, err)
	}

	// What a check in another database found.
	found := check(t, s.runner(t, "postgres"), provision.Account{Engine: s.engine, Name: "runner"})
	elsewhere := provision.Account{Engine: s.engine, Name: "runner", Grants: []provision.Grant{provision.ReadOnly("outcomes")}}
	var refused *rdsiam.ConfigError
	if _, err := elsewhere.PlanExact(found); len(found) == 0 || !errors.As(err, &refused) || refused.Code != "drift-of-another-database" {
		t.Errorf("got %v", err)
	}
}
