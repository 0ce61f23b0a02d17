package provision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// Predefined roles and those of RDS are groups like others; PlanExact keeps the ones that are
// described.
func TestPostgreSQLPredefinedRoles(t *testing.T) { onPostgreSQL(t, testPostgreSQLPredefinedRoles) }

func testPostgreSQLPredefinedRoles(t *testing.T, s *testServer) {
	db := s.runner(t, "postgres")
	exec(t, db, `CREATE ROLE rds_replication`)
	defer s.admin(t, `DROP ROLE rds_replication`)
	if !s.isPostgreSQL15() {
		s.admin(t, `GRANT pg_monitor, pg_signal_backend TO runner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`)
	}
	a := provision.Account{Engine: provision.PostgreSQL, Name: "rds_iam_user", MemberOf: []string{"pg_monitor", "rds_replication", "pg_signal_backend"}}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	makeExact(t, db, a)
	noDrift(t, db, a)
	a.MemberOf = []string{"pg_monitor"}
	if got := kindsOf(check(t, db, a)); got != "extra extra" {
		t.Errorf("got %s", got)
	}
	makeExact(t, db, a)
	noDrift(t, db, a)
	apply(t, db, dropPlan(t, a, provision.DropOptions{}))
	if got := kindsOf(check(t, db, a)); !strings.HasPrefix(got, "no account") {
		t.Errorf("after the drop: %s", got)
	}
}

// Apply makes a membership effective, or refuses, and Check sees one that is not.
func TestPostgreSQLEffectiveMembership(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLEffectiveMembership)
}

func testPostgreSQLEffectiveMembership(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "effective")
	group := ownerOf("effective")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "effective_user", MemberOf: []string{group}}
	effective := func() bool {
		return query(t, db, `SELECT pg_has_role('effective_user', $1, 'USAGE')`, group) == "true"
	}
	apply(t, db, plan(t, a))
	exec(t, db, `ALTER ROLE effective_user NOINHERIT`)
	if s.isPostgreSQL15() {
		if got := check(t, db, a); !strings.Contains(kindsOf(got), "missing") {
			t.Errorf("NOINHERIT: %v", got)
		}
		_, err := provision.Apply(t.Context(), db, plan(t, a))
		failed := (*provision.Error)(nil)
		if !errors.As(err, &failed) || failed.Code != "role-noinherit" || !strings.Contains(err.Error(), `ALTER ROLE effective_user INHERIT`) {
			t.Errorf("NOINHERIT: %v", err)
		}
		exec(t, db, `ALTER ROLE effective_user INHERIT`)
		noDrift(t, db, a)
		return
	}
	// There it is the grants that say so, and the role's attribute is their default.
	noDrift(t, db, a)
	for _, options := range []string{"INHERIT FALSE, SET TRUE", "INHERIT FALSE, SET FALSE, ADMIN TRUE"} {
		exec(t, db, `REVOKE "`+group+`" FROM effective_user`, `GRANT "`+group+`" TO effective_user WITH `+options)
		if effective() {
			t.Fatal("this test proves nothing")
		}
		if got := check(t, db, a); !strings.HasPrefix(kindsOf(got), "missing") {
			t.Errorf("%s: %v", options, got)
		}
		// Not described, it is too much.
		if got := check(t, db, provision.Account{Engine: a.Engine, Name: a.Name}); kindsOf(got) != "extra" {
			t.Errorf("%s: %v", options, got)
		}
		apply(t, db, plan(t, a))
		if !effective() {
			t.Errorf("%s: the membership has no effect", options)
		}
		makeExact(t, db, a)
		noDrift(t, db, a)
	}
}

// The password of the master user would be dead.
func TestPostgreSQLMaster(t *testing.T) { onPostgreSQL(t, testPostgreSQLMaster) }

func testPostgreSQLMaster(t *testing.T, s *testServer) {
	db := s.runner(t, "postgres")
	s.admin(t, `CREATE ROLE rds_superuser`, `CREATE ROLE master_group`, `GRANT rds_superuser TO master_group`, `CREATE ROLE the_master LOGIN PASSWORD 'x'`,
		`GRANT master_group TO the_master`, `CREATE ROLE iam_master LOGIN`, `GRANT master_group, rds_iam TO iam_master`)
	defer s.admin(t, `DROP ROLE rds_superuser, the_master, iam_master, master_group`)
	if !s.isPostgreSQL15() {
		s.admin(t, `GRANT the_master, iam_master, master_group TO runner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`)
	}
	a := provision.Account{Engine: provision.PostgreSQL, Name: "the_master"}
	for name, p := range map[string]*provision.Plan{"plan": plan(t, a, provision.Adopt()), "drop": dropPlan(t, a, provision.DropOptions{Adopt: true})} {
		_, err := provision.Apply(t.Context(), db, p)
		failed := (*provision.Error)(nil)
		if !errors.Is(err, provision.ErrUnmanaged) || !errors.As(err, &failed) || failed.Code != "account-superuser" || !strings.Contains(err.Error(), "rds_superuser") {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.Name = "iam_master"
	a.MemberOf = []string{"master_group"}
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
}

// A runner that may not grant a role gets the statement that lets it.
func TestPostgreSQLRunnerWithoutAdmin(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLRunnerWithoutAdmin)
}

func testPostgreSQLRunnerWithoutAdmin(t *testing.T, s *testServer) {
	if s.isPostgreSQL15() {
		return // there CREATEROLE is enough
	}
	s.admin(t, `CREATE ROLE "no admin" LOGIN PASSWORD 'x' CREATEROLE`, `CREATE ROLE a_foreign_group`, `CREATE ROLE a_foreign_account LOGIN`, `GRANT rds_iam TO a_foreign_account`)
	pool := func() provision.Account {
		return provision.Account{Engine: provision.PostgreSQL, Name: "without_admin"}
	}
	weak := s.open(t, "no admin", "x", "postgres", nil)
	denied := func(p *provision.Plan, statement string) {
		t.Helper()
		_, err := provision.Apply(t.Context(), weak, p)
		failed := (*provision.Error)(nil)
		if !errors.Is(err, provision.ErrPrivilege) || !errors.As(err, &failed) || failed.Code != "runner-without-admin" || !strings.Contains(err.Error(), statement) {
			t.Errorf("got %v, want %s", err, statement)
		}
	}
	denied(plan(t, pool()), `GRANT rds_iam TO "no admin" WITH ADMIN OPTION`)
	denied(dropped(t, provision.Account{Engine: provision.PostgreSQL, Name: "a_foreign_account"}), `GRANT a_foreign_account TO "no admin" WITH ADMIN OPTION`)
	s.admin(t, `GRANT rds_iam TO "no admin" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`)
	grouped := pool()
	grouped.MemberOf = []string{"a_foreign_group"}
	denied(plan(t, grouped), `GRANT a_foreign_group TO "no admin" WITH ADMIN OPTION`)
	// The statement is enough, for a runner of which it makes no member of the account's.
}
