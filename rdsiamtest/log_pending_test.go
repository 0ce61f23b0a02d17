package rdsiamtest_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// refusal is a login that fails in one of the ways there are.
type refusal struct {
	name    string
	options []rdsiamtest.Option
	connect func(t *testing.T, server *rdsiamtest.Server, dial dialFunc) error
	want    rdsiamtest.Reason
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func postgresRefusals() []refusal {
	connect := func(user, parameters string, token bool) func(*testing.T, *rdsiamtest.Server, dialFunc) error {
		return func(t *testing.T, server *rdsiamtest.Server, dial dialFunc) error {
			config := pgxConfigFrom(t, server, server.DSN(user)+parameters)
			config.Password = "not a token"
			if token {
				config.Password = tokenFor(t, server, user)
			}
			config.DialFunc = dial
			_, err := pgx.ConnectConfig(t.Context(), config)
			return err
		}
	}
	const anyWay, onlyClear = "?sslmode=verify-full", "?sslmode=verify-full&require_auth=password"
	scram := []rdsiamtest.Option{rdsiamtest.WithAuthRequest(rdsiamtest.RequestSCRAM)}
	md5 := []rdsiamtest.Option{rdsiamtest.WithAuthRequest(rdsiamtest.RequestMD5)}
	return []refusal{
		{"not a token", nil, connect("app", anyWay, false), rdsiamtest.ReasonMalformed},
		{"no TLS", nil, connect("app", "?sslmode=disable", true), rdsiamtest.ReasonPlaintext},
		{"wrong password", nil, connect("old", anyWay, false), rdsiamtest.ReasonPassword},
		{"unknown user", nil, connect("none", anyWay, true), rdsiamtest.ReasonUnknownUser},
		{"password user, only clear", nil, connect("old", onlyClear, true), rdsiamtest.ReasonNotIAM},
		{"unknown user, only clear", nil, connect("none", onlyClear, true), rdsiamtest.ReasonUnknownUser},
		{"SCRAM, only clear", scram, connect("app", onlyClear, true), rdsiamtest.ReasonAbandoned},
		{"MD5, only clear", md5, connect("app", onlyClear, true), rdsiamtest.ReasonAbandoned},
	}
}

func mysqlRefusals() []refusal {
	connect := func(user string, token bool, change func(*mysql.Config)) func(*testing.T, *rdsiamtest.Server, dialFunc) error {
		return func(t *testing.T, server *rdsiamtest.Server, dial dialFunc) error {
			password := "not a token"
			if token {
				password = tokenFor(t, server, user)
			}
			config := mysqlConfig(t, server, user, password)
			config.DialFunc = dial
			if change != nil {
				change(config)
			}
			connector, err := mysql.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			_, err = connector.Connect(t.Context())
			return err
		}
	}
	notClear := func(c *mysql.Config) { c.AllowCleartextPasswords = false }
	native := []rdsiamtest.Option{rdsiamtest.WithAuthRequest(rdsiamtest.RequestNativePassword)}
	return []refusal{
		{"not a token", nil, connect("app", false, nil), rdsiamtest.ReasonMalformed},
		{"no TLS", nil, connect("app", true, func(c *mysql.Config) { c.TLS = nil }), rdsiamtest.ReasonPlaintext},
		{"wrong password", nil, connect("old", false, nil), rdsiamtest.ReasonPassword},
		{"password user", nil, connect("old", true, nil), rdsiamtest.ReasonNotIAM},
		{"unknown user", nil, connect("none", true, nil), rdsiamtest.ReasonUnknownUser},
		{"client without clear passwords", nil, connect("app", true, notClear), rdsiamtest.ReasonAbandoned},
		{"native password", native, connect("app", true, nil), rdsiamtest.ReasonPassword},
	}
}

// A test that has its client's error finds the login in the log.
func TestLoginsRightAfterTheError(t *testing.T) {
	const tries = 20
	engines := []struct {
		name     string
		start    func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server
		refusals []refusal
	}{
		{"PostgreSQL", rdsiamtest.StartPostgreSQL, postgresRefusals()},
		{"MySQL", rdsiamtest.StartMySQL, mysqlRefusals()},
	}
	fromOutside := func(server *rdsiamtest.Server) dialFunc {
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Addr().String())
		}
	}
	ways := []struct {
		name    string
		options []rdsiamtest.Option
		dial    func(*rdsiamtest.Server) dialFunc
	}{
		{"in memory", []rdsiamtest.Option{rdsiamtest.WithInMemory()}, func(s *rdsiamtest.Server) dialFunc { return s.DialContext }},
		{"TCP", nil, func(s *rdsiamtest.Server) dialFunc { return s.DialContext }},
		{"from outside", nil, fromOutside},
	}
	for _, engine := range engines {
		for _, way := range ways {
			for _, refusal := range engine.refusals {
				t.Run(fmt.Sprintf("%s/%s/%s", engine.name, way.name, refusal.name), func(t *testing.T) {
					t.Parallel()
					options := append([]rdsiamtest.Option{rdsiamtest.WithIAMUser("app"), rdsiamtest.WithPasswordUser("old", "secret")}, way.options...)
					server := engine.start(t, append(options, refusal.options...)...)
					missed := 0
					for i := range tries {
						if refusal.connect(t, server, way.dial(server)) == nil {
							t.Fatal("logged in")
						}
						logIns := server.Logins()
						if len(logIns) != i+1-missed {
							missed++
							continue
						}
						if got := logIns[i-missed]; got.Reason != refusal.want {
							t.Fatalf("login = %+v, want %q", got, refusal.want)
						}
					}
					if missed > 0 {
						t.Errorf("%d of %d logins were not in the log yet", missed, tries)
					}
				})
			}
		}
	}
}

