package rdspgx_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const bothHosts = "postgres://app@" + instance + "," + other + "/postgres"

func TestEachHostGetsItsOwnToken(t *testing.T) {
	tests := []struct {
		name          string
		spoil         func(n *network, first *rdsiamtest.Server)
		first, second int // logins
	}{
		{"the first answers", func(*network, *rdsiamtest.Server) {}, 1, 0},
		{"the first is down", func(_ *network, first *rdsiamtest.Server) { first.Close() }, 0, 1},
		{"the first is unknown", func(n *network, _ *rdsiamtest.Server) { n.hosts[0] = "nobody" }, 0, 1},
		{"the first refuses", func(_ *network, first *rdsiamtest.Server) { first.SetPolicies() }, 1, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, first, second := twoServers(t, 3)
			test.spoil(n, first)
			source := &counter{TokenSource: tokensOf(first)}
			if err := open(t, newDriver(t, n.config(t, bothHosts), rdsiam.WithRootCAs(first.RootCAs())), source); err != nil {
				t.Fatal(err)
			}
			if _, all := accepted(first); all != test.first {
				t.Errorf("first: %d logins, want %d: %v", all, test.first, first.Logins())
			}
			if ok, all := accepted(second); all != test.second || ok != test.second {
				t.Errorf("second: %d of %d logins accepted, want %d: %v", ok, all, test.second, second.Logins())
			}
			if got := int(source.calls.Load()); got != test.first+test.second {
				t.Errorf("%d tokens were asked for, want %d", got, test.first+test.second)
			}
		})
	}
}

// An address that does not answer is no refusal.
func TestTheSecondAddressIsTriedAfterTheFirstFailed(t *testing.T) {
	server := start(t, rdsiamtest.WithAddresses(3))
	config := configFor(t, server, "")
	dials := 0
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials++; dials < 3 {
			conn, err := server.DialContext(ctx, network, address)
			if err == nil && dials == 2 {
				return &cutConn{Conn: conn}, nil
			}
			return nil, errors.New("no route")
		}
		return server.DialContext(ctx, network, address)
	}
	source := &counter{TokenSource: tokensOf(server, rdsiam.WithReuse(0))}
	if err := open(t, newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs())), source); err != nil {
		t.Fatal(err)
	}
	if got := source.calls.Load(); got != 1 {
		t.Errorf("%d tokens were asked for, want 1", got)
	}
}

// cutConn is cut when the TLS handshake begins.
type cutConn struct {
	net.Conn
	writes int
}

func (c *cutConn) Write(data []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(data)
}

func TestTheSourceIsAskedOnceForEachHostAlsoIfItFails(t *testing.T) {
	n, first, _ := twoServers(t, 3)
	problem := errors.New("no credentials")
	source := &counter{TokenSource: rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return rdsiam.Token{}, problem })}
	if err := open(t, newDriver(t, n.config(t, bothHosts), rdsiam.WithRootCAs(first.RootCAs())), source); !errors.Is(err, problem) {
		t.Errorf("got %v", err)
	}
	if got := source.calls.Load(); got != 2 {
		t.Errorf("the source was asked %d times, want 2", got)
	}
}

// portConn claims to lead to a port, as it would without the test's network.
type portConn struct {
	net.Conn
	port int
}

func (c portConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: c.port} }

func TestOneNameOnTwoPorts(t *testing.T) {
	const twoPorts = "postgres://app@" + instance + ":5432," + instance + ":5433/postgres"
	server := start(t, rdsiamtest.WithEndpoint(instance+":5433"))
	config := configFor(t, server, twoPorts)
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, text, _ := net.SplitHostPort(address)
		port, _ := strconv.Atoi(text)
		if port == 5432 {
			return nil, errors.New("down")
		}
		conn, err := server.DialContext(ctx, network, address)
		return portConn{conn, port}, err
	}
	if _, err := connect(t, hookFor(server), config); err != nil {
		t.Fatal(err)
	}
	if got := server.Logins(); len(got) != 1 || got[0].Endpoint != instance+":5433" || !got[0].Accepted {
		t.Errorf("got %v", got)
	}
}

