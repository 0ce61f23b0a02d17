package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/provision"
)

// The number of ways through groups doubles with each layer; the time to find who would be
// locked out does not.
func TestPostgreSQLManyPaths(t *testing.T) { onPostgreSQL(t, testPostgreSQLManyPaths) }

func testPostgreSQLManyPaths(t *testing.T, s *testServer) {
	db := s.runner(t, "postgres")
	const layers = 19
	statements := []string{`CREATE ROLE paths_user LOGIN`, `CREATE ROLE paths_victim LOGIN PASSWORD 'x'`}
	below := []string{"paths_user"}
	for layer := range layers {
		var roles []string
		for i := range 2 {
			role := fmt.Sprintf("paths_%02d_%d", layer, i)
			roles = append(roles, role)
			statements = append(statements, `CREATE ROLE `+role, `GRANT `+strings.Join(below, ", ")+` TO `+role)
		}
		below = roles
	}
	exec(t, db, append(statements, `GRANT `+strings.Join(below, ", ")+` TO paths_victim`)...)
	begin := time.Now()
	_, err := provision.Apply(t.Context(), db, plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "paths_user"}, provision.Adopt()))
	if !errors.Is(err, provision.ErrLockout) || !strings.Contains(err.Error(), "paths_victim -> paths_18_0 -> ") || !strings.Contains(err.Error(), "paths_00_0 -> paths_user -> rds_iam") {
		t.Errorf("got %v", err)
	}
	t.Logf("%d layers: %v", layers, time.Since(begin))
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// A runner that hangs holds others up no longer than their context or lock_timeout allows.
func TestPostgreSQLLockWait(t *testing.T) { onPostgreSQL(t, testPostgreSQLLockWait) }

func testPostgreSQLLockWait(t *testing.T, s *testServer) {
	db := s.runner(t, "postgres")
	p := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "lock_user"})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	apply(t, tx, p)
	busy := func(ctx context.Context, parameters map[string]string) {
		t.Helper()
		impatient := s.open(t, runner, runnerPassword, "postgres", parameters)
		if err := impatient.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		report, err := provision.Apply(ctx, impatient, p)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			return // the server was slow to say so
		}
		failed := (*provision.Error)(nil)
		if !errors.Is(err, provision.ErrBusy) || !errors.As(err, &failed) || failed.Code != "lock-timeout" || report.Attempts != 1 {
			t.Errorf("%d attempts, error %v", report.Attempts, err)
		}
	}
	busy(t.Context(), map[string]string{"lock_timeout": "20ms"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	busy(ctx, nil)
}