// slowClock keeps the server from recording a login for some fake time.
func slowClock(d time.Duration) rdsiamtest.Option {
	return rdsiamtest.WithClock(func() time.Time {
		time.Sleep(d)
		return time.Now()
	})
}

// leaveInTheMiddle names a user and goes.
func leaveInTheMiddle(t *testing.T, server *rdsiamtest.Server) {
	t.Helper()
	conn, _ := dialRaw(t, server)
	writeAll(t, conn, &pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": "app"},
	})
	conn.Close()
}

// Logins waits for clients that are gone, not for ever, and for no others.
func TestLoginsWait(t *testing.T) {
	tests := []struct {
		name    string
		clock   time.Duration
		clients func(*testing.T, *rdsiamtest.Server)
		want    time.Duration
		logIns  int
	}{
		{"nobody", time.Second, func(*testing.T, *rdsiamtest.Server) {}, 0, 0},
		{"gone", time.Second, leaveInTheMiddle, time.Second, 1},
		{"gone, and the server is stuck", time.Minute, leaveInTheMiddle, 5 * time.Second, 0},
		{"several are gone, and the server is stuck", time.Minute, func(t *testing.T, server *rdsiamtest.Server) {
			leaveInTheMiddle(t, server)
			leaveInTheMiddle(t, server)
		}, 5 * time.Second, 0},
		{"still there", time.Second, func(t *testing.T, server *rdsiamtest.Server) { dialRaw(t, server) }, 0, 0},
		{"gone without a user", time.Second, func(t *testing.T, server *rdsiamtest.Server) {
			conn, _ := dialRaw(t, server)
			conn.Close()
		}, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"), slowClock(test.clock))
				test.clients(t, server)
				before := time.Now()
				logIns := server.Logins()
				if took := time.Since(before); took != test.want || len(logIns) != test.logIns {
					t.Errorf("%d logins after %s, want %d after %s", len(logIns), took, test.logIns, test.want)
				}
			})
		})
	}
}

func TestLoginsWhenTheServerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"), slowClock(time.Minute))
		leaveInTheMiddle(t, server)
		var waiting sync.WaitGroup
		before := time.Now()
		waiting.Go(func() {
			server.Logins()
			if took := time.Since(before); took != 0 {
				t.Errorf("Logins returned %s after Close", took)
			}
		})
		synctest.Wait()
		waiting.Go(func() { server.Close() })
		waiting.Wait()
		if logIns := server.Logins(); len(logIns) != 1 {
			t.Errorf("logins = %+v, want one that Close waited for", logIns)
		}
	})
}

func TestDialedHasSyscallConn(t *testing.T) {
	server := rdsiamtest.StartMySQL(t)
	conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := conn.(syscall.Conn); !ok {
		t.Errorf("%T is not a syscall.Conn, which go-sql-driver checks idle connections by", conn)
	}
}
