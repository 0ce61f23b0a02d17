// Package upstream_test logs in with a token and asks a real PostgreSQL.
package upstream_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// openShop opens a pool that logs in with a token, as in production. Behind it is a server of
// yours, such as one of
//
//	docker run -p 5432:5432 -e POSTGRES_USER=shop -e POSTGRES_PASSWORD=secret postgres
func openShop(t *testing.T) (*pgxpool.Pool, *rdsiamtest.Server) {
	t.Helper()
	address := os.Getenv("TEST_POSTGRES")
	if address == "" {
		t.Skip("set TEST_POSTGRES to the host:port of a PostgreSQL with the user shop, password secret")
	}
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithUpstream(rdsiamtest.Upstream{
			Address:  address,
			User:     "shop", // every session becomes this user's, whoever logged in
			Password: "secret",
		}))
	config, err := pgxpool.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1 // temporary tables are those of a connection
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = server.DialContext, server.LookupHost
	config.BeforeConnect = rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()),
		rdsiam.WithRootCAs(server.RootCAs()))
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, server
}

func TestTotal(t *testing.T) {
	pool, server := openShop(t)
	if _, err := pool.Exec(t.Context(), "create temporary table orders (amount int)"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "insert into orders values (3), (4)"); err != nil {
		t.Fatal(err)
	}
	var total int
	err := pool.QueryRow(t.Context(), "select sum(amount) from orders").Scan(&total)
	if err != nil || total != 7 {
		t.Errorf("got %d, %v; want 7", total, err)
	}
	if logins := server.Logins(); len(logins) != 1 || !logins[0].Accepted {
		t.Errorf("logins: %+v", logins)
	}
}
