package provision_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

func TestPostgreSQLManyRunners(t *testing.T) { onPostgreSQL(t, testPostgreSQLManyRunners) }

func testPostgreSQLManyRunners(t *testing.T, s *testServer) {
	databases := []string{"many_0", "many_1", "many_2", "many_3"}
	var pools []*sql.DB
	for _, database := range databases {
		db := pgDatabase(t, s, database)
		db.SetMaxOpenConns(10)
		pools = append(pools, db)
	}
	const runners = 20
	var wg sync.WaitGroup
	errs := make([]error, runners)
	attempts := make([]int, runners)
	for i := range runners {
		wg.Go(func() {
			// All want the same role, the group and a right on one shared database.
			a := provision.Account{Engine: provision.PostgreSQL, Name: "many_user", MaxConnections: 9, MemberOf: []string{ownerOf("many_0")}, Grants: []provision.Grant{
				provision.ReadWrite(databases[i%4], provision.InSchemas("app")), provision.Database("many_0", provision.Temporary)}}
			p, err := a.Plan()
			if err != nil {
				errs[i] = err
				return
			}
			report, err := provision.Apply(t.Context(), pools[i%4], p)
			errs[i], attempts[i] = err, report.Attempts
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	t.Logf("attempts: %v", attempts)
	for i, db := range pools {
		noDrift(t, db, provision.Account{Engine: provision.PostgreSQL, Name: "many_user", MemberOf: []string{ownerOf("many_0")}, MaxConnections: 9,
			Grants: append([]provision.Grant{provision.ReadWrite(databases[i], provision.InSchemas("app"))}, map[bool][]provision.Grant{true: {provision.Database("many_0", provision.Temporary)}}[i == 0]...)})
	}
}

func TestPostgreSQLCallersTransaction(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLCallersTransaction)
}

func testPostgreSQLCallersTransaction(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "callers")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := fullAccount("callers_user", "callers")
	apply(t, tx, plan(t, a))
	if drifts, err := provision.Check(t.Context(), tx, a); err != nil || len(drifts) > 0 {
		t.Errorf("drift %v, error %v", drifts, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	drifts, err := provision.Check(t.Context(), db, a)
	if err != nil || len(drifts) == 0 || drifts[0].Kind != provision.NoAccount {
		t.Errorf("after a rollback: %v, %v", drifts, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := provision.Apply(ctx, db, plan(t, a)); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled context: %v", err)
	}
}

func TestPostgreSQLUnavailable(t *testing.T) { onPostgreSQL(t, testPostgreSQLUnavailable) }

func testPostgreSQLUnavailable(t *testing.T, s *testServer) {
	p := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "unavailable_user"})
	readOnly := s.open(t, runner, runnerPassword, "postgres", map[string]string{"default_transaction_read_only": "on"})
	if _, err := provision.Apply(t.Context(), readOnly, p); !errors.Is(err, provision.ErrReadOnlyEndpoint) {
		t.Errorf("read-only: %v", err)
	}
	db := s.runner(t, "postgres")
	s.admin(t, "ALTER ROLE rds_iam RENAME TO hidden")
	_, err := provision.Apply(t.Context(), db, p)
	s.admin(t, "ALTER ROLE hidden RENAME TO rds_iam")
	if !errors.Is(err, provision.ErrIAMUnavailable) {
		t.Errorf("without rds_iam: %v", err)
	}

	// On a replica a plan with nothing left to do would succeed otherwise. This one is none, and
	// says that it is.
	apply(t, db, p)
	s.admin(t, `CREATE DATABASE like_a_replica OWNER runner`, `\c like_a_replica`, `SET allow_system_table_mods = on`,
		`CREATE OR REPLACE FUNCTION pg_catalog.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'`)
	if _, err := provision.Apply(t.Context(), s.runner(t, "like_a_replica"), p); !errors.Is(err, provision.ErrReadOnlyEndpoint) || !strings.Contains(err.Error(), "writer endpoint") {
		t.Errorf("a replica: %v", err)
	}
}

// The lock makes a runner wait where it would collide, and begin again, without.
func TestPostgreSQLRunnersWait(t *testing.T) { onPostgreSQL(t, testPostgreSQLRunnersWait) }

func testPostgreSQLRunnersWait(t *testing.T, s *testServer) {
	db := s.runner(t, "postgres")
	p := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "wait_user"})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	apply(t, tx, p)

	type result struct {
		report *provision.Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		report, err := provision.Apply(t.Context(), db, p)
		done <- result{report, err}
	}()
	for waiting := "0"; waiting == "0" && len(done) == 0; {
		waiting = query(t, db, `SELECT count(*) FROM pg_locks WHERE NOT granted`)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.err != nil || got.report.Attempts != 1 {
		t.Errorf("%d attempts, error %v", got.report.Attempts, got.err)
	}
}

// Runners in different databases do not see each other's lock. One that collides begins
// again, and in the caller's transaction fails once.
func TestPostgreSQLRunnersCollide(t *testing.T) { onPostgreSQL(t, testPostgreSQLRunnersCollide) }

func testPostgreSQLRunnersCollide(t *testing.T, s *testServer) {
	s.admin(t, `CREATE DATABASE collide OWNER runner`)
	here, there := s.runner(t, "postgres"), s.runner(t, "collide")
	collide := func(name string, run func(*provision.Plan) (*provision.Report, error)) (*provision.Report, error) {
		t.Helper()
		p := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: name})
		first, err := here.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Rollback()
		apply(t, first, p)
		done := make(chan struct{})
		var report *provision.Report
		go func() {
			defer close(done)
			report, err = run(p)
		}()
		for waiting := "0"; waiting == "0"; {
			waiting = query(t, here, `SELECT count(*) FROM pg_locks WHERE NOT granted`)
			select {
			case <-done:
				t.Fatalf("did not wait: %v", err)
			default:
			}
		}
		if err := first.Commit(); err != nil {
			t.Fatal(err)
		}
		<-done
		return report, err
	}
	report, err := collide("collide_pool", func(p *provision.Plan) (*provision.Report, error) {
		return provision.Apply(t.Context(), there, p)
	})
	if err != nil || report.Attempts != 2 || len(report.Steps) != 2 {
		t.Errorf("a pool: %d attempts, %d steps, error %v", report.Attempts, len(report.Steps), err)
	}
	tx, err := there.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	report, err = collide("collide_transaction", func(p *provision.Plan) (*provision.Report, error) {
		return provision.Apply(t.Context(), tx, p)
	})
	if !errors.Is(err, provision.ErrBusy) || report.Attempts != 1 {
		t.Errorf("a transaction: %d attempts, error %v", report.Attempts, err)
	}
}

