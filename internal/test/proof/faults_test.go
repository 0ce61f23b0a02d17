package proof_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// troubled is a server with faults, and what its clients share.
type troubled struct {
	*rdsiamtest.Server
	tokens   *tokenKeeper
	trusted  *x509.CertPool // by its clients; nil is the server's authority
	received atomic.Int64   // bytes

	mutex  sync.Mutex
	events []rdsiam.Event
}

const (
	instanceEndpoint = "faults.abc123.us-east-1.rds.amazonaws.com"
	proxyEndpoint    = "faults.proxy-abc123.us-east-1.rds.amazonaws.com"
)

func startTroubled(t *testing.T, engine, endpoint string, options ...rdsiamtest.Option) *troubled {
	t.Helper()
	start := rdsiamtest.StartPostgreSQL
	if engine == "MySQL" {
		start = rdsiamtest.StartMySQL
	}
	options = append(options, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithEndpoint(endpoint))
	s := &troubled{Server: start(t, options...)}
	s.tokens = &tokenKeeper{source: s.newTokens(t)}
	return s
}

// newTokens gives a token that was never given before each time. One access key would sign
// the same one for a whole second, so it takes one key after the other.
func (s *troubled) newTokens(t *testing.T) rdsiam.TokenSource {
	t.Helper()
	identities := s.Identities()
	for n := range 12 {
		another := identities[0]
		another.Credentials.AccessKeyID = fmt.Sprintf("ASIAFAULTS%02d", n)
		identities = append(identities, another)
	}
	if err := s.SetIdentities(identities...); err != nil {
		t.Fatal(err)
	}
	var next atomic.Int64
	return rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		identity := identities[int(next.Add(1))%len(identities)]
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return identity.Credentials, nil })
		return rdsiam.NewTokenSource(provider, rdsiam.WithReuse(0)).Token(ctx, login)
	})
}

func (s *troubled) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: conn, received: &s.received}, nil
}

type countingConn struct {
	net.Conn
	received *atomic.Int64
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	return n, err
}

func (s *troubled) roots() rdsiam.EndpointOption {
	if s.trusted != nil {
		return rdsiam.WithRootCAs(s.trusted)
	}
	return rdsiam.WithRootCAs(s.RootCAs())
}

func (s *troubled) observer() rdsiam.ConnectorOption {
	return rdsiam.WithObserver(func(_ context.Context, event rdsiam.Event) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.events = append(s.events, event)
	})
}

func (s *troubled) lastEvent() rdsiam.Event {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.events) == 0 {
		return rdsiam.Event{}
	}
	return s.events[len(s.events)-1]
}

func (s *troubled) lastReason() rdsiamtest.Reason {
	logIns := s.Logins()
	if len(logIns) == 0 {
		return ""
	}
	return logIns[len(logIns)-1].Reason
}

// explain is what a program asks: Connectors know the endpoint, users of hooks give it.
func (s *troubled) explain(t *testing.T, err error) rdsiam.Explanation {
	t.Helper()
	if errors.As(err, new(*rdsiam.LoginError)) {
		return rdsiam.Explain(err)
	}
	endpoint, resolveErr := rdsiam.ResolveEndpoint(s.Endpoint(), 0)
	if resolveErr != nil {
		t.Fatal(resolveErr)
	}
	return rdsiam.Login{Endpoint: endpoint}.Explain(err)
}

// pool is a pool of one of the drivers. ask opens a connection if there is none that is
// idle.
type pool struct {
	ask   func(context.Context) error
	close func()
}

type openPool struct {
	engine, name string
	open         func(*testing.T, *troubled) pool
}

func (o openPool) String() string { return o.engine + "/" + o.name }

// isConnector reports whether the pool logs in through a rdsiam.Connector.
func (o openPool) isConnector() bool { return o.name == "Connector" }

