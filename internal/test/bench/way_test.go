package bench_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// account is the user and endpoint of the benchmarks.
type account struct {
	login       rdsiam.Login
	roots       *x509.CertPool          // of the server
	tokens      rdsiam.TokenSource      // ours
	credentials aws.CredentialsProvider // for the hook that somebody wrote by hand
}

// token is a valid token, which the bare driver has for its password.
func (a account) token(tb testing.TB) string {
	tb.Helper()
	token, err := a.login.Token(tb.Context(), a.tokens)
	if err != nil {
		tb.Fatal(err)
	}
	return token.Reveal()
}

// build is what a hook written by hand does: it asks the SDK for a token each time.
func (a account) build(ctx context.Context) (string, error) {
	return auth.BuildAuthToken(ctx, a.login.Endpoint.String(), a.login.Endpoint.Region(), a.login.User, a.credentials)
}

// tls is what the bare driver verifies the server with: the same as ours.
func (a account) tls() *tls.Config {
	return &tls.Config{RootCAs: a.roots, ServerName: a.login.Endpoint.Host(), MinVersion: tls.VersionTLS12}
}

// connect is one login.
type connect func(context.Context) (io.Closer, error)

// way is one way to log in, and what it is measured against: the same driver, used in
// the same way, at the same account.
type way struct {
	name       string
	base, ours connect
}

func through(connector driver.Connector) connect {
	return func(ctx context.Context) (io.Closer, error) { return connector.Connect(ctx) }
}

// waysOfPGX are those of a configuration that knows the way to the server.
func waysOfPGX(tb testing.TB, config *pgx.ConnConfig, a account) []way {
	tb.Helper()
	bare := config.Copy()
	bare.Password, bare.TLSConfig = a.token(tb), a.tls()
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(a.roots))
	if err != nil {
		tb.Fatal(err)
	}
	hook := pgxHooked(config, rdspgx.BeforeConnect(a.tokens, rdsiam.WithRootCAs(a.roots)))
	byHand := pgxHooked(bare, func(ctx context.Context, config *pgx.ConnConfig) (err error) {
		config.Password, err = a.build(ctx)
		return err
	})
	return []way{
		{"driver=pgx/via=connector/against=password", through(stdlib.GetConnector(*bare)), through(rdsiam.NewConnector(pg, a.tokens))},
		{"driver=pgx/via=hook/against=password", pgxHooked(bare, func(context.Context, *pgx.ConnConfig) error { return nil }), hook},
		{"driver=pgx/via=hook/against=BuildAuthToken", byHand, hook},
	}
}

func pgxHooked(config *pgx.ConnConfig, hook func(context.Context, *pgx.ConnConfig) error) connect {
	return func(ctx context.Context) (io.Closer, error) {
		copied := *config // as stdlib does it; pgxpool makes a deep copy, with or without a hook
		if err := hook(ctx, &copied); err != nil {
			return nil, err
		}
		conn, err := pgx.ConnectConfig(ctx, &copied)
		return pgxCloser{conn}, err
	}
}

type pgxCloser struct{ conn *pgx.Conn }

func (c pgxCloser) Close() error { return c.conn.Close(context.Background()) }

// waysOfMySQL are those of a configuration that knows the way to the server.
func waysOfMySQL(tb testing.TB, config *mysql.Config, a account) []way {
	tb.Helper()
	my, err := rdsmysql.New(config, rdsiam.WithRootCAs(a.roots))
	if err != nil {
		tb.Fatal(err)
	}
	bare := config.Clone()
	bare.Passwd, bare.TLS, bare.AllowCleartextPasswords = a.token(tb), a.tls(), true
	hook := mysqlHooked(tb, config, rdsmysql.BeforeConnect(a.tokens, rdsiam.WithRootCAs(a.roots)))
	byHand := mysqlHooked(tb, bare, func(ctx context.Context, config *mysql.Config) (err error) {
		config.Passwd, err = a.build(ctx)
		return err
	})
	password := mysqlConnect(tb, bare)
	return []way{
		{"driver=mysql/via=connector/against=password", password, through(rdsiam.NewConnector(my, a.tokens))},
		{"driver=mysql/via=hook/against=password", password, hook},
		{"driver=mysql/via=hook/against=BuildAuthToken", byHand, hook},
	}
}

func mysqlHooked(tb testing.TB, config *mysql.Config, hook func(context.Context, *mysql.Config) error) connect {
	tb.Helper()
	config = config.Clone()
	if err := config.Apply(mysql.BeforeConnect(hook)); err != nil {
		tb.Fatal(err)
	}
	return mysqlConnect(tb, config)
}

func mysqlConnect(tb testing.TB, config *mysql.Config) connect {
	tb.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		tb.Fatal(err)
	}
	return through(connector)
}
