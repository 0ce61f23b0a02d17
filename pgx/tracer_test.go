package rdspgx_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// steps collects events, for one goroutine.
type steps struct{ events []rdsiam.Event }

func (s *steps) observe(_ context.Context, e rdsiam.Event) { s.events = append(s.events, e) }

func (s *steps) take() (kinds []string) {
	for _, e := range s.events {
		kinds = append(kinds, e.Kind.String())
	}
	s.events = nil
	return kinds
}

func TestTracer(t *testing.T) {
	server := start(t)
	var seen steps
	tokens := tokensOf(server)
	roots := rdsiam.WithRootCAs(server.RootCAs())
	hook := rdspgx.BeforeConnect(tokens, roots)
	noToken := errors.New("no token today")
	noTokens := rdspgx.BeforeConnect(rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return rdsiam.Token{}, noToken }), roots)
	wrapped := func(ctx context.Context, config *pgx.ConnConfig) error {
		err := hook(ctx, config)
		inner := config.AfterNetConnect
		config.AfterNetConnect = func(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
			return inner(ctx, config, conn)
		}
		return err
	}
	noHook := func(context.Context, *pgx.ConnConfig) error { return nil }
	for _, test := range []struct {
		name, dsn string
		hook      func(context.Context, *pgx.ConnConfig) error
		change    func(*pgx.ConnConfig)
		want      []string
	}{
		{name: "first", hook: hook, want: []string{"login started", "token signed", "login succeeded"}},
		{name: "again", hook: hook, want: []string{"login started", "token reused", "login succeeded"}},
		{name: "refused", dsn: "postgres://stranger@" + instance + "/app", hook: hook, want: []string{"login started", "token signed", "login failed"}},
		{name: "no token", hook: noTokens, want: []string{"login started", "no token", "login failed"}},
		{name: "nobody there", hook: hook, want: []string{"login started", "login failed"}, change: func(c *pgx.ConnConfig) {
			c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") }
		}},
		{name: "a hook that is wrapped", hook: wrapped, want: []string{"login started", "token reused", "login succeeded"}},
		{name: "refused by the hook", dsn: "postgres://app@" + instance + "/app?sslmode=disable", hook: hook},
		{name: "no hook", hook: noHook},
	} {
		config := configFor(t, server, test.dsn)
		config.Tracer = multitracer.New(rdspgx.Tracer(seen.observe))
		if test.change != nil {
			test.change(config)
		}
		_, err := connect(t, test.hook, config)
		events := seen.events
		if got := seen.take(); !slices.Equal(got, test.want) {
			t.Errorf("%s: steps %q, want %q (%v)", test.name, got, test.want, err)
		}
		for i, e := range events {
			if e.Login.User != config.User || e.Login.Endpoint.Host() != instance {
				t.Errorf("%s: login %v", test.name, e.Login)
			}
			if last := i == len(events)-1; last && !errors.Is(e.Err, err) || !last && e.Kind == rdsiam.LoginStarted && e.Duration != 0 || last && e.Duration <= 0 {
				t.Errorf("%s: %v has %v, %v; connecting ended with %v", test.name, e.Kind, e.Duration, e.Err, err)
			}
			if e.Kind == rdsiam.LoginSucceeded && (e.AccessKeyID == "" || e.TokenAge <= 0) {
				t.Errorf("%s: key %q, age %v", test.name, e.AccessKeyID, e.TokenAge)
			}
			if e.Kind == rdsiam.TokenFailed && !errors.As(e.Err, new(*rdsiam.CredentialsError)) {
				t.Errorf("%s: %T %v", test.name, e.Err, e.Err)
			}
		}
	}
}

// A server's refusal is one, and so is that of one of several hosts.
func TestTracerRefused(t *testing.T) {
	for _, hosts := range []string{instance, instance + "," + other} {
		server := startFake(t, []string{instance, other}, func(s *talk) { s.askPassword(); s.refuse("28000", "no") })
		config := parse(t, "postgres://app@"+hosts+"/db")
		config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
		var seen steps
		config.Tracer = rdspgx.Tracer(seen.observe)
		_, err := connect(t, rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots)), config)
		if last := seen.events[len(seen.events)-1]; last.Kind != rdsiam.LoginRefused || !errors.Is(last.Err, err) {
			t.Errorf("%s: %v, %v", hosts, last.Kind, last.Err)
		}
	}
}

// A Connector has an observer: its configuration's tracer counts nothing twice.
func TestTracerOfConnector(t *testing.T) {
	server := start(t)
	var seen, traced steps
	config := configFor(t, server, "")
	config.Tracer = rdspgx.Tracer(traced.observe)
	pg := newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs()))
	conn, err := rdsiam.NewConnector(pg, tokensOf(server), rdsiam.WithObserver(seen.observe)).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := traced.take(); len(got) > 0 || len(seen.take()) != 3 {
		t.Errorf("steps %q", got)
	}
}

func ExampleTracer() {
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithIAMUser("app")) // in place of RDS
	if err != nil {
		panic(err)
	}
	defer server.Close()
	config, err := pgxpool.ParseConfig(server.DSN("app"))
	if err != nil {
		panic(err)
	}
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = server.DialContext, server.LookupHost

	config.BeforeConnect = rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))
	config.ConnConfig.Tracer = rdspgx.Tracer(func(_ context.Context, e rdsiam.Event) {
		fmt.Println(e.Kind, "for", e.Login.User)
	})
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	if err := pool.Ping(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// login started for app
	// token signed for app
	// login succeeded for app
}
