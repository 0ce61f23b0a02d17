package rdsiamtest_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// startSpliced starts a server in front of another one, both in memory.
func startSpliced(t *testing.T, engine string) (front, upstream *rdsiamtest.Server) {
	t.Helper()
	upstream = engines[engine](t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
	behind := rdsiamtest.Upstream{Address: upstream.Endpoint(), Password: "secret", TLS: upstreamTLS(upstream)}
	front = engines[engine](t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
		rdsiamtest.WithUpstream(behind.InMemory(upstream.DialContext)))
	return front, upstream
}

// openDB logs in with one token, for as long as that is good.
func openDB(t *testing.T, engine string, server *rdsiamtest.Server) *sql.DB {
	t.Helper()
	token := tokenFor(t, server, "app")
	if engine == "MySQL" {
		return openMySQL(t, mysqlConfig(t, server, "app", token))
	}
	db := stdlib.OpenDB(*pgxConfig(t, server, "app", token))
	t.Cleanup(func() { db.Close() })
	return db
}

// The time that a login may take, here and at the upstream, is none for the session.
func TestUpstreamSessionLasts(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front, _ := startSpliced(t, engine)
				db := openDB(t, engine, front)
				for range 3 { // the token is valid for 15 minutes: this is one session
					if err := db.QueryRowContext(t.Context(), "SELECT 1").Scan(new(int)); err != nil {
						t.Error(err)
					}
					time.Sleep(8 * time.Hour)
				}
				if n := len(front.Logins()); n != 1 {
					t.Errorf("%d logins, want one", n)
				}
			})
		})
	}
}

// When one of the three ends, so do the others' connections.
func TestUpstreamSessionEnds(t *testing.T) {
	for engine := range engines {
		for name, end := range map[string]func(db *sql.DB, front, upstream *rdsiamtest.Server){
			"client":           func(db *sql.DB, _, _ *rdsiamtest.Server) { db.Close() },
			"front":            func(_ *sql.DB, front, _ *rdsiamtest.Server) { front.Close() },
			"front's session":  func(_ *sql.DB, front, _ *rdsiamtest.Server) { front.DropConnections() },
			"upstream":         func(_ *sql.DB, _, upstream *rdsiamtest.Server) { upstream.Close() },
			"upstream session": func(_ *sql.DB, _, upstream *rdsiamtest.Server) { upstream.DropConnections() },
		} {
			t.Run(engine+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					front, upstream := startSpliced(t, engine)
					db := openDB(t, engine, front)
					if err := db.PingContext(t.Context()); err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					end(db, front, upstream)
					synctest.Wait()
					for who, server := range map[string]*rdsiamtest.Server{"front": front, "upstream": upstream} {
						if n := server.DropConnections(); n != 0 {
							t.Errorf("%d connections are open at the %s", n, who)
						}
					}
					if took := time.Since(began); took != 0 {
						t.Errorf("it took %s", took)
					}
				})
			})
		}
	}
}

// A refused client leaves no connection to the upstream behind.
func TestUpstreamAfterRefusal(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front, upstream := startSpliced(t, engine)
				front.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
				if err := openDB(t, engine, front).PingContext(t.Context()); err == nil {
					t.Error("logged in")
				}
				synctest.Wait()
				if n := upstream.DropConnections(); n != 0 {
					t.Errorf("%d connections to the upstream are open", n)
				}
				if logIns := upstream.Logins(); len(logIns) != 0 {
					t.Errorf("logins at the upstream: %+v", logIns)
				}
			})
		})
	}
}

// An upstream without a ServerName is verified by its address, and the configuration is the
// caller's: nothing is written to it.
func TestUpstreamServerName(t *testing.T) {
	for engine, start := range engines {
		t.Run(engine, func(t *testing.T) {
			upstream := start(t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
			config := &tls.Config{RootCAs: upstream.RootCAs()}
			behind := rdsiamtest.Upstream{Address: upstream.Endpoint(), Password: "secret", TLS: config}
			front := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
				rdsiamtest.WithUpstream(behind.InMemory(upstream.DialContext)))
			if err := openDB(t, engine, front).PingContext(t.Context()); err != nil {
				t.Error(err)
			}
			if config.ServerName != "" {
				t.Errorf("the caller's configuration has ServerName %q now", config.ServerName)
			}
		})
	}
}

// stuckConn is that of an upstream which takes nothing more from some moment on.
type stuckConn struct {
	net.Conn
	stuck   atomic.Bool
	closing sync.Once
	closed  chan struct{}
}

