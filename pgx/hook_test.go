package rdspgx_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func poolFor(t testing.TB, server *rdsiamtest.Server, dsn string) *pgxpool.Config {
	t.Helper()
	if dsn == "" {
		dsn = server.DSN("app")
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.DialFunc = server.DialContext
	config.ConnConfig.LookupFunc = server.LookupHost
	return config
}

func TestHookInPgxpool(t *testing.T) {
	server := start(t)
	config := poolFor(t, server, "")
	config.BeforeConnect = hookFor(server)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for range 5 {
		var user string
		if err := pool.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != "app" {
			t.Fatalf("%q, %v", user, err)
		}
		pool.Reset()
	}
	if ok, all := accepted(server); ok != 5 || all != 5 {
		t.Errorf("%d of %d logins accepted, want 5 of 5", ok, all)
	}
}

func TestHookInStdlib(t *testing.T) {
	server := start(t)
	db := stdlib.OpenDB(*configFor(t, server, ""), stdlib.OptionBeforeConnect(hookFor(server)))
	defer db.Close()
	db.SetMaxIdleConns(0)
	for range 5 {
		var user string
		if err := db.QueryRowContext(t.Context(), "select current_user").Scan(&user); err != nil || user != "app" {
			t.Fatalf("%q, %v", user, err)
		}
	}
	if ok, all := accepted(server); ok != 5 || all != 5 {
		t.Errorf("%d of %d logins accepted, want 5 of 5", ok, all)
	}
}

func TestHookBeforeConnectConfig(t *testing.T) {
	server := start(t)
	conn, err := connect(t, hookFor(server), configFor(t, server, ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := whoAmI(t, conn); got != "app" {
		t.Errorf("logged in as %q", got)
	}
}

// calls counts how often each hook of the caller was called.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[name]++
}

// observe puts hooks that count into config.
func (c *calls) observe(config *pgx.ConnConfig) {
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		c.add("AfterNetConnect")
		return conn, nil
	}
	config.ValidateConnect = func(context.Context, *pgconn.PgConn) error { c.add("ValidateConnect"); return nil }
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error { c.add("AfterConnect"); return nil }
	onPgError := config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		c.add("OnPgError " + err.Code)
		return onPgError(conn, err)
	}
}

func (c *calls) want(t *testing.T, want map[string]int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if fmt.Sprint(c.n) != fmt.Sprint(want) {
		t.Errorf("calls: got %v, want %v", c.n, want)
	}
	c.n = nil
}

var onceEach = map[string]int{"AfterNetConnect": 1, "ValidateConnect": 1, "AfterConnect": 1}

func TestHooksOfTheCallerAreCalled(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	var calls calls
	calls.observe(config)
	conn, err := connect(t, hookFor(server), config)
	if err != nil {
		t.Fatal(err)
	}
	calls.want(t, onceEach)
	if _, err := conn.Exec(t.Context(), "nonsense"); err == nil {
		t.Fatal("no error for nonsense")
	} else {
		calls.want(t, map[string]int{"OnPgError " + sqlState(err): 1})
	}
	if got := whoAmI(t, conn); got != "app" { // an error that is not fatal leaves the connection open
		t.Errorf("logged in as %q", got)
	}

	config.User = "stranger"
	if _, err := connect(t, hookFor(server), config); err == nil {
		t.Fatal("logged in as a stranger")
	}
	calls.want(t, map[string]int{"AfterNetConnect": 1})
}

func TestOnPgErrorOfTheCallerSeesTheRefusal(t *testing.T) {
	server := start(t)
	server.SetPolicies()
	config := configFor(t, server, "")
	var calls calls
	calls.observe(config)
	if _, err := connect(t, hookFor(server), config); sqlState(err) != "28000" {
		t.Fatalf("got %v, want 28000", err)
	}
	calls.want(t, map[string]int{"AfterNetConnect": 1, "OnPgError 28000": 1})
}

func TestErrorOfAfterNetConnectEndsTheLogin(t *testing.T) {
	server := start(t)
	problem := errors.New("not today")
	config := configFor(t, server, "")
	config.AfterNetConnect = func(context.Context, *pgconn.Config, net.Conn) (net.Conn, error) { return nil, problem }
	_, err := connect(t, hookFor(server), config)
	if !errors.Is(err, problem) {
		t.Errorf("got %v", err)
	}
	var connectError *pgconn.ConnectError
	if !errors.As(err, &connectError) || connectError.Config.Password != "" {
		t.Error("the token is left in the error")
	}
	if all := len(server.Logins()); all != 0 {
		t.Errorf("the server heard of %d logins", all)
	}
}

// AfterNetConnect of the caller may wrap the connection.
func TestConnectionOfAfterNetConnectIsUsed(t *testing.T) {
	type wrapped struct{ net.Conn }
	server := start(t)
	config := configFor(t, server, "")
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) { return wrapped{conn}, nil }
	conn, err := connect(t, hookFor(server), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := conn.PgConn().Conn().(wrapped); !ok {
		t.Errorf("got %T", conn.PgConn().Conn())
	}
}

// A function of the caller composes.
func TestHookBesideTheCallersBeforeConnect(t *testing.T) {
	server := start(t)
	config := poolFor(t, server, "postgres://nobody@"+instance+"/postgres")
	hook := hookFor(server)
	config.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) error {
		config.User = "app"
		return hook(ctx, config)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := server.Logins()[0].User; got != "app" {
		t.Errorf("logged in as %q", got)
	}
}

func TestHookInOpenDBReportsItsErrors(t *testing.T) {
	db := stdlib.OpenDB(*parse(t, dsn+"?sslmode=disable"), stdlib.OptionBeforeConnect(rdspgx.BeforeConnect(noTokens)))
	defer db.Close()
	var config *rdsiam.ConfigError
	if err := db.PingContext(t.Context()); !errors.As(err, &config) || config.Setting != "sslmode" {
		t.Errorf("got %v", err)
	}
}
