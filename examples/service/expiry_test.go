package service_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/service"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Inside a synctest bubble the clock stands still until everybody waits: a day passes
// in a moment, for the pool, for the AWS signer and for the server.
func TestServiceOutlivesTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, config := startInMemory(t)
		pg, err := rdspgx.New(config, rdsiam.WithRootCAs(server.RootCAs()))
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(server.Credentials())))
		defer db.Close()
		db.SetConnMaxLifetime(10 * time.Minute)

		for range 24 * 60 {
			if _, err := service.CurrentUser(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if logins := len(server.Logins()); logins < 24*60/15 {
			t.Errorf("%d logins in a day: the pool kept its connections for longer than a token lives", logins)
		}
	})
}

// A token that was kept by hand is refused from the instant it is 15 minutes old, and
// the server's log says why.
func TestServerRefusesOldToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, config := startInMemory(t)
		endpoint, err := rdsiam.ResolveEndpoint(server.Endpoint(), 5432, rdsiam.WithRootCAs(server.RootCAs()))
		if err != nil {
			t.Fatal(err)
		}
		token, err := rdsiam.NewTokenSource(server.Credentials()).Token(t.Context(), rdsiam.Login{Endpoint: endpoint, User: "app"})
		if err != nil {
			t.Fatal(err)
		}
		config.Password = token.Reveal()
		if config.TLSConfig, err = endpoint.TLSConfig(nil); err != nil {
			t.Fatal(err)
		}
		config.Fallbacks = nil

		time.Sleep(15*time.Minute - time.Nanosecond)
		if err := connect(t.Context(), config); err != nil {
			t.Errorf("a token just under 15 minutes old: %v", err)
		}
		time.Sleep(time.Nanosecond)
		var refused *pgconn.PgError
		if err := connect(t.Context(), config); !errors.As(err, &refused) || refused.Code != "28000" {
			t.Errorf("a token 15 minutes old: %v; want a refusal with SQLSTATE 28000", err)
		}
		if logins := server.Logins(); logins[len(logins)-1].Reason != rdsiamtest.ReasonExpired {
			t.Errorf("the server's reason: %s; want %s", logins[len(logins)-1].Reason, rdsiamtest.ReasonExpired)
		}
	})
}

func startInMemory(t *testing.T) (*rdsiamtest.Server, *pgx.ConnConfig) {
	t.Helper()
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	return server, config
}

func connect(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