var pools = []openPool{
	{"PostgreSQL", "Connector", func(t *testing.T, s *troubled) pool {
		driver, err := rdspgx.New(s.pgxConfig(t), s.roots())
		if err != nil {
			t.Fatal(err)
		}
		return poolOf(sql.OpenDB(rdsiam.NewConnector(driver, s.tokens, s.observer())))
	}},
	{"PostgreSQL", "stdlib hook", func(t *testing.T, s *troubled) pool {
		return poolOf(stdlib.OpenDB(*s.pgxConfig(t), stdlib.OptionBeforeConnect(rdspgx.BeforeConnect(s.tokens, s.roots()))))
	}},
	{"PostgreSQL", "pgxpool hook", func(t *testing.T, s *troubled) pool {
		config, err := pgxpool.ParseConfig(s.DSN("app"))
		if err != nil {
			t.Fatal(err)
		}
		config.ConnConfig = s.pgxConfig(t)
		config.BeforeConnect = rdspgx.BeforeConnect(s.tokens, s.roots())
		p, err := pgxpool.NewWithConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		return pool{func(ctx context.Context) error { return p.QueryRow(ctx, "SELECT 1").Scan(new(int)) }, p.Close}
	}},
	{"MySQL", "Connector", func(t *testing.T, s *troubled) pool {
		driver, err := rdsmysql.New(s.mysqlConfig(t), s.roots())
		if err != nil {
			t.Fatal(err)
		}
		return poolOf(sql.OpenDB(rdsiam.NewConnector(driver, s.tokens, s.observer())))
	}},
	{"MySQL", "hook", func(t *testing.T, s *troubled) pool {
		config := s.mysqlConfig(t)
		if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(s.tokens, s.roots()))); err != nil {
			t.Fatal(err)
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		return poolOf(sql.OpenDB(connector))
	}},
}

func poolOf(db *sql.DB) pool {
	db.SetMaxIdleConns(workers) // the default closes all but two when they are put back
	return pool{
		func(ctx context.Context) error { return db.QueryRowContext(ctx, "SELECT 1").Scan(new(int)) },
		func() { _ = db.Close() },
	}
}

func (s *troubled) pgxConfig(t *testing.T) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(s.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = s.dial, s.LookupHost
	return config
}

func (s *troubled) mysqlConfig(t *testing.T) *mysql.Config {
	t.Helper()
	config, err := mysql.ParseDSN(s.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.Logger = s.dial, &mysql.NopLogger{}
	return config
}

// wantExplained checks what must hold for every error: no secret in it, and a cause that
// fits, one of those given.
func (s *troubled) wantExplained(t *testing.T, by openPool, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, text := range printed(err, by.isConnector()) {
		s.tokens.absent(t, "an error", text)
	}
	likely := s.explain(t, err).Causes
	fits := func(cause rdsiam.Cause) bool { return slices.Contains(want, cause.Code) }
	if !slices.ContainsFunc(likely, fits) {
		t.Errorf("no cause is one of %q: %v\nof: %v", want, likely, err)
	}
}

// printed prints every error in the tree of err in every way. The configuration that a
// ConnectError of pgx has may hold the token where a hook was used and the connection cut.
func printed(err error, alsoConfig bool) []string {
	if err == nil {
		return nil
	}
	texts := []string{fmt.Sprintf("%v\n%+v\n%#v\n%q", err, err, err, err)}
	if connect, ok := err.(*pgconn.ConnectError); ok && alsoConfig {
		texts = append(texts, fmt.Sprintf("%+v", connect.Config))
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		texts = append(texts, printed(wrapped.Unwrap(), alsoConfig)...)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			texts = append(texts, printed(inner, alsoConfig)...)
		}
	}
	return texts
}

// byEngine is what is expected of PostgreSQL and of MySQL.
type byEngine map[string]string

func both(text string) byEngine { return byEngine{"PostgreSQL": text, "MySQL": text} }

