package rdsiamtest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// stoppedUpstream is the address of a server that does not run.
func stoppedUpstream(t *testing.T) rdsiamtest.Upstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return rdsiamtest.Upstream{Address: listener.Addr().String(), Password: "upstream secret"}
}

// A server whose upstream is stopped is stopped as well.
func TestUpstreamStopped(t *testing.T) {
	for engine, start := range engines {
		for name, option := range map[string]rdsiamtest.Option{
			"TCP": rdsiamtest.WithAddresses(1), "in memory": rdsiamtest.WithInMemory(),
		} {
			t.Run(engine+"/"+name, func(t *testing.T) {
				server := start(t, option, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(stoppedUpstream(t)))
				conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
				if err == nil {
					conn.Close()
					t.Fatal("a connection was made")
				}
				var failed *net.OpError
				if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &failed) || failed.Op != "dial" {
					t.Errorf("got %v, want a dial that was refused", err)
				}
			})
		}
		t.Run(engine+"/listener", func(t *testing.T) {
			server := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(stoppedUpstream(t)))
			if b, err := readAllFrom(server.Addr()); len(b) > 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read %q, %v; want a reset before the first byte", b, err)
			}
			if all := server.Logins(); len(all) > 0 {
				t.Errorf("logins %+v, want none", all)
			}
		})
	}
}

// readAllFrom returns what a server says to a client that says nothing. The error may be
// that of the dial: a reset can come as soon as there is a connection.
func readAllFrom(address net.Addr) ([]byte, error) {
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return io.ReadAll(conn)
}

// A client that dawdles does not cost its login: the upstream is dialed again.
func TestUpstreamConnectionThatIsOld(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dialed atomic.Int32
				upstream := engines[engine](t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
				behind := rdsiamtest.Upstream{Address: upstream.Endpoint(), Password: "secret", TLS: upstreamTLS(upstream)}
				front := engines[engine](t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
					rdsiamtest.WithUpstream(behind.InMemory(func(ctx context.Context, network, address string) (net.Conn, error) {
						dialed.Add(1)
						return upstream.DialContext(ctx, network, address)
					})))
				for _, test := range []struct {
					delay time.Duration
					want  int32
				}{{0, 1}, {time.Second, 1}, {50 * time.Second, 2}} {
					dialed.Store(0)
					front.SetFaults(rdsiamtest.Faults{AcceptDelay: test.delay})
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
					if err := openDB(t, engine, front).PingContext(ctx); err != nil {
						t.Errorf("%s: %v", test.delay, err)
					}
					cancel()
					if n := dialed.Load(); n != test.want {
						t.Errorf("%s: %d connections to the upstream, want %d", test.delay, n, test.want)
					}
				}
			})
		})
	}
}

// Close ends what was made for clients that have not logged in.
func TestUpstreamConnectionsEndWithTheServer(t *testing.T) {
	for engine, start := range engines {
		t.Run(engine, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			server := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(rdsiamtest.Upstream{Address: listener.Addr().String()}))
			dialServer(t, server)
			upstream, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer upstream.Close()
			server.Close()
			upstream.SetDeadline(time.Now().Add(30 * time.Second))
			if _, err := upstream.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection to the upstream outlived the server: %v", err)
			}
		})
	}
}