// The presets cover what is to come, and ReadWrite writes and no more.
func TestPostgreSQLPresets(t *testing.T) { onPostgreSQL(t, testPostgreSQLPresets) }

func testPostgreSQLPresets(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "presets")
	owner := ownerOf("presets")
	options := []provision.PresetOption{provision.InSchemas("app"), provision.FutureTablesOf(owner)}
	reader := provision.Account{Engine: provision.PostgreSQL, Name: "preset_reader", Grants: []provision.Grant{provision.ReadOnly("presets", options...)}}
	writer := provision.Account{Engine: provision.PostgreSQL, Name: "preset_writer", Grants: []provision.Grant{provision.ReadWrite("presets", options...)}}
	apply(t, db, plan(t, reader))
	apply(t, db, plan(t, writer))
	exec(t, db, `SET ROLE "`+owner+`"`, `CREATE TABLE app.later (id serial, a int)`, `CREATE VIEW app.later_view AS SELECT 1 AS a`, `RESET ROLE`)
	noDrift(t, db, reader)
	noDrift(t, db, writer)
	for _, tt := range []struct {
		statement     string
		reads, writes bool
	}{
		{`SELECT * FROM app.items, app.later, app.later_view`, true, true},
		{`SELECT last_value FROM app.later_id_seq`, true, true},
		{`INSERT INTO app.later (a) VALUES (1)`, false, true},
		{`INSERT INTO app.items (name) VALUES ('x')`, false, true},
		{`UPDATE app.later SET a = 2`, false, true},
		{`DELETE FROM app.later`, false, true},
		{`TRUNCATE app.later`, false, false},
		{`CREATE TABLE app.own (a int)`, false, false},
		{`DROP TABLE app.later`, false, false},
		{`SELECT * FROM public.t`, false, false}, // another schema
	} {
		for name, may := range map[string]bool{"preset_reader": tt.reads, "preset_writer": tt.writes} {
			err := s.real.Exec(t.Context(), `\c presets`, `SET ROLE `+name, tt.statement)
			if (err == nil) != may || err != nil && !may && !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "must be owner") {
				t.Errorf("%s, %s: %v", name, tt.statement, err)
			}
		}
	}
}

func TestPostgreSQLKeepsSearchPath(t *testing.T) { onPostgreSQL(t, testPostgreSQLKeepsSearchPath) }

func testPostgreSQLKeepsSearchPath(t *testing.T, s *testServer) {
	tx, err := s.runner(t, "postgres").BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	const want = "app, public"
	if _, err := tx.ExecContext(t.Context(), `SET LOCAL search_path = `+want); err != nil {
		t.Fatal(err)
	}
	kept := func(after string) {
		t.Helper()
		var path, patience string
		const settings = `SELECT current_setting('search_path'), current_setting('lock_timeout')`
		if err := tx.QueryRowContext(t.Context(), settings).Scan(&path, &patience); err != nil || path != want || patience != "0" {
			t.Errorf("after %s: search_path %q, lock_timeout %q, error %v", after, path, patience, err)
		}
	}
	a := provision.Account{Engine: provision.PostgreSQL, Name: "path_user"}
	apply(t, tx, plan(t, a)) // without grants, nothing is verified
	kept("the blocks")
	a.Grants = []provision.Grant{provision.Database("postgres", provision.Connect)}
	if _, err := provision.Check(t.Context(), tx, a); err != nil {
		t.Fatal(err)
	}
	kept("Check")
}

func TestPostgreSQLOwnerNeedsNoGrants(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLOwnerNeedsNoGrants)
}

func testPostgreSQLOwnerNeedsNoGrants(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "owns")
	a := provision.Account{Engine: provision.PostgreSQL, Name: "owns_user", Grants: []provision.Grant{provision.Schema("app", provision.Usage, provision.Create)}}
	apply(t, db, plan(t, a))
	s.admin(t, `\c owns`, `SET ROLE owns_user`, `CREATE TABLE app.mine (a int)`, `CREATE SEQUENCE app.my_sequence`,
		`CREATE FUNCTION app.my_function() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	a.Grants = append(a.Grants, provision.Table("app", "mine", provision.Select), provision.Columns("app", "mine", []string{"a"}, provision.Update),
		provision.Sequence("app", "my_sequence", provision.Usage), provision.Function("app", "my_function"))
	noDrift(t, db, a)
}