var faults = []struct {
	name     string
	endpoint string // of an instance unless given
	faults   rdsiamtest.Faults
	timeout  time.Duration    // that of the client; zero is an hour
	takes    [2]time.Duration // in PostgreSQL and MySQL, by the clock of synctest
	cause    byEngine
	reason   rdsiamtest.Reason // "" where no login gets as far as the user
	event    rdsiam.EventKind
}{
	{name: "refuse", faults: rdsiamtest.Faults{RefuseNext: 1},
		cause: both(causes.Policy), reason: rdsiamtest.ReasonFault, event: rdsiam.LoginRefused},
	{name: "throttle", faults: rdsiamtest.Faults{NewTokensPerSecond: 1},
		cause: both(causes.Throttled), reason: rdsiamtest.ReasonThrottled, event: rdsiam.LoginRefused},
	{name: "refuse at a proxy", endpoint: proxyEndpoint, faults: rdsiamtest.Faults{RefuseNext: 1},
		cause: both(causes.ProxyPolicy), reason: rdsiamtest.ReasonFault, event: rdsiam.LoginRefused},
	{name: "throttle at a proxy", endpoint: proxyEndpoint, faults: rdsiamtest.Faults{NewTokensPerSecond: 1},
		cause: both(causes.ProxyThrottled), reason: rdsiamtest.ReasonThrottled},
	{name: "slow to accept", faults: rdsiamtest.Faults{AcceptDelay: 24 * time.Hour}, timeout: time.Second,
		takes: [2]time.Duration{time.Second, time.Second}, cause: byEngine{"PostgreSQL": causes.Stalled, "MySQL": causes.Deadline}, event: rdsiam.LoginFailed},
	{name: "slow TLS", faults: rdsiamtest.Faults{TLSDelay: 24 * time.Hour}, timeout: time.Second,
		takes: [2]time.Duration{time.Second, time.Second}, cause: byEngine{"PostgreSQL": causes.Stalled, "MySQL": causes.Deadline}, event: rdsiam.LoginFailed},
	{name: "slow token", faults: rdsiamtest.Faults{TokenDelay: 24 * time.Hour}, timeout: 3 * time.Second,
		takes: [2]time.Duration{3 * time.Second, 3 * time.Second}, cause: byEngine{"PostgreSQL": causes.Stalled, "MySQL": causes.Deadline},
		reason: rdsiamtest.ReasonAbandoned, event: rdsiam.LoginFailed},
	{name: "slow statement", faults: rdsiamtest.Faults{StatementDelay: 24 * time.Hour}, timeout: 3 * time.Second,
		takes: [2]time.Duration{3 * time.Second, 3 * time.Second}, cause: both(causes.Deadline), reason: rdsiamtest.ReasonAccepted, event: rdsiam.LoginSucceeded},
	{name: "patient client, slow TLS", faults: rdsiamtest.Faults{TLSDelay: 24 * time.Hour},
		takes: [2]time.Duration{time.Minute, 10 * time.Second}, cause: both(causes.Cut), event: rdsiam.LoginFailed},
	{name: "patient client, slow token", faults: rdsiamtest.Faults{TokenDelay: 24 * time.Hour},
		takes: [2]time.Duration{time.Minute, 10 * time.Second}, cause: byEngine{"PostgreSQL": causes.SlowHelper, "MySQL": causes.Cut},
		reason: rdsiamtest.ReasonTimeout, event: rdsiam.LoginFailed},
	{name: "cut at once", faults: rdsiamtest.Faults{CutAfter: -1}, cause: both(causes.Cut), event: rdsiam.LoginFailed},
	{name: "cut in the handshake", faults: rdsiamtest.Faults{CutAfter: 300}, cause: both(causes.Cut), event: rdsiam.LoginFailed},
	{name: "wrong name", faults: rdsiamtest.Faults{TLSMode: rdsiamtest.WrongName}, cause: both(causes.CertificateName), event: rdsiam.LoginFailed},
	{name: "expired certificate", faults: rdsiamtest.Faults{TLSMode: rdsiamtest.ExpiredCertificate}, cause: both(causes.CertificateExpired), event: rdsiam.LoginFailed},
	{name: "unknown authority", faults: rdsiamtest.Faults{TLSMode: rdsiamtest.UnknownAuthority}, cause: both(causes.CertificateAuthority), event: rdsiam.LoginFailed},
	{name: "no TLS", faults: rdsiamtest.Faults{TLSMode: rdsiamtest.TLSUnavailable}, cause: both(causes.NoTLS), event: rdsiam.LoginFailed},
	{name: "server ahead", faults: rdsiamtest.Faults{ClockOffset: 15*time.Minute + time.Second},
		cause: both(causes.Clock), reason: rdsiamtest.ReasonExpired, event: rdsiam.LoginRefused},
	{name: "server behind", faults: rdsiamtest.Faults{ClockOffset: -5*time.Minute - 2*time.Second},
		cause: both(causes.Clock), reason: rdsiamtest.ReasonNotYetValid, event: rdsiam.LoginRefused},
}

