package rdspgx_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/faketoken"
)

// acceptUntilEnd lets the client in, answers queries without a row, and returns the last
// message that the client sent, nil where it sent none.
func (s *talk) acceptUntilEnd() (last pgproto3.FrontendMessage) {
	s.Send(&pgproto3.AuthenticationOk{})
	for {
		s.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if s.Flush() != nil {
			return last
		}
		message, err := s.Receive()
		if err != nil {
			return last
		}
		last = message
		s.Send(&pgproto3.RowDescription{})
		s.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
	}
}

// A login that fails, in whatever way, leaves no connection open.
func TestFailedLoginClosesItsConnection(t *testing.T) {
	problem := errors.New("not like this")
	panics := func(context.Context, *pgconn.PgConn) error { panic("out of order: " + signature) }
	tests := []struct {
		name    string
		query   string
		change  func(*pgx.ConnConfig)
		options []stdlib.OptionOpenDB
		is      error
		panic   string // in the error
		polite  bool   // the server hears of the end
	}{
		{name: "OptionAfterConnect", options: []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(func(context.Context, *pgx.Conn) error { return problem })}, is: problem, polite: true},
		{name: "OptionAfterConnect panics", options: []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(func(context.Context, *pgx.Conn) error { panic(problem) })}, panic: ": not like this", polite: true},
		{name: "AfterConnect", change: func(c *pgx.ConnConfig) {
			c.AfterConnect = func(context.Context, *pgconn.PgConn) error { return problem }
		}, is: problem},
		{name: "AfterConnect panics", change: func(c *pgx.ConnConfig) { c.AfterConnect = panics }, panic: "out of order: [token masked]", polite: true},
		{name: "ValidateConnect panics", change: func(c *pgx.ConnConfig) { c.ValidateConnect = panics }, panic: "out of order: [token masked]", polite: true},
		{name: "AfterNetConnect panics", change: func(c *pgx.ConnConfig) {
			c.AfterNetConnect = func(context.Context, *pgconn.Config, net.Conn) (net.Conn, error) { panic("too early") }
		}, panic: "too early"},
		{name: "no row of the server's makes pgx panic", query: "?target_session_attrs=read-write", panic: "pgconn.ValidateConnectTargetSessionAttrsReadWrite (line ", polite: true},
	}
	for _, hosts := range []string{instance, instance + "," + other} {
		for _, test := range tests {
			t.Run(hosts+"/"+test.name, func(t *testing.T) {
				ended := make(chan pgproto3.FrontendMessage, 10)
				server := startFake(t, []string{instance, other}, func(s *talk) { s.askPassword(); ended <- s.acceptUntilEnd() })
				var opened, closed atomic.Int64
				config := parse(t, "postgres://app@"+hosts+"/db"+test.query)
				config.LookupFunc = server.LookupHost
				config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := server.DialContext(ctx, network, address)
					opened.Add(1)
					return &closingConn{Conn: conn, closed: &closed}, err
				}
				if test.change != nil {
					test.change(config)
				}
				d := newDriver(t, config, rdsiam.WithRootCAs(server.roots)).WithOptions(test.options...)
				err := open(t, d, rdsToken)
				if err == nil || test.is != nil && !errors.Is(err, test.is) {
					t.Fatalf("got %v, want %v", err, test.is)
				}
				if test.panic != "" {
					wantContains(t, err, "rdsiam: panic during the login, in ", test.panic)
				}
				wantNoSecrets(t, err, false)
				if opened.Load() == 0 || opened.Load() != closed.Load() {
					t.Errorf("%d connections were opened and %d closed", opened.Load(), closed.Load())
				}
				if test.polite {
					if _, ok := (<-ended).(*pgproto3.Terminate); !ok {
						t.Error("the server was not told of the end")
					}
				}
			})
		}
	}
}

// closingConn counts the connections that are closed.
type closingConn struct {
	net.Conn
	done   atomic.Bool
	closed *atomic.Int64
}

func (c *closingConn) Close() error {
	if c.done.CompareAndSwap(false, true) {
		c.closed.Add(1)
	}
	return c.Conn.Close()
}

// After driver.ErrBadConn database/sql would log in again, twice.
func TestErrBadConnOfCallbacksIsOneLogin(t *testing.T) {
	bad := func(context.Context, *pgconn.PgConn) error { return driver.ErrBadConn }
	for name, change := range map[string]func(*pgx.ConnConfig) []stdlib.OptionOpenDB{
		"AfterConnect":    func(c *pgx.ConnConfig) []stdlib.OptionOpenDB { c.AfterConnect = bad; return nil },
		"ValidateConnect": func(c *pgx.ConnConfig) []stdlib.OptionOpenDB { c.ValidateConnect = bad; return nil },
		"OptionAfterConnect": func(*pgx.ConnConfig) []stdlib.OptionOpenDB {
			return []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(func(context.Context, *pgx.Conn) error { return driver.ErrBadConn })}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			config := configFor(t, server, "")
			options := change(config)
			d := newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs())).WithOptions(options...)
			db := sql.OpenDB(rdsiam.NewConnector(d, tokensOf(server)))
			defer db.Close()
			if err := db.PingContext(t.Context()); err == nil || errors.Is(err, driver.ErrBadConn) {
				t.Errorf("got %v", err)
			}
			if _, all := accepted(server); all != 1 {
				t.Errorf("%d logins for one Ping", all)
			}
		})
	}
}

// A host with several addresses takes as long to fail as they are many.
func TestTokenThatExpiresBetweenTwoAddresses(t *testing.T) {
	for _, test := range []struct {
		name  string
		pause time.Duration // before each dial
		want  int64         // tokens
	}{{"valid", time.Second, 1}, {"expired", 11 * time.Minute, 3}} {
		for _, hosts := range []string{instance, instance + "," + other} {
			t.Run(test.name+"/"+hosts, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					received := make(chan string, 10)
					server := newFake(t, []string{instance}, func(s *talk) {
						token, _ := s.askPassword()
						received <- token
						if len(received) == 3 {
							s.accept(nil)
						}
					})
					config := parse(t, "postgres://app@"+hosts+"/db")
					config.LookupFunc = func(_ context.Context, host string) ([]string, error) {
						if host != instance {
							return nil, errors.New("no such host")
						}
						return []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, nil
					}
					config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
						time.Sleep(test.pause)
						return server.dialPipe(ctx, network, address)
					}
					source := &counter{TokenSource: rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
						return rdsiam.NewToken(faketoken.Text(login), time.Now().Add(10*time.Minute)), nil
					})}
					conn, err := newDriver(t, config, rdsiam.WithRootCAs(server.roots)).Open(t.Context(), source)
					if err != nil {
						t.Fatal(err)
					}
					_ = conn.Close() // the farewells of both sides meet in the pipe
					if got := source.calls.Load(); got != test.want || len(received) != 3 {
						t.Errorf("%d tokens for %d logins, want %d for 3", got, len(received), test.want)
					}
					for range 3 {
						if token := <-received; !strings.HasPrefix(token, instance) {
							t.Errorf("the server got %q", token)
						}
					}
				})
			})
		}
	}
}
