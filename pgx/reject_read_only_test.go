package rdspgx_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A writer that was demoted keeps its connections. With RejectReadOnly each is closed after the
// first write that it refuses; without it, the pool keeps them.
func TestRejectReadOnly(t *testing.T) {
	const write = "insert into pg_class values (1)"
	opens := map[string]func(*testing.T, *rdsiamtest.Server, pgErrorHandler) func() error{
		"hook": func(t *testing.T, server *rdsiamtest.Server, handler pgErrorHandler) func() error {
			config := poolFor(t, server, "")
			config.BeforeConnect = rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))
			config.ConnConfig.OnPgError = handler
			config.MaxConns = 1
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pool.Close)
			return func() error {
				_, err := pool.Exec(t.Context(), write)
				return err
			}
		},
		"Connector": func(t *testing.T, server *rdsiamtest.Server, handler pgErrorHandler) func() error {
			config := configFor(t, server, "")
			config.OnPgError = handler
			db := sql.OpenDB(rdsiam.NewConnector(newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs())), rdsiam.NewTokenSource(server.Credentials())))
			t.Cleanup(func() { db.Close() })
			db.SetMaxOpenConns(1)
			return func() error {
				_, err := db.ExecContext(t.Context(), write)
				return err
			}
		},
	}
	for name, open := range opens {
		for handler, logins := range map[string]int{"bare": 1, "RejectReadOnly": 4} {
			t.Run(name+"/"+handler, func(t *testing.T) {
				server := start(t)
				reject := rdspgx.RejectReadOnly
				if handler == "bare" {
					reject = configFor(t, server, "").OnPgError
				}
				try := open(t, server, reject)
				// 0A000: the server of the test stores nothing, but it would take a write.
				wantSQLState(t, try(), "0A000")
				server.SetFaults(rdsiamtest.Faults{ReadOnly: true})
				for range 3 {
					wantSQLState(t, try(), "25006")
				}
				server.SetFaults(rdsiamtest.Faults{})
				wantSQLState(t, try(), "0A000")
				if got := len(server.Logins()); got != logins {
					t.Errorf("%d logins, want %d", got, logins)
				}
			})
		}
	}
}

// Fatal errors close a connection as with pgx's own handler, in whichever language the server
// writes, and others do not.
func TestRejectReadOnlyKeeps(t *testing.T) {
	for _, test := range []struct {
		err  pgconn.PgError
		keep bool
	}{
		{pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: "42P01"}, true},
		{pgconn.PgError{Severity: "ERROR", Code: "23505"}, true},
		{pgconn.PgError{Severity: "FATAL", Code: "57P01"}, false},
		{pgconn.PgError{Severity: "FATALE", SeverityUnlocalized: "FATAL", Code: "57P01"}, false},
		{pgconn.PgError{Severity: "ERROR", Code: "25006"}, false},
	} {
		if got := rdspgx.RejectReadOnly(nil, &test.err); got != test.keep {
			t.Errorf("%+v: keep %v, want %v", test.err, got, test.keep)
		}
	}
}

type pgErrorHandler = func(*pgconn.PgConn, *pgconn.PgError) bool

func wantSQLState(t *testing.T, err error, code string) {
	t.Helper()
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != code {
		t.Errorf("error %v, want %s", err, code)
	}
}