// Where the port cannot be known, no token is sent.
func TestOneNameOnTwoPortsBehindATunnel(t *testing.T) {
	server := start(t, rdsiamtest.WithEndpoint(instance+":5433"))
	_, err := connect(t, hookFor(server), configFor(t, server, "postgres://app@"+instance+":5432,"+instance+":5433/postgres"))
	var config *rdsiam.ConfigError
	if !errors.As(err, &config) {
		t.Fatalf("got %v", err)
	}
	wantContains(t, err, "the token is not sent over a connection to "+instance+" at 127.0.0.1:", ", which is none of the configured hosts")
	for _, logIn := range server.Logins() {
		if logIn.PasswordReceived {
			t.Error("a token was sent")
		}
	}
}

func TestTargetSessionAttrs(t *testing.T) {
	tests := []struct {
		attrs         string
		tokens, dials int
		want          string
	}{
		{"any", 1, 1, instance},
		{"read-write", 2, 2, other},
		{"prefer-standby", 2, 3, other}, // none is one: pgx goes back to the last, with its token
	}
	for _, test := range tests {
		t.Run(test.attrs, func(t *testing.T) {
			received := make(chan string, 10)
			server := startFake(t, []string{instance, other}, func(s *talk) {
				token, _ := s.askPassword()
				received <- token
				readOnly := map[bool]string{true: "on", false: "off"}[strings.HasPrefix(token, instance+":5432/")]
				s.accept(map[string]string{"show transaction_read_only": readOnly, "select pg_is_in_recovery()": "f"})
			})
			config := parse(t, bothHosts+"?target_session_attrs="+test.attrs)
			config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
			source := &counter{TokenSource: fixedToken}
			hook := rdspgx.BeforeConnect(source, rdsiam.WithRootCAs(server.roots))
			// First with the hook, then without it and with it again, on the
			// configuration of the live connection.
			hooks := []func(context.Context, *pgx.ConnConfig) error{hook, noHook, hook}
			for round, hook := range hooks {
				conn, err := connect(t, hook, config)
				if err != nil {
					t.Fatal(err)
				}
				if got := len(received); got != test.dials {
					t.Fatalf("round %d: %d logins, want %d", round, got, test.dials)
				}
				var last string
				for range test.dials {
					last = <-received
				}
				if want := test.want + ":5432/"; !strings.HasPrefix(last, want) {
					t.Errorf("round %d: the last token was %q, want %s", round, last, want)
				}
				if got, want := int(source.calls.Load()), test.tokens*(round+1); got != want {
					t.Errorf("round %d: %d tokens, want %d", round, got, want)
				}
				if config = conn.Config(); config.Password != "" {
					t.Error("the connection keeps the token")
				}
			}
		})
	}
}

// After a failover the name leads to the old writer for a while.
func TestWriterThatIsNone(t *testing.T) {
	server := startFake(t, []string{instance}, func(s *talk) {
		s.askPassword()
		s.accept(map[string]string{"show transaction_read_only": "on"})
	})
	config := parse(t, dsn+"?target_session_attrs=read-write")
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	err := open(t, newDriver(t, config, rdsiam.WithRootCAs(server.roots)), fixedToken)
	var failed *rdsiam.LoginError
	if !errors.As(err, &failed) || !failed.Retryable() || failed.Refused {
		t.Fatalf("got %v", err)
	}
	wantContains(t, err, "1. the server is not what target_session_attrs asks for")
}

func noHook(context.Context, *pgx.ConnConfig) error { return nil }

// The order of hosts is the caller's business.
func TestRandomHostOrder(t *testing.T) {
	n, first, second := twoServers(t, 1)
	d := newDriver(t, n.config(t, bothHosts), rdsiam.WithRootCAs(first.RootCAs())).WithOptions(stdlib.OptionBeforeConnect(stdlib.RandomizeHostOrderFunc))
	for range 20 {
		if err := open(t, d, tokensOf(first)); err != nil {
			t.Fatal(err)
		}
	}
	firstOK, firstAll := accepted(first)
	secondOK, secondAll := accepted(second)
	if firstOK != firstAll || secondOK != secondAll || firstOK+secondOK != 20 || firstOK == 0 || secondOK == 0 {
		t.Errorf("accepted %d of %d and %d of %d", firstOK, firstAll, secondOK, secondAll)
	}
}
