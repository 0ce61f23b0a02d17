package service_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/service"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestBadDay(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	db := open(t, server)
	ask := func() error {
		_, err := service.CurrentUser(t.Context(), db)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}

	server.SetFaults(rdsiamtest.Faults{CutAfter: -1}) // the server is away
	server.DropConnections()                          // as clients see a failover
	var failed *rdsiam.LoginError
	if err := ask(); !errors.As(err, &failed) || !failed.Retryable() {
		t.Errorf("while the server is away: %v; want a login that may be tried again", err)
	}
	server.SetFaults(rdsiamtest.Faults{}) // well again
	if err := ask(); err != nil {
		t.Errorf("after the failover: %v", err)
	}

	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetCertificateAuthority(authority); err != nil { // that clients do not trust
		t.Fatal(err)
	}
	server.DropConnections()
	if err := ask(); !errors.As(err, new(*rdsiam.CertificateError)) {
		t.Errorf("with the certificate of another authority: %v", err)
	}
}

func open(t *testing.T, server *rdsiamtest.Server) *sql.DB {
	t.Helper()
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
	t.Cleanup(func() { db.Close() })
	return db
}
