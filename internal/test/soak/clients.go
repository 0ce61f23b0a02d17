package main

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// reuse is for how long the library reuses a token.
const reuse = 5 * time.Second

// loginTimeout is how long a client waits for a login.
const loginTimeout = 5 * time.Second

// kind says whose client it is.
type kind int

const (
	ofLibrary kind = iota
	ofControl
	kinds
)

// client logs in once, asks for an answer and leaves.
type client struct {
	kind  kind
	name  string
	login func(context.Context) error
}

func newClients(l *lab) ([]client, error) {
	tokens := rdsiam.NewTokenSource(l.provider, rdsiam.WithReuse(reuse))
	var clients []client
	for _, user := range users {
		for _, add := range []func(*lab, rdsiam.TokenSource, string) ([]client, error){postgresqlClients, mysqlClients} {
			more, err := add(l, tokens, user)
			if err != nil {
				return nil, err
			}
			clients = append(clients, more...)
		}
	}
	return clients, nil
}

func postgresqlClients(l *lab, tokens rdsiam.TokenSource, user string) ([]client, error) {
	config, err := pgx.ParseConfig("postgres://" + user + "@" + l.postgresql.endpoint + "/postgres?sslmode=verify-full")
	if err != nil {
		return nil, err
	}
	config.DialFunc = l.dial(l.postgresql)
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	byConnector, err := rdspgx.New(config, rdsiam.WithRootCAs(l.roots))
	if err != nil {
		return nil, err
	}
	hook := rdspgx.BeforeConnect(tokens, rdsiam.WithRootCAs(l.roots))
	signed := l.signAnew(l.postgresql, user)
	bare := func(ctx context.Context, config *pgx.ConnConfig) (err error) {
		config.TLSConfig = l.tlsConfig(l.postgresql)
		config.Password, err = signed(ctx)
		return err
	}
	connect := func(hook func(context.Context, *pgx.ConnConfig) error) func(context.Context) error {
		return func(ctx context.Context) error {
			config := config.Copy()
			if err := hook(ctx, config); err != nil {
				return err
			}
			conn, err := pgx.ConnectConfig(ctx, config)
			if err != nil {
				return err
			}
			return errors.Join(conn.Ping(ctx), conn.Close(ctx))
		}
	}
	return []client{
		{ofLibrary, "pgx, Connector", connectAndPing(rdsiam.NewConnector(byConnector, tokens))},
		{ofLibrary, "pgx, hook", connect(hook)},
		{ofControl, "pgx", connect(bare)},
	}, nil
}

func mysqlClients(l *lab, tokens rdsiam.TokenSource, user string) ([]client, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = user, "tcp", l.mariadb.endpoint, ""
	config.DialFunc = l.dial(l.mariadb)
	config.Logger = silent{}
	byConnector, err := rdsmysql.New(config, rdsiam.WithRootCAs(l.roots))
	if err != nil {
		return nil, err
	}
	hooked, err := withHook(config, rdsmysql.BeforeConnect(tokens, rdsiam.WithRootCAs(l.roots)))
	if err != nil {
		return nil, err
	}
	signed := l.signAnew(l.mariadb, user)
	bare, err := withHook(config, func(ctx context.Context, config *mysql.Config) (err error) {
		config.TLS, config.AllowCleartextPasswords = l.tlsConfig(l.mariadb), true
		config.Passwd, err = signed(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []client{
		{ofLibrary, "mysql, Connector", connectAndPing(rdsiam.NewConnector(byConnector, tokens))},
		{ofLibrary, "mysql, hook", connectAndPing(hooked)},
		{ofControl, "mysql", connectAndPing(bare)},
	}, nil
}

func withHook(config *mysql.Config, hook func(context.Context, *mysql.Config) error) (driver.Connector, error) {
	config = config.Clone()
	if err := config.Apply(mysql.BeforeConnect(hook)); err != nil {
		return nil, err
	}
	return mysql.NewConnector(config)
}

type silent struct{}

func (silent) Print(...any) {}

func connectAndPing(connector driver.Connector) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := connector.Connect(ctx)
		if err != nil {
			return err
		}
		return errors.Join(conn.(driver.Pinger).Ping(ctx), conn.Close())
	}
}

// signAnew is what teams write by hand: the SDK's cache, and a token for each login.
func (l *lab) signAnew(d *database, user string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return auth.BuildAuthToken(ctx, d.endpoint, "eu-west-1", user, l.controlCache)
	}
}

func (l *lab) tlsConfig(d *database) *tls.Config {
	host, _, err := net.SplitHostPort(d.endpoint)
	if err != nil {
		host = strings.TrimSuffix(d.endpoint, ":")
	}
	return &tls.Config{ServerName: host, RootCAs: l.roots, MinVersion: tls.VersionTLS12}
}
