package connect

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestPing(t *testing.T) {
	for name, test := range map[string]struct {
		faults rdsiamtest.Faults
		check  func(err error, took time.Duration) bool
	}{
		"cut for a minute": {rdsiamtest.Faults{CutAfter: -1}, func(err error, took time.Duration) bool { return err == nil && took >= time.Minute }},
		"refused":          {rdsiamtest.Faults{RefuseNext: 1}, func(err error, took time.Duration) bool { return err != nil && took < time.Second }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, db := openInMemory(t)
				server.SetFaults(test.faults)
				well := time.AfterFunc(time.Minute, func() { server.SetFaults(rdsiamtest.Faults{}) })
				defer well.Stop()
				began := time.Now()
				if err := ping(t.Context(), db); !test.check(err, time.Since(began)) {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}

// A throttled login reads like a refusal: ready tries again even then.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, db := openInMemory(t)
		server.SetFaults(rdsiamtest.Faults{RefuseNext: 3})
		if err := ready(t.Context(), db); err != nil {
			t.Error(err)
		}
		if n := len(server.Logins()); n != 4 {
			t.Errorf("%d logins, want 4", n)
		}
	})
}

func TestLogCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, db := openInMemory(t)
		server.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
		err := db.PingContext(t.Context())
		var failed *rdsiam.LoginError
		if !errors.As(err, &failed) || failed.Code != "28000" {
			t.Fatalf("got %v", err)
		}
		var log bytes.Buffer
		logCauses(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), err)
		if strings.Count(log.String(), "\n") < 2 || !strings.Contains(log.String(), "rds-db:connect") {
			t.Errorf("log:\n%s", &log)
		}
	})
}

// An instance that is frozen for 20 minutes finds its connection gone, and logs in again.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, db := openInMemory(t)
		handle := handler(db)
		for range 5 {
			if user, err := handle(t.Context()); err != nil || user != "app" {
				t.Errorf("got %q, %v", user, err)
			}
			server.DropConnections()
			time.Sleep(20 * time.Minute)
		}
		if n := len(server.Logins()); n != 5 {
			t.Errorf("%d logins, want 5", n)
		}
	})
}

func openInMemory(t *testing.T) (*rdsiamtest.Server, *sql.DB) {
	t.Helper()
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	pg, err := rdspgx.New(connConfig(t, server, server.Endpoint()), rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokensOf(server)))
	t.Cleanup(func() { db.Close() })
	return server, db
}

func TestRetryable(t *testing.T) {
	if retryable(&rdsiam.ConfigError{}) {
		t.Error("a ConfigError is worth a retry")
	}
	if !retryable(context.DeadlineExceeded) {
		t.Error("a deadline is not worth a retry")
	}
}