func (c *stuckConn) Write(b []byte) (int, error) {
	if c.stuck.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c *stuckConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Close does not wait for an upstream that is stuck.
func TestUpstreamThatIsStuck(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upstream := engines[engine](t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
				stuck := &stuckConn{closed: make(chan struct{})}
				behind := rdsiamtest.Upstream{Address: upstream.Endpoint(), Password: "secret", TLS: upstreamTLS(upstream)}.InMemory(
					func(ctx context.Context, network, address string) (net.Conn, error) {
						conn, err := upstream.DialContext(ctx, network, address)
						if stuck.Conn != nil {
							return conn, err
						}
						stuck.Conn = conn
						return stuck, err
					})
				front := engines[engine](t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(), rdsiamtest.WithUpstream(behind))
				db := openDB(t, engine, front)
				if err := db.PingContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				stuck.stuck.Store(true)
				asked := make(chan error)
				go func() { asked <- db.QueryRowContext(context.Background(), "SELECT 1").Scan(new(int)) }()
				synctest.Wait()
				front.Close()
				if err := <-asked; err == nil {
					t.Error("an answer came")
				}
			})
		})
	}
}

// A request to cancel the statement of a session that has ended goes nowhere.
func TestUpstreamCancelAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
		var used atomic.Int32
		behind := rdsiamtest.Upstream{Address: upstream.Endpoint(), Password: "secret", TLS: upstreamTLS(upstream)}.InMemory(
			func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := upstream.DialContext(ctx, network, address)
				return &usedConn{Conn: conn, used: &used}, err
			})
		front := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(), rdsiamtest.WithUpstream(behind))
		conn := connectPGX(t, pgxConfig(t, front, "app", tokenFor(t, front, "app")))
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stale, _ := dialRaw(t, front)
		writeAll(t, stale, &pgproto3.CancelRequest{ProcessID: conn.PgConn().PID(), SecretKey: conn.PgConn().SecretKey()})
		if _, err := stale.Read(make([]byte, 1)); err == nil {
			t.Error("the server answered a cancel request")
		}
		synctest.Wait()
		if n := used.Load(); n != 1 {
			t.Errorf("the upstream heard something on %d connections, want that of the session", n)
		}
	})
}

// usedConn counts itself when something is sent on it.
type usedConn struct {
	net.Conn
	used  *atomic.Int32
	first sync.Once
}

func (c *usedConn) Write(b []byte) (int, error) {
	c.first.Do(func() { c.used.Add(1) })
	return c.Conn.Write(b)
}

// scripted is an upstream whose end of each connection is served by a test.
func scripted(serve func(net.Conn)) rdsiamtest.Upstream {
	return scriptedBy(serve, func(conn net.Conn) net.Conn { return conn })
}

// scriptedBy is the same with another end for the server in front of it.
func scriptedBy(serve func(net.Conn), wrap func(net.Conn) net.Conn) rdsiamtest.Upstream {
	return rdsiamtest.Upstream{Address: "scripted:1", Password: "secret"}.InMemory(
		func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := rdsiamtest.MemoryPipe("scripted:1")
			go serve(theirs)
			return wrap(ours), nil
		})
}

// The upstream is asked for the client's session in protocol 3.0, without the extensions
// of other versions: the client was told that it can't have them.
func TestPostgreSQLUpstreamStartup(t *testing.T) {
	for name, test := range map[string]struct {
		version    uint32
		parameters map[string]string
		refused    []string
	}{
		"version 3.2": {pgproto3.ProtocolVersion32, nil, nil},
		"extension":   {pgproto3.ProtocolVersion30, map[string]string{"_pq_.wish": "x"}, []string{"_pq_.wish"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := make(chan *pgproto3.StartupMessage, 1)
				front := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
					rdsiamtest.WithUpstream(scripted(func(conn net.Conn) {
						defer conn.Close()
						message, _ := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage()
						startup, _ := message.(*pgproto3.StartupMessage)
						asked <- startup
					})))
				parameters := map[string]string{"user": "app", "database": "data", "search_path": "theirs"}
				want := maps.Clone(parameters)
				maps.Copy(parameters, test.parameters)
				conn, frontend := startUpWith(t, front, &pgproto3.StartupMessage{ProtocolVersion: test.version, Parameters: parameters})
				told := wantMessage[*pgproto3.NegotiateProtocolVersion](t, frontend)
				if told.NewestMinorProtocol != pgproto3.ProtocolVersion30 || !slices.Equal(told.UnrecognizedOptions, test.refused) {
					t.Errorf("the client was told %+v", told)
				}
				wantMessage[*pgproto3.AuthenticationCleartextPassword](t, frontend)
				writeAll(t, conn, &pgproto3.PasswordMessage{Password: tokenFor(t, front, "app")})
				startup := <-asked
				if startup == nil || startup.ProtocolVersion != pgproto3.ProtocolVersion30 || !maps.Equal(startup.Parameters, want) {
					t.Errorf("the upstream was asked for %+v, want %v", startup, want)
				}
				wantMessage[*pgproto3.ErrorResponse](t, frontend) // it was closed
			})
		})
	}
}

