package provision_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// Files run as golang-migrate runs them, in one piece, as the runner.
func TestMigration(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, s *testServer) {
		for _, session := range pgSessions[:2] {
			database := "files_" + strings.Fields(session.name)[0]
			pgDatabase(t, s, database)
			db := s.open(t, runner, runnerPassword, database, session.parameters)
			a := fullAccount(`files "user" \ $rdsiam$ `+session.name, database)
			for range 2 {
				exec(t, db, plan(t, a).Migration())
			}
			noDrift(t, db, a)
			drop, err := a.PlanDrop(provision.DropOptions{ReassignTo: ownerOf(database)})
			if err != nil {
				t.Fatal(err)
			}
			exec(t, db, plan(t, a).String(), drop.Migration())
			if got := query(t, db, "SELECT rolname FROM pg_roles WHERE rolname = $1", a.Name); got != "" {
				t.Error("the role is still there")
			}
		}
	})
	onMySQL(t, func(t *testing.T, s *testServer) {
		myDatabase(t, s, "files_db")
		for _, mode := range s.modes() {
			db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "'" + mode + "'"}, multiStatements)
			a := fullMySQLAccount(s.engine, "files `user`"+mode[:min(len(mode), 20)], "files_db")
			for range 2 {
				exec(t, db, plan(t, a).Migration())
			}
			noDrift(t, db, a)
			drop, err := a.PlanDrop(provision.DropOptions{})
			if err != nil {
				t.Fatal(err)
			}
			exec(t, db, drop.Migration())
		}
		db := s.open(t, runner, runnerPassword, "", nil, multiStatements)
		s.admin(t, "CREATE USER files_old IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL", "GRANT INSERT ON files_db.* TO files_old")
		a := provision.Account{Engine: s.engine, Name: "files_old", Grants: []provision.Grant{provision.ReadOnly("files_db")}}
		if _, err := db.ExecContext(t.Context(), plan(t, a).Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: hides an older grant") {
			t.Errorf("a file that would hide an older grant: %v", err)
		}
	})
}

// A file sees every pattern that it would hide, in every sql_mode, and none where the
// account has a row of its own.
func TestMigrationPatterns(t *testing.T) { onMySQL(t, testMigrationPatterns) }

func testMigrationPatterns(t *testing.T, s *testServer) {
	for _, name := range []string{"files_p", "filesXp"} {
		myDatabase(t, s, name)
	}
	for _, mode := range s.modes() {
		db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "'" + mode + "'"}, multiStatements)
		a := provision.Account{Engine: s.engine, Name: "patterns", Grants: []provision.Grant{provision.ReadOnly("files_p")}}
		iamUser(t, db, a.Name, "GRANT INSERT ON `files\\_%`.* TO patterns")
		if _, err := db.ExecContext(t.Context(), plan(t, a).Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: hides an older grant") {
			t.Errorf("sql_mode %q: a file that would hide a pattern: %v", mode, err)
		}
		exec(t, db, "GRANT SELECT ON `files\\_p`.* TO patterns", plan(t, a).Migration())
		apply(t, db, dropped(t, a))
	}
}

// A file for the wrong database, or for an account that is somebody else's, changes nothing.
func TestMigrationGuards(t *testing.T) { onMySQL(t, testMigrationGuards) }

func testMigrationGuards(t *testing.T, s *testServer) {
	s.admin(t, "CREATE USER files_password IDENTIFIED BY 'x'")
	db := s.open(t, runner, runnerPassword, "", nil, multiStatements)
	before := myDump(t, s)
	a := provision.Account{Engine: s.engine, Name: "files_password"}
	if _, err := db.ExecContext(t.Context(), plan(t, a).Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: account is not for IAM") {
		t.Errorf("got %v", err)
	}
	if after := myDump(t, s); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}
}

func TestGooseFileAnnotations(t *testing.T) {
	a := provision.Account{Engine: provision.PostgreSQL, Name: `a +goose Down -- +goose Up`}
	for line := range strings.Lines(provision.GooseFile(plan(t, a), nil)) {
		annotation, ok := strings.CutPrefix(line, "-- +goose ")
		if strings.HasPrefix(line, "--") && strings.Contains(line, "+goose") != ok || ok && strings.Contains(annotation, "+goose") {
			t.Errorf("goose would take this for an annotation: %s", line)
		}
	}
}
