package rdsiamtest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

var engines = map[string]func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server{
	"PostgreSQL": rdsiamtest.StartPostgreSQL,
	"MySQL":      rdsiamtest.StartMySQL,
}

// askOnce logs in with a token, asks the server something, and leaves.
func askOnce(ctx context.Context, t *testing.T, engine string, server *rdsiamtest.Server) error {
	t.Helper()
	token := tokenFor(t, server, "app")
	if engine == "MySQL" {
		db := openMySQL(t, mysqlConfig(t, server, "app", token))
		defer db.Close()
		return db.QueryRowContext(ctx, "SELECT 1").Scan(new(int))
	}
	conn, err := pgx.ConnectConfig(ctx, pgxConfig(t, server, "app", token))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, "SELECT 1").Scan(new(int))
}

func delays(d time.Duration) map[string]rdsiamtest.Faults {
	return map[string]rdsiamtest.Faults{
		"accept":    {AcceptDelay: d},
		"TLS":       {TLSDelay: d},
		"token":     {TokenDelay: d},
		"statement": {StatementDelay: d},
	}
}

func TestDelays(t *testing.T) {
	const delay = 5 * time.Second
	for engine, start := range engines {
		for name, faults := range delays(delay) {
			t.Run(engine+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
					server.SetFaults(faults)
					began := time.Now()
					if err := askOnce(t.Context(), t, engine, server); err != nil {
						t.Fatal(err)
					}
					want := delay
					if name == "statement" && engine == "PostgreSQL" {
						want = 2 * delay // pgx prepares the statement first
					}
					if took := time.Since(began); took != want {
						t.Errorf("it took %s, want %s", took, want)
					}
				})
			})
		}
	}
}

// What a client asks in several pieces is delayed once.
func TestStatementDelayIsForAllPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		client := logInWire(t, server, 0)
		server.SetFaults(rdsiamtest.Faults{StatementDelay: 5 * time.Second})
		began := time.Now()
		for _, b := range []byte{1, 0, 0, 0, 0x0e} { // COM_PING
			if _, err := client.conn.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		client.sequence = 1
		client.receive()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %s, want 5s", took)
		}
	})
}

// By the real clock: see the documentation of TLSDelay.
func TestTLSDelayOfDirectTLS(t *testing.T) {
	const delay = 300 * time.Millisecond
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	server.SetFaults(rdsiamtest.Faults{TLSDelay: delay})
	config := pgxConfigFrom(t, server, server.DSN("app")+"?sslmode=verify-full&sslnegotiation=direct")
	config.Password = tokenFor(t, server, "app")
	began := time.Now()
	connectPGX(t, config).Close(t.Context())
	if took := time.Since(began); took < delay {
		t.Errorf("it took %s, want at least %s", took, delay)
	}
}

// A client that waits to be accepted has all the time of a login afterwards.
func TestAcceptDelayIsNoPartOfTheLogin(t *testing.T) {
	for engine, start := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
				server.SetFaults(rdsiamtest.Faults{AcceptDelay: 5 * time.Minute, TokenDelay: 5 * time.Second})
				if err := askOnce(t.Context(), t, engine, server); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A delay that is changed while it is under way has begun when it began.
func TestSetFaultsChangesADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		server.SetFaults(rdsiamtest.Faults{TokenDelay: 24 * time.Hour})
		time.AfterFunc(3*time.Second, func() { server.SetFaults(rdsiamtest.Faults{TokenDelay: 5 * time.Second}) })
		began := time.Now()
		if err := askOnce(t.Context(), t, "MySQL", server); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %s, want 5s", took)
		}
	})
}

// SetFaults releases the clients that earlier faults held up.
func TestSetFaultsDuringADelay(t *testing.T) {
	for engine, start := range engines {
		for name, faults := range delays(24 * time.Hour) {
			t.Run(engine+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
					server.SetFaults(faults)
					time.AfterFunc(time.Second, func() { server.SetFaults(rdsiamtest.Faults{}) })
					began := time.Now()
					if err := askOnce(t.Context(), t, engine, server); err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took != time.Second {
						t.Errorf("it took %s, want 1s", took)
					}
				})
			})
		}
	}
}

func TestCancelEndsADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
		server.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		<-conn.PgConn().CleanupDone()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the connection was closed after %s, want 1s: pgx waits up to 15s for the server", took)
		}
	})
}

// canceling makes pgx send a cancel request when a context ends, and go on with the
// session, as psql does.
func canceling(config *pgx.ConnConfig) *pgx.ConnConfig {
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Hour}
	}
	return config
}

// A session in which a statement was canceled goes on, and so do the delays. The statement
// that was canceled changes nothing.
func TestCancelIsForOneStatement(t *testing.T) {
	for protocol, statement := range map[string][]any{
		"simple":   {"BEGIN"},
		"extended": {"SELECT $1::text", pgx.QueryExecModeExec, "parameter"},
	} {
		t.Run(protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
				conn := connectPGX(t, canceling(pgxConfig(t, server, "app", tokenFor(t, server, "app"))))
				server.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
				for range 3 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					began := time.Now()
					_, err := conn.Exec(ctx, statement[0].(string), statement[1:]...)
					cancel()
					wantPgError(t, err, "57014", "canceling statement due to user request")
					// pgx gives the cancel request a tenth of a second to arrive.
					if took := time.Since(began); took != 1100*time.Millisecond {
						t.Errorf("it took %s, want 1.1s", took)
					}
				}
				server.SetFaults(rdsiamtest.Faults{})
				if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil || conn.PgConn().TxStatus() != 'I' {
					t.Errorf("the session goes on with %v, in state %q", err, conn.PgConn().TxStatus())
				}
			})
		})
	}
}

// Nothing holds up a client that leaves.
func TestGoodbyeIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
		server.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
		began := time.Now()
		if err := conn.Close(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("closed after %s: %v", time.Since(began), err)
		}
	})
}

func TestServerClosesDuringADelay(t *testing.T) {
	for name, faults := range delays(24 * time.Hour) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
				server.SetFaults(faults)
				time.AfterFunc(time.Second, func() { server.Close() })
				began := time.Now()
				if askOnce(t.Context(), t, "MySQL", server) == nil {
					t.Error("no error")
				}
				if took := time.Since(began); took != time.Second {
					t.Errorf("it took %s, want 1s", took)
				}
			})
		})
	}
}

// Real servers that ask Verify have the faults of the verifier, too.
func TestVerifyDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		token := tokenFor(t, server, "app")
		server.SetFaults(rdsiamtest.Faults{TokenDelay: time.Minute})
		began := time.Now()
		if err := server.Verify(t.Context(), "app", token); err != nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %s, want nil after a minute", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := server.Verify(ctx, "app", token); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s, want the end of the context after a second", err, time.Since(began))
		}
		time.AfterFunc(time.Second, func() { server.Close() })
		if err := server.Verify(t.Context(), "app", token); err == nil {
			t.Error("no error of a server that was closed")
		}
	})
}
