package rdspgx_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

var (
	ctx = context.Background()
	cfg aws.Config // of config.LoadDefaultConfig, in package github.com/aws/aws-sdk-go-v2/config
)

// database/sql, through a Connector: errors say what is wrong and what to change.
func ExampleParseDSN() {
	pg, err := rdspgx.ParseDSN("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens))
	defer db.Close()
	fmt.Println(pg.Login().Endpoint.Region())
	// Output: eu-west-1
}

// New takes a configuration that was changed in code: here the connection goes through a
// tunnel, and the endpoint at its other end is signed and verified.
func ExampleNew() {
	config, err := pgx.ParseConfig("postgres://app@localhost:15432/app")
	if err != nil {
		log.Fatal(err)
	}
	config.RuntimeParams["application_name"] = "report"
	pg, err := rdspgx.New(config, rdsiam.WithEndpoint("prod.abc123.eu-west-1.rds.amazonaws.com"))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(cfg.Credentials)))
	defer db.Close()
	fmt.Println(pg.Login().Endpoint)
	// Output: prod.abc123.eu-west-1.rds.amazonaws.com:5432
}

// pgxpool logs in with a fresh token whenever it opens a connection.
func ExampleBeforeConnect() {
	config, err := pgxpool.ParseConfig("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
	if err != nil {
		log.Fatal(err)
	}
	config.BeforeConnect = rdspgx.BeforeConnect(rdsiam.NewTokenSource(cfg.Credentials))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
}

// A function of your own runs before the hook, which then looks at what it has left.
func ExampleBeforeConnect_composed() {
	config, err := pgxpool.ParseConfig("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
	if err != nil {
		log.Fatal(err)
	}
	logIn := rdspgx.BeforeConnect(rdsiam.NewTokenSource(cfg.Credentials))
	config.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) error {
		config.RuntimeParams["application_name"] = "report"
		return logIn(ctx, config)
	}
}

// pgx's own database/sql package takes the hook as an option.
func ExampleBeforeConnect_stdlib() {
	config, err := pgx.ParseConfig("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
	if err != nil {
		log.Fatal(err)
	}
	hook := rdspgx.BeforeConnect(rdsiam.NewTokenSource(cfg.Credentials))
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(hook))
	defer db.Close()
}

// One connection of pgx.
func ExampleBeforeConnect_connectConfig() {
	config, err := pgx.ParseConfig("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
	if err != nil {
		log.Fatal(err)
	}
	hook := rdspgx.BeforeConnect(rdsiam.NewTokenSource(cfg.Credentials))
	if err := hook(ctx, config); err != nil {
		log.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		// Explain says what the terse refusals of RDS mean.
		log.Fatal(err, "\n", rdsiam.Explain(err))
	}
	defer conn.Close(ctx)
}

// Options of pgx's database/sql package go along.
func ExampleDriver_WithOptions() {
	pg, err := rdspgx.ParseDSN("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
	if err != nil {
		log.Fatal(err)
	}
	pg = pg.WithOptions(stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set search_path = app")
		return err
	}))
	db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(cfg.Credentials)))
	defer db.Close()
}

// greeting stands for a service that is to be tested.
func greeting(ctx context.Context, pool *pgxpool.Pool) (greeting string, err error) {
	return greeting, pool.QueryRow(ctx, "select 'hello'").Scan(&greeting)
}

// The test of a service, which logs in as it does in production.
func TestServiceExample(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := pgxpool.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = server.DialContext, server.LookupHost
	tokens := rdsiam.NewTokenSource(server.Credentials())
	config.BeforeConnect = rdspgx.BeforeConnect(tokens, rdsiam.WithRootCAs(server.RootCAs()))
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if got, err := greeting(t.Context(), pool); err != nil || got != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}