// What an upstream says in place of a greeting is told to the client, and its connection
// is closed.
func TestMySQLUpstreamHasNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		front := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
			rdsiamtest.WithUpstream(scripted(func(conn net.Conn) {
				defer conn.Close()
				packets := &mysqlwire.Packets{Stream: conn}
				packets.Write(mysqlwire.Error{Number: 1040, SQLState: "08004", Text: "Too many connections"}.Encode())
				_, err := conn.Read(make([]byte, 1))
				ended <- err
			})))
		refusal := mysqlRefusal(t, openDB(t, "MySQL", front).PingContext(t.Context()))
		if refusal.Number != 1040 || refusal.Message != "Too many connections" {
			t.Errorf("got %v", refusal)
		}
		if err := <-ended; err != io.EOF {
			t.Errorf("the upstream's connection: %v, want its end", err)
		}
	})
}

// An upstream that accepts connections and says nothing holds nobody up for good.
func TestUpstreamThatSaysNothing(t *testing.T) {
	for engine, want := range map[string]time.Duration{"PostgreSQL": time.Minute, "MySQL": 20 * time.Second} {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				silent := scripted(func(conn net.Conn) { io.Copy(io.Discard, conn) })
				front := engines[engine](t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(), rdsiamtest.WithUpstream(silent))
				began := time.Now()
				if err := openDB(t, engine, front).PingContext(t.Context()); err == nil {
					t.Error("logged in")
				}
				if took := time.Since(began); took != want {
					t.Errorf("it took %s, want %s", took, want)
				}
			})
		})
	}
}

// lateConn is a connection whose writes arrive long before they return, so that pgconn
// begins to read in the background.
type lateConn struct{ net.Conn }

func (c lateConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	time.Sleep(time.Second)
	return n, err
}

// What an upstream sends right behind its login, or when pgconn is still reading, is the
// client's.
func TestPostgreSQLUpstreamSpeaksEarly(t *testing.T) {
	for name, pause := range map[string]time.Duration{"right behind": 0, "later": time.Minute} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/slow writes %v", name, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					behind := scriptedBy(func(conn net.Conn) {
						backend := pgproto3.NewBackend(conn, conn)
						backend.ReceiveStartupMessage()
						backend.Send(&pgproto3.AuthenticationOk{})
						backend.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "its own"})
						backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte("1234")})
						backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
						if pause > 0 {
							backend.Flush()
							time.Sleep(pause)
						}
						backend.Send(&pgproto3.NoticeResponse{Message: "hear, hear"})
						backend.Flush()
						io.Copy(io.Discard, conn)
						conn.Close()
					}, func(conn net.Conn) net.Conn {
						if late {
							return lateConn{conn}
						}
						return conn
					})
					front := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(), rdsiamtest.WithUpstream(behind))
					conn, frontend := startUp(t, front, "app")
					wantMessage[*pgproto3.AuthenticationCleartextPassword](t, frontend)
					writeAll(t, conn, &pgproto3.PasswordMessage{Password: tokenFor(t, front, "app")})
					wantMessage[*pgproto3.AuthenticationOk](t, frontend)
					if status := wantMessage[*pgproto3.ParameterStatus](t, frontend); status.Name != "server_version" || status.Value != "its own" {
						t.Errorf("got %+v, want what the upstream says of itself", status)
					}
					wantMessage[*pgproto3.BackendKeyData](t, frontend)
					wantMessage[*pgproto3.ReadyForQuery](t, frontend)
					conn.SetReadDeadline(time.Now().Add(time.Hour))
					if notice := wantMessage[*pgproto3.NoticeResponse](t, frontend); notice.Message != "hear, hear" {
						t.Errorf("got %+v", notice)
					}
				})
			})
		}
	}
}
