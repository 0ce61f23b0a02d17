package rdspgx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const (
	instance = "sre.abc123.us-east-1.rds.amazonaws.com"
	other    = "sre2.abc123.eu-west-1.rds.amazonaws.com"
	proxy    = "sre.proxy-abc123.us-east-1.rds.amazonaws.com"
)

// start starts a server for instance with the IAM user app.
func start(t testing.TB, options ...rdsiamtest.Option) *rdsiamtest.Server {
	t.Helper()
	return rdsiamtest.StartPostgreSQL(t, append([]rdsiamtest.Option{rdsiamtest.WithEndpoint(instance), rdsiamtest.WithIAMUser("app")}, options...)...)
}

// parse is pgx.ParseConfig.
func parse(t testing.TB, dsn string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// configFor returns a configuration that reaches server. A DSN of "" is the server's.
func configFor(t testing.TB, server *rdsiamtest.Server, dsn string) *pgx.ConnConfig {
	t.Helper()
	if dsn == "" {
		dsn = server.DSN("app")
	}
	config := parse(t, dsn)
	config.DialFunc = server.DialContext
	config.LookupFunc = server.LookupHost
	return config
}

func tokensOf(server *rdsiamtest.Server, options ...rdsiam.TokenOption) rdsiam.TokenSource {
	return rdsiam.NewTokenSource(server.Credentials(), options...)
}

// hookFor returns a hook that logs in to server.
func hookFor(server *rdsiamtest.Server) func(context.Context, *pgx.ConnConfig) error {
	return rdspgx.BeforeConnect(tokensOf(server), rdsiam.WithRootCAs(server.RootCAs()))
}

// connect connects with a hook and pgx.ConnectConfig.
func connect(t testing.TB, hook func(context.Context, *pgx.ConnConfig) error, config *pgx.ConnConfig) (*pgx.Conn, error) {
	t.Helper()
	if err := hook(t.Context(), config); err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { closeConn(t, conn) })
	return conn, nil
}

func closeConn(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// open connects with a Connector and closes what it got.
func open(t testing.TB, d *rdspgx.Driver, tokens rdsiam.TokenSource) error {
	t.Helper()
	conn, err := rdsiam.NewConnector(d, tokens).Connect(t.Context())
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return nil
}

// newDriver is rdspgx.New, which must succeed.
func newDriver(t testing.TB, config *pgx.ConnConfig, options ...rdsiam.EndpointOption) *rdspgx.Driver {
	t.Helper()
	d, err := rdspgx.New(config, options...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func whoAmI(t testing.TB, conn *pgx.Conn) string {
	t.Helper()
	var user string
	if err := conn.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil {
		t.Fatal(err)
	}
	return user
}

// accepted counts the logins of a server that succeeded, and all of them.
func accepted(server *rdsiamtest.Server) (ok, all int) {
	logIns := server.Logins()
	for _, logIn := range logIns {
		if logIn.Accepted {
			ok++
		}
	}
	return ok, len(logIns)
}

// wantConfigError checks that err is a ConfigError with this text.
func wantConfigError(t testing.TB, err error, want string) {
	t.Helper()
	var config *rdsiam.ConfigError
	if !errors.As(err, &config) {
		t.Fatalf("got %T %v\nwant a *rdsiam.ConfigError: %s", err, err, want)
	}
	if got := config.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func wantContains(t testing.TB, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", wants)
	}
	for _, want := range wants {
		if !strings.Contains(fmt.Sprintf("%+v", err), want) {
			t.Errorf("got  %+v\nwant %q in it", err, want)
		}
	}
}

func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// counter counts the tokens that a source was asked for.
type counter struct {
	rdsiam.TokenSource
	calls atomic.Int64
}

func (c *counter) Token(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	c.calls.Add(1)
	return c.TokenSource.Token(ctx, login)
}
