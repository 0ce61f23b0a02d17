package connect

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startPostgreSQL starts a server whose authority pgx trusts by its environment, since the
// functions of the pages take no options for tests.
func startPostgreSQL(t *testing.T, options ...rdsiamtest.Option) *rdsiamtest.Server {
	t.Helper()
	server := rdsiamtest.StartPostgreSQL(t, append(options, rdsiamtest.WithIAMUser("app"))...)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGSSLROOTCERT", file)
	return server
}

func tokensOf(server *rdsiamtest.Server) rdsiam.TokenSource {
	return rdsiam.NewTokenSource(server.Credentials())
}

// connConfig is that of a client which reaches server under the name of an endpoint.
func connConfig(t *testing.T, server *rdsiamtest.Server, endpoint string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://app@%s/shop", endpoint))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	return config
}

func poolConfig(t *testing.T, server *rdsiamtest.Server, endpoint string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(fmt.Sprintf("postgres://app@%s/shop", endpoint))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = server.DialContext, server.LookupHost
	return config
}

// asker is a pool or a connection of pgx.
type asker interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// checkUser asks who is logged in.
func checkUser(t *testing.T, db asker) {
	t.Helper()
	var user string
	if err := db.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != "app" {
		t.Errorf("logged in as %q, %v; want app", user, err)
	}
}
