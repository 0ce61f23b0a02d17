package provision_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam/provision"
)

// hearing returns a pool of the runner whose notices arrive, and where they do.
func (s *testServer) hearing(t *testing.T, database string, parameters map[string]string) (*sql.DB, *provision.Notices) {
	t.Helper()
	notices := new(provision.Notices)
	config := s.pgConfig(t, runner, runnerPassword, database, parameters)
	config.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) { notices.Add(c, n.SeverityUnlocalized, n.Code, n.Message) }
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })
	return db, notices
}

// withStatement returns a plan with one more statement.
func withStatement(p *provision.Plan, sql string) *provision.Plan {
	more := *p
	more.Statements = append(slices.Clone(p.Statements), provision.Statement{SQL: sql, Summary: "a test's", Kind: provision.KindGuard})
	return &more
}

// warnings lists those of all steps.
func warnings(report *provision.Report) (all []string) {
	for _, step := range report.Steps {
		all = append(all, step.Warnings...)
	}
	return all
}

func TestPostgreSQLNotices(t *testing.T) { onPostgreSQL(t, testPostgreSQLNotices) }

func testPostgreSQLNotices(t *testing.T, s *testServer) {
	pgDatabase(t, s, "notices")
	s.admin(t, `\c notices`, `CREATE TABLE public.half (a int)`, `GRANT SELECT ON public.half TO runner WITH GRANT OPTION`)
	db, notices := s.hearing(t, "notices", nil)
	heard := provision.WithNotices(notices)

	a := provision.Account{Engine: provision.PostgreSQL, Name: "notices_user", Grants: []provision.Grant{provision.Table("public", "half", provision.Select, provision.Insert)}}
	report, err := provision.Apply(t.Context(), db, plan(t, a), heard)
	if !errors.Is(err, provision.ErrPrivilege) {
		t.Errorf("got %v", err)
	}
	for _, step := range report.Steps {
		partial := step.Summary == "grant INSERT, SELECT on table public.half"
		if said := strings.Join(step.Warnings, ""); strings.HasPrefix(said, "WARNING 01007: not all privileges") != partial || !partial && said != "" {
			t.Errorf("%s: %q", step.Summary, step.Warnings)
		}
	}

	// What nobody need worry about is not said: neither the first run nor another.
	full := fullAccount("notices full", "notices")
	for run := range 3 {
		if report, err := provision.Apply(t.Context(), db, plan(t, full), heard); err != nil || len(warnings(report)) > 0 {
			t.Errorf("run %d: %q, %v", run, warnings(report), err)
		}
	}
	group := ownerOf("notices")
	twice := withStatement(plan(t, full), fmt.Sprintf(`GRANT "%s" TO "notices full"; DO $$ BEGIN RAISE INFO 'chatter'; END $$`, group))
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for name, apply := range map[string]func(...provision.ApplyOption) (*provision.Report, error){
		"connection": func(o ...provision.ApplyOption) (*provision.Report, error) {
			return provision.Apply(t.Context(), conn, twice, o...)
		},
		"transaction": func(o ...provision.ApplyOption) (*provision.Report, error) {
			return provision.Apply(t.Context(), tx, twice, o...)
		},
	} {
		report, err := apply(heard)
		if said := warnings(report); err != nil || len(said) != 1 || !strings.HasPrefix(said[0], "NOTICE 00000: role \"notices full\"") || !strings.Contains(said[0], "already") {
			t.Errorf("%s: %q, %v", name, said, err)
		}
		if name == "transaction" {
			tx.Rollback()
		}
	}
	if n := notices.Listeners(); n != 0 {
		t.Errorf("%d still listen", n)
	}
}

// Apply fails rather than report no warnings because none arrive.
func TestPostgreSQLNoticesDoNotArrive(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLNoticesDoNotArrive)
}

func testPostgreSQLNoticesDoNotArrive(t *testing.T, s *testServer) {
	db := s.runner(t, "postgres")
	p := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "deaf_user"})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	_, inPool := provision.Apply(t.Context(), db, p, provision.WithNotices(new(provision.Notices)))
	_, inTransaction := provision.Apply(t.Context(), tx, p, provision.WithNotices(new(provision.Notices)))
	for _, err := range []error{inPool, inTransaction} {
		if failed := (*provision.Error)(nil); !errors.As(err, &failed) || !strings.Contains(err.Error(), "provision.Notices; give the driver a handler that calls Add") {
			t.Errorf("got %v", err)
		}
	}
	if got := query(t, db, `SELECT count(*) FROM pg_roles WHERE rolname = 'deaf_user'`); got != "0" {
		t.Error("the role was created")
	}
	if _, err := tx.ExecContext(t.Context(), `SELECT 1/0`); err == nil {
		t.Fatal("no error")
	}
	_, notices := s.hearing(t, "postgres", nil)
	if _, err := provision.Apply(t.Context(), tx, p, provision.WithNotices(notices)); !errors.Is(err, provision.ErrTransaction) {
		t.Errorf("in a failed transaction: %v", err)
	}

	// A session that wants to hear nothing is no mistake of the handler.
	quiet, notices := s.hearing(t, "postgres", map[string]string{"client_min_messages": "error"})
	report, err := provision.Apply(t.Context(), quiet, withStatement(p, `DO $$ BEGIN RAISE WARNING 'unheard'; END $$`), provision.WithNotices(notices))
	if err != nil || len(warnings(report)) > 0 {
		t.Errorf("%q, %v", warnings(report), err)
	}
}

// Each Apply hears its own connection, whatever is said on others.
func TestPostgreSQLNoticesOfManyRunners(t *testing.T) {
	onPostgreSQL(t, testPostgreSQLNoticesOfManyRunners)
}

func testPostgreSQLNoticesOfManyRunners(t *testing.T, s *testServer) {
	db, notices := s.hearing(t, "postgres", nil)
	ctx, stop := context.WithCancel(t.Context())
	var noise, runners sync.WaitGroup
	noise.Go(func() {
		for ctx.Err() == nil {
			db.ExecContext(ctx, `DO $$ BEGIN RAISE WARNING 'noise'; END $$`)
		}
	})
	for i := range 8 {
		runners.Go(func() {
			name := fmt.Sprintf("heard_%d", i)
			p, err := provision.Account{Engine: provision.PostgreSQL, Name: name}.Plan()
			if err != nil {
				t.Error(err)
				return
			}
			report, err := provision.Apply(t.Context(), db, withStatement(p, `DO $$ BEGIN RAISE WARNING 'of `+name+`'; END $$`), provision.WithNotices(notices))
			if said := strings.Join(warnings(report), "; "); err != nil || said != "WARNING 01000: of "+name {
				t.Errorf("%s: %q, %v", name, said, err)
			}
		})
	}
	runners.Wait()
	stop()
	noise.Wait()
	if n := notices.Listeners(); n != 0 {
		t.Errorf("%d still listen", n)
	}
}