func TestFaults(t *testing.T) {
	for _, test := range faults {
		for _, by := range pools {
			endpoint := test.endpoint
			if endpoint == "" {
				endpoint = instanceEndpoint
			}
			takes := test.takes[0]
			if by.engine == "MySQL" {
				takes = test.takes[1]
			}
			// prove logs in with the fault and, once it is gone, without.
			prove := func(t *testing.T, s *troubled) (took time.Duration) {
				if test.faults.NewTokensPerSecond > 0 {
					s.SetFaults(test.faults)
					wantLogin(t, s, by) // the one that is allowed
				}
				s.SetFaults(test.faults)
				timeout := test.timeout
				if timeout == 0 {
					timeout = time.Hour
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				p := by.open(t, s)
				began := time.Now()
				err := p.ask(ctx)
				took = time.Since(began)
				p.close()
				cause := test.cause[by.engine]
				if by.name == "pgxpool hook" && cause == causes.Stalled {
					cause = causes.Deadline // pgxpool does not wait for what pgx says
				}
				s.wantExplained(t, by, err, cause)
				if got := s.lastReason(); got != test.reason {
					t.Errorf("the server's reason: %q, want %q", got, test.reason)
				}
				wantEvent(t, s, by, test.event)
				s.SetFaults(rdsiamtest.Faults{})
				wantLogin(t, s, by)
				return took
			}
			t.Run(test.name+"/"+by.String()+"/memory", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if took := prove(t, startTroubled(t, by.engine, endpoint, rdsiamtest.WithInMemory())); took != takes {
						t.Errorf("it took %s, want %s", took, takes)
					}
				})
			})
			if takes > test.timeout || test.faults.NewTokensPerSecond > 0 {
				continue // by a real clock it would take long, or too long for the throttle on a busy machine
			}
			t.Run(test.name+"/"+by.String()+"/sockets", func(t *testing.T) {
				t.Parallel()
				prove(t, startTroubled(t, by.engine, endpoint))
			})
		}
	}
}

// wantEvent checks the last event of a Connector, where the fault says which.
func wantEvent(t *testing.T, s *troubled, by openPool, want rdsiam.EventKind) {
	t.Helper()
	if !by.isConnector() || want == 0 {
		return
	}
	event := s.lastEvent()
	if event.Kind != want || (event.Err == nil) != (want == rdsiam.LoginSucceeded) {
		t.Errorf("the last event: %s, %v; want %s", event.Kind, event.Err, want)
	}
}

func wantLogin(t *testing.T, s *troubled, by openPool) {
	t.Helper()
	p := by.open(t, s)
	defer p.close()
	if err := p.ask(t.Context()); err != nil {
		t.Errorf("without a fault: %v", err)
	}
}

// Wherever a connection is cut, in the login or in the answer to a statement, the client
// has an error at once.
func TestCutAnywhere(t *testing.T) {
	for _, by := range pools {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTroubled(t, by.engine, instanceEndpoint, rdsiamtest.WithInMemory())
				wantLogin(t, s, by)
				whole := s.received.Load()
				if whole < 500 {
					t.Fatalf("a login and a statement are %d bytes", whole)
				}
				// A signature of the handshake can be some bytes shorter.
				for n := int64(1); n < whole-50; n += 37 {
					s.SetFaults(rdsiamtest.Faults{CutAfter: n})
					began := time.Now()
					p := by.open(t, s)
					err := p.ask(t.Context())
					if took := time.Since(began); took != 0 {
						t.Errorf("cut after %d bytes: it took %s", n, took)
					}
					p.close()
					s.wantExplained(t, by, err, causes.Cut)
				}
			})
		})
	}
}

