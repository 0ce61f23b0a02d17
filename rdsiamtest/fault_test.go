package rdsiamtest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestRefuseNext(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	token := tokenFor(t, server, "app")
	server.SetFaults(rdsiamtest.Faults{RefuseNext: 3})
	if server.Verify(t.Context(), "app", "not a token") == nil {
		t.Error("a malformed token was accepted")
	}
	var refused atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			var refusal *rdsiamtest.Refusal
			if errors.As(server.Verify(t.Context(), "app", token), &refusal) && refusal.Reason == rdsiamtest.ReasonFault {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if n := refused.Load(); n != 3 {
		t.Errorf("%d good logins were refused, want 3: a bad one does not count", n)
	}
	server.SetFaults(rdsiamtest.Faults{RefuseNext: 3})
	server.SetFaults(rdsiamtest.Faults{})
	if err := server.Verify(t.Context(), "app", token); err != nil {
		t.Errorf("after the fault was switched off: %v", err)
	}
}

func TestClockOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		token := tokenFor(t, server, "app")
		for _, test := range []struct {
			offset time.Duration
			want   rdsiamtest.Reason
		}{
			{15*time.Minute - time.Second, rdsiamtest.ReasonAccepted},
			{15 * time.Minute, rdsiamtest.ReasonExpired},
			{-5 * time.Minute, rdsiamtest.ReasonAccepted},
			{-5*time.Minute - time.Second, rdsiamtest.ReasonNotYetValid},
		} {
			server.SetFaults(rdsiamtest.Faults{ClockOffset: test.offset})
			_ = server.Verify(t.Context(), "app", token)
			logIn := lastLogin(t, server)
			if logIn.Reason != test.want || !logIn.Time.Equal(time.Now().Add(test.offset)) {
				t.Errorf("%s: %s at %s, want %s", test.offset, logIn.Reason, logIn.Time, test.want)
			}
		}
	})
}

func dialServer(t *testing.T, server *rdsiamtest.Server) net.Conn {
	t.Helper()
	conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestCutAfter(t *testing.T) {
	for _, memory := range []bool{true, false} {
		options := []rdsiamtest.Option{rdsiamtest.WithIAMUser("app")}
		if memory {
			options = append(options, rdsiamtest.WithInMemory())
		}
		for _, test := range []struct {
			after int64
			want  int
		}{{math.MinInt64, 0}, {-1, 0}, {1, 1}, {40, 40}} {
			t.Run(fmt.Sprintf("memory %v/%d", memory, test.after), func(t *testing.T) {
				server := rdsiamtest.StartMySQL(t, options...)
				server.SetFaults(rdsiamtest.Faults{CutAfter: test.after})
				greeting, err := io.ReadAll(dialServer(t, server))
				if err != nil || len(greeting) != test.want {
					t.Errorf("%d bytes, %v; want %d", len(greeting), err, test.want)
				}
			})
		}
	}
}

// A connection ends with its last byte, not with the first one too many.
func TestCutAfterTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory())
		size := len(dialWire(t, server).greeting) + 4
		server.SetFaults(rdsiamtest.Faults{CutAfter: int64(size)})
		began := time.Now()
		greeting, err := io.ReadAll(dialServer(t, server))
		if took := time.Since(began); err != nil || len(greeting) != size || took != 0 {
			t.Errorf("%d bytes after %s, %v; want %d at once", len(greeting), took, err, size)
		}
	})
}

// The log says that it was a fault which cut the connection of a login.
func TestCutIsInTheLog(t *testing.T) {
	for engine, start := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
				reasons := make(map[rdsiamtest.Reason]int)
				for n := int64(1); ; n += 10 {
					server.SetFaults(rdsiamtest.Faults{CutAfter: n})
					if askOnce(t.Context(), t, engine, server) == nil {
						break
					}
				}
				for _, logIn := range server.Logins() {
					reasons[logIn.Reason]++
				}
				if reasons[rdsiamtest.ReasonCut] == 0 || reasons[rdsiamtest.ReasonAccepted] == 0 || len(reasons) != 2 {
					t.Errorf("the logins: %v, want some that were cut and some that were accepted before", reasons)
				}
			})
		})
	}
}

// On a connection that was open before, bytes count from SetFaults.
func TestCutAfterOnAnOpenConnection(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	client := logInWire(t, server, 0) // a greeting and a handshake are more than 200 bytes
	server.SetFaults(rdsiamtest.Faults{CutAfter: 200})
	const ping = 0x0e
	client.command(ping)
	for range 100 {
		client.sequence = 0
		client.send([]byte{ping})
		if _, err := client.tryReceive(); err != nil {
			return
		}
	}
	t.Error("100 pings were answered with 200 bytes")
}

