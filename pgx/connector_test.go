package rdspgx_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/wiretap"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func openDB(t testing.TB, server *rdsiamtest.Server, d *rdspgx.Driver) *sql.DB {
	t.Helper()
	db := sql.OpenDB(rdsiam.NewConnector(d, tokensOf(server)))
	t.Cleanup(func() { db.Close() })
	return db
}

func TestConnector(t *testing.T) {
	server := start(t)
	db := openDB(t, server, newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs())))
	var user, version string
	if err := db.QueryRowContext(t.Context(), "select current_user, version()").Scan(&user, &version); err != nil {
		t.Fatal(err)
	}
	if user != "app" || !strings.HasPrefix(version, "PostgreSQL") {
		t.Errorf("user %q, version %q", user, version)
	}
	if db.Driver() != stdlib.GetDefaultDriver() {
		t.Errorf("driver %T", db.Driver())
	}
	if got := server.Logins(); len(got) != 1 || got[0].SNI != instance {
		t.Errorf("logins %+v", got)
	}
}

// The connection is pgx's own, with what it can do beyond database/sql.
func TestConnectionIsThatOfPgx(t *testing.T) {
	server := start(t)
	db := openDB(t, server, newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs())))
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		switch raw.(type) {
		case interface {
			driver.Pinger
			driver.ExecerContext
			driver.QueryerContext
			driver.ConnPrepareContext
			driver.ConnBeginTx
			driver.NamedValueChecker
			driver.SessionResetter
		}:
		default:
			t.Errorf("%T lacks an interface", raw)
		}
		if got := whoAmI(t, raw.(*stdlib.Conn).Conn()); got != "app" {
			t.Errorf("logged in as %q", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLoginError(t *testing.T) {
	server := start(t, rdsiamtest.WithPasswordUser("old", "secret"))
	server.SetPolicies()
	tests := []struct {
		name, user string
		code       string
		refused    bool
		want       []string
	}{
		{"no policy", "app", "28000", true, []string{
			`rdsiam: login as "app" to ` + instance + `:5432 refused (SQLSTATE 28000)`, "access key: ASIA",
			`PAM authentication failed for user "app" (SQLSTATE 28000)`,
			"1. the AWS identity lacks rds-db:connect for this user: "}},
		{"no rds_iam", "old", "", false, []string{
			`rdsiam: login as "old" to ` + instance + `:5432 failed`, "access key: ASIA",
			`authentication method requirement "password" failed`,
			`the role does not exist or is no member of rds_iam: run GRANT rds_iam TO "old"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := open(t, newDriver(t, configFor(t, server, server.DSN(test.user)), rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server))
			var login *rdsiam.LoginError
			if !errors.As(err, &login) {
				t.Fatalf("got %T %v", err, err)
			}
			if login.User != test.user || login.Endpoint.String() != instance+":5432" || login.Code != test.code || login.Refused != test.refused ||
				login.Retryable() || login.AccessKeyID != server.Identities()[0].Credentials.AccessKeyID || login.TokenAge > 5*time.Second {
				t.Errorf("got %+v", login)
			}
			wantContains(t, err, test.want...)
		})
	}
}

func TestCredentialsErrorIsNotWrapped(t *testing.T) {
	server := start(t)
	server.SetIdentities()
	err := open(t, newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server))
	var credentials *rdsiam.CredentialsError
	if !errors.As(err, &credentials) {
		t.Fatalf("got %T %v", err, err)
	}
	if all := len(server.Logins()); all != 0 {
		t.Errorf("the server heard of %d logins", all)
	}
}

func TestContextEndsTheLogin(t *testing.T) {
	blackHole := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	stuckSource := rdsiam.TokenSourceFunc(func(ctx context.Context, _ rdsiam.Login) (rdsiam.Token, error) {
		<-ctx.Done()
		return rdsiam.Token{}, ctx.Err()
	})
	tests := []struct {
		name   string
		dial   wiretap.DialFunc // nil: a server that does not answer the password
		tokens rdsiam.TokenSource
	}{
		{"no route", blackHole, fixedToken},
		{"no answer to the request for TLS", mute, fixedToken},
		{"no answer to the password", nil, fixedToken},
		{"no token", nil, stuckSource},
	}
	for _, hosts := range []string{instance, instance + "," + other} {
		for _, test := range tests {
			t.Run(hosts+"/"+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := newFake(t, []string{instance, other}, func(s *talk) { s.askPassword(); _, _ = s.Receive() })
					config := parse(t, "postgres://app@"+hosts+"/db")
					config.DialFunc, config.LookupFunc = test.dial, server.LookupHost
					if test.dial == nil {
						config.DialFunc = server.dialPipe
					}
					d := newDriver(t, config, rdsiam.WithRootCAs(server.roots))
					ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
					defer cancel()
					started := time.Now()
					_, err := rdsiam.NewConnector(d, test.tokens).Connect(ctx)
					if took := time.Since(started); took > 600*time.Millisecond {
						t.Errorf("took %v", took)
					}
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v", err)
					}
				})
			})
		}
	}
}

// mute connects to a server that is silent.
func mute(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		_, _ = io.Copy(io.Discard, server)
		server.Close()
	}()
	return client, nil
}

// A pool that connects in the background has no deadline; ConnectTimeout is one.
func TestConnectTimeoutBoundsTheToken(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "postgres://app@"+instance+"/postgres?connect_timeout=1")
	config.DialFunc = server.DialContext
	var deadline time.Time
	source := rdsiam.TokenSourceFunc(func(ctx context.Context, _ rdsiam.Login) (rdsiam.Token, error) {
		deadline, _ = ctx.Deadline()
		return rdsiam.Token{}, errors.New("none")
	})
	for _, test := range []struct {
		timeout time.Duration
		want    time.Duration
	}{{time.Second, time.Second}, {0, 30 * time.Second}} {
		config.ConnectTimeout = test.timeout
		before := time.Now()
		_, _ = connect(t, rdspgx.BeforeConnect(source, rdsiam.WithRootCAs(server.RootCAs())), config)
		if left := deadline.Sub(before); left < test.want-time.Second/2 || left > test.want+5*time.Second {
			t.Errorf("ConnectTimeout %v: the source has %v", test.timeout, left)
		}
	}
}

func TestWithOptions(t *testing.T) {
	server := start(t)
	plain := newDriver(t, configFor(t, server, "postgres://nobody@"+instance+"/postgres"), rdsiam.WithRootCAs(server.RootCAs()))
	var order []string
	with := plain.WithOptions(
		stdlib.OptionBeforeConnect(func(_ context.Context, config *pgx.ConnConfig) error {
			order = append(order, "before")
			config.User = "app"
			config.TLSConfig = nil // and what is unsafe is refused
			if len(order) == 1 {
				return nil
			}
			config.TLSConfig = parse(t, dsn).TLSConfig
			return nil
		}),
		nil,
		stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			order = append(order, "after")
			_, err := conn.Exec(ctx, "set application_name = 'test'")
			return err
		}),
	)
	var config *rdsiam.ConfigError
	if err := open(t, with, tokensOf(server)); !errors.As(err, &config) {
		t.Errorf("unsafe settings of OptionBeforeConnect: got %v", err)
	}
	if err := open(t, with, tokensOf(server)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "before before after" {
		t.Errorf("called %s", got)
	}
	if got := server.Logins(); len(got) != 1 || got[0].User != "app" {
		t.Errorf("logins %+v", got)
	}

	again := with.WithOptions(stdlib.OptionResetSession(func(context.Context, *pgx.Conn) error { return nil }))
	if err := open(t, again, tokensOf(server)); err != nil {
		t.Errorf("options of an earlier call are lost: %v", err)
	}
	if err := open(t, plain, tokensOf(server)); err == nil {
		t.Error("WithOptions changed its receiver")
	}
}

func TestErrorOfOptionBeforeConnect(t *testing.T) {
	problem := errors.New("not now")
	d := newDriver(t, parse(t, dsn)).WithOptions(stdlib.OptionBeforeConnect(func(context.Context, *pgx.ConnConfig) error { return problem }))
	if err := open(t, d, noTokens); !errors.Is(err, problem) {
		t.Errorf("got %v", err)
	}
}

// A Driver is safe for concurrent use, and what the caller does to its configuration
// afterwards does not matter.
func TestDriverCopiesItsConfiguration(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	d := newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs()))
	config.User = "somebody"
	config.TLSConfig.ServerName = other
	config.Fallbacks = nil
	db := openDB(t, server, d)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- db.PingContext(t.Context()) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if ok, all := accepted(server); ok != all {
		t.Errorf("%d of %d logins accepted", ok, all)
	}
}
