package service_test

import (
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/service"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestCurrentUser(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(server.Credentials())))
	defer db.Close()
	if user, err := service.CurrentUser(t.Context(), db); err != nil || user != "app" {
		t.Errorf("got %q, %v; want app", user, err)
	}
}