// After a failover a pool finds out that its connections are gone, and opens new ones.
func TestDropConnections(t *testing.T) {
	prove := func(t *testing.T, s *troubled, by openPool) {
		p := by.open(t, s)
		defer p.close()
		for range 3 {
			if err := p.ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.DropConnections() == 0 {
				t.Error("no connection was dropped")
			}
			// The statement that finds out fails, unless the driver looks first.
			if err := p.ask(t.Context()); err != nil {
				s.wantExplained(t, by, err, causes.Cut)
				if !s.explain(t, err).Retryable {
					t.Errorf("not to be tried again: %v", err)
				}
			}
		}
		if err := p.ask(t.Context()); err != nil {
			t.Errorf("after a failover: %v", err)
		}
	}
	for _, by := range pools {
		t.Run(by.String()+"/memory", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				prove(t, startTroubled(t, by.engine, instanceEndpoint, rdsiamtest.WithInMemory()), by)
			})
		})
		t.Run(by.String()+"/sockets", func(t *testing.T) {
			prove(t, startTroubled(t, by.engine, instanceEndpoint), by)
		})
	}
}

// A login that is under way when the server fails over ends with it.
func TestDropConnectionsDuringALogin(t *testing.T) {
	for _, by := range pools {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTroubled(t, by.engine, instanceEndpoint, rdsiamtest.WithInMemory())
				s.SetFaults(rdsiamtest.Faults{TokenDelay: 5 * time.Second})
				time.AfterFunc(time.Second, func() { s.DropConnections() })
				p := by.open(t, s)
				defer p.close()
				began := time.Now()
				err := p.ask(t.Context())
				if took := time.Since(began); took != time.Second {
					t.Errorf("it took %s, want 1s", took)
				}
				s.wantExplained(t, by, err, causes.Cut)
				if got := s.lastReason(); got != rdsiamtest.ReasonCut {
					t.Errorf("the server's reason: %q", got)
				}
				wantEvent(t, s, by, rdsiam.LoginFailed)
			})
		})
	}
}

// A client that trusts only the old authority finds out at its next connection, and not
// one token is sent.
func TestRotatedCertificate(t *testing.T) {
	for _, by := range pools {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTroubled(t, by.engine, instanceEndpoint, rdsiamtest.WithInMemory())
				p := by.open(t, s)
				defer p.close()
				if err := p.ask(t.Context()); err != nil {
					t.Fatal(err)
				}
				authority, err := rdsiamtest.NewCertificateAuthority()
				if err != nil {
					t.Fatal(err)
				}
				if err := s.SetCertificateAuthority(authority); err != nil {
					t.Fatal(err)
				}
				if err := p.ask(t.Context()); err != nil {
					t.Errorf("on the open connection: %v", err)
				}
				s.DropConnections()
				s.wantExplained(t, by, s.askTwice(t, p), causes.CertificateAuthority)
				if n := len(s.Logins()); n != 1 {
					t.Errorf("%d logins, want the first one only", n)
				}
				wantLogin(t, s, by) // with the new roots
			})
		})
	}
}

// A token that is used again is exempt from the throttle: with the reuse that is the
// default, a storm of connections gets through where new tokens would not.
func TestReuseUnderThrottle(t *testing.T) {
	storm := func(t *testing.T, by openPool, reuse bool) (refused int) {
		s := startTroubled(t, by.engine, instanceEndpoint, rdsiamtest.WithInMemory())
		if reuse {
			s.tokens.source = rdsiam.NewTokenSource(s.Credentials())
		}
		s.SetFaults(rdsiamtest.Faults{NewTokensPerSecond: 3})
		for range 10 {
			p := by.open(t, s)
			if p.ask(t.Context()) != nil {
				refused++
			}
			p.close()
		}
		time.Sleep(time.Second)
		wantLogin(t, s, by)
		return refused
	}
	for _, by := range pools {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if refused := storm(t, by, true); refused != 0 {
					t.Errorf("%d of 10 logins with a token that is used again were refused", refused)
				}
				if refused := storm(t, by, false); refused != 7 {
					t.Errorf("%d of 10 logins with new tokens were refused, want 7", refused)
				}
			})
		})
	}
}
