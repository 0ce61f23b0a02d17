package rdsiamtest_test

import (
	"errors"
	"net"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// tokenFor makes a token with the SDK's signer, for the first endpoint of the
// server.
func tokenFor(t testing.TB, server *rdsiamtest.Server, user string) string {
	t.Helper()
	token, err := auth.BuildAuthToken(t.Context(), server.Endpoint(), "us-east-1", user, server.Credentials())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// pgxConfig is the configuration of a client that verifies the server.
func pgxConfig(t testing.TB, server *rdsiamtest.Server, user, password string) *pgx.ConnConfig {
	t.Helper()
	config := pgxConfigFrom(t, server, server.DSN(user)+"?sslmode=verify-full")
	config.Password = password
	return config
}

// pgxConfigFrom is the same with a connection string; the host and port are
// always those of the server.
func pgxConfigFrom(t testing.TB, server *rdsiamtest.Server, dsn string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	config.Host, config.Port = host, uint16(number)
	if config.TLSConfig != nil {
		config.TLSConfig.ServerName = host
		config.TLSConfig.RootCAs = server.RootCAs()
	}
	config.DialFunc = server.DialContext
	config.LookupFunc = server.LookupHost
	return config
}

func connectPGX(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	return conn
}

// askAll runs what a service may run when it starts.
func askAll(t *testing.T, server *rdsiamtest.Server, config *pgx.ConnConfig) {
	conn := connectPGX(t, config)
	checkUser(t, conn.QueryRow(t.Context(), "select current_user"))
	if err := conn.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}

	poolConfig, err := pgxpool.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	poolConfig.ConnConfig = config.Copy()
	pool, err := pgxpool.NewWithConfig(t.Context(), poolConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("pool ping: %v", err)
	}
	checkUser(t, pool.QueryRow(t.Context(), "select current_user"))

	db := stdlib.OpenDB(*config)
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("database/sql ping: %v", err)
	}
	checkUser(t, db.QueryRowContext(t.Context(), "select current_user"))
}

func checkUser(t *testing.T, row interface{ Scan(...any) error }) {
	t.Helper()
	var user string
	if err := row.Scan(&user); err != nil || user != "app" {
		t.Errorf("current_user = %q, %v; want app", user, err)
	}
}

func TestPostgreSQLDrivers(t *testing.T) {
	t.Run("TCP", func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
		askAll(t, server, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
	})
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
			askAll(t, server, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
		})
	})
}

// wantPgError checks what the server said; an empty message is any.
func wantPgError(t *testing.T, err error, code, message string) *pgconn.PgError {
	t.Helper()
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		t.Fatalf("error = %v, want an error of the server with code %s", err, code)
	}
	if said.Code != code || message != "" && said.Message != message {
		t.Errorf("server said %s %q, want %s %q", said.Code, said.Message, code, message)
	}
	return said
}