func TestDropConnections(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	if n := server.DropConnections(); n != 0 {
		t.Errorf("%d of no connections", n)
	}
	var conns []net.Conn
	for range 3 {
		conns = append(conns, dialServer(t, server))
	}
	if n := server.DropConnections(); n != 3 {
		t.Errorf("%d connections were dropped, want 3", n)
	}
	if n := server.DropConnections(); n != 0 {
		t.Errorf("%d connections were dropped a second time", n)
	}
	for _, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("the client sees %v, want the end of the connection", err)
		}
	}
	if err := askOnce(t.Context(), t, "MySQL", server); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A client that has gone lost nothing, also when the server has yet to notice.
func TestDropConnectionsOfClientsThatLeft(t *testing.T) {
	for _, options := range [][]rdsiamtest.Option{nil, {rdsiamtest.WithInMemory()}} {
		server := rdsiamtest.StartMySQL(t, options...)
		for range 20 {
			conn := dialServer(t, server)
			if _, err := conn.Read(make([]byte, 1)); err != nil { // of the greeting
				t.Fatal(err)
			}
			conn.Close()
			if n := server.DropConnections(); n != 0 {
				t.Errorf("%d connections were dropped, want none", n)
			}
		}
	}
}

func TestSetCertificateAuthority(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	if server.SetCertificateAuthority(nil) == nil {
		t.Error("nil was accepted")
	}
	old := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
	certificate := server.Certificate()
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetCertificateAuthority(authority); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ConnectConfig(t.Context(), old); err == nil {
		t.Error("a client with the old roots logged in")
	}
	if err := askOnce(t.Context(), t, "PostgreSQL", server); err != nil {
		t.Errorf("with the new roots: %v", err)
	}
	if !bytes.Equal(server.CertificatePEM(), authority.CertificatePEM()) {
		t.Error("CertificatePEM is not that of the new authority")
	}
	if bytes.Equal(server.Certificate().Certificate[0], certificate.Certificate[0]) {
		t.Error("Certificate is still the old one")
	}
}

func TestFaultTLSMode(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(), rdsiamtest.WithTLSMode(rdsiamtest.WrongName))
	for _, test := range []struct {
		mode rdsiamtest.TLSMode
		want string
	}{
		{rdsiamtest.TLSRequired, "another-name.invalid"}, // that of the option
		{rdsiamtest.ExpiredCertificate, "expired"},
		{rdsiamtest.UnknownAuthority, "unknown authority"},
		{rdsiamtest.TLSUnavailable, "server refused TLS connection"},
		{rdsiamtest.TLSRequired, "another-name.invalid"},
	} {
		server.SetFaults(rdsiamtest.Faults{TLSMode: test.mode})
		if err := askOnce(t.Context(), t, "PostgreSQL", server); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("mode %d: %v, want %q", test.mode, err, test.want)
		}
	}
}

func upstreamTLS(upstream *rdsiamtest.Server) *tls.Config {
	host, _, _ := net.SplitHostPort(upstream.Endpoint())
	return &tls.Config{RootCAs: upstream.RootCAs(), ServerName: host}
}

// The faults take place in front of an upstream.
func TestFaultsInFrontOfAnUpstream(t *testing.T) {
	for engine, start := range engines {
		t.Run(engine, func(t *testing.T) {
			upstream := start(t, rdsiamtest.WithPasswordUser("app", "secret"))
			var server *rdsiamtest.Server
			var drop atomic.Bool
			server = start(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithObserver(func(rdsiamtest.Login) {
				if drop.Load() {
					server.DropConnections()
				}
			}), rdsiamtest.WithUpstream(rdsiamtest.Upstream{
				Address: upstream.Addr().String(), Password: "secret", TLS: upstreamTLS(upstream)}))
			ask := func(ctx context.Context) error { return askOnce(ctx, t, engine, server) }
			if err := ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			server.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("statement delay: %v", err)
			}
			if got := lastLogin(t, server); !got.Accepted {
				t.Errorf("statement delay: the login ended with %s", got.Reason)
			}
			server.SetFaults(rdsiamtest.Faults{CutAfter: 1000})
			if ask(t.Context()) == nil {
				t.Error("cut: no error")
			}
			server.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
			drop.Store(true)
			if ask(t.Context()) == nil {
				t.Error("drop: no error")
			}
			drop.Store(false)
			server.SetFaults(rdsiamtest.Faults{})
			if err := ask(t.Context()); err != nil {
				t.Errorf("without faults: %v", err)
			}
		})
	}
}
