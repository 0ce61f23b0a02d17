package connect

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A pool whose server takes no writes any more leaves it.
func TestOpenWriter(t *testing.T) {
	server := startPostgreSQL(t)
	pool, err := openWriter(t.Context(), poolConfig(t, server, server.Endpoint()), tokensOf(server))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	checkUser(t, pool)
	server.SetFaults(rdsiamtest.Faults{ReadOnly: true})
	var refused *pgconn.PgError
	if err := write(t.Context(), pool, "insert into orders values (1)"); !errors.As(err, &refused) || refused.Code != "25006" {
		t.Errorf("a reader answers %v", err)
	}
	server.SetFaults(rdsiamtest.Faults{})
	checkUser(t, pool)
	if n := len(server.Logins()); n != 2 {
		t.Errorf("%d logins, want another after the refused write", n)
	}
}
