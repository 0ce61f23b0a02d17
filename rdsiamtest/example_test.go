package rdsiamtest_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A test starts a server, and logs in to it as its program logs in to RDS.
func ExampleStartPostgreSQL() {
	t := new(exampleT) // in a test: its *testing.T
	defer t.end()

	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	hook := rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))

	ctx := context.Background()
	if err := hook(ctx, config); err != nil {
		t.Fatalf("%v", err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer conn.Close(ctx)
	var user string
	if err := conn.QueryRow(ctx, "select current_user").Scan(&user); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(user, "is logged in to", server.Endpoint())
	// Output: app is logged in to rdsiamtest.abc123.us-east-1.rds.amazonaws.com:5432
}

// A login that must fail: the log of the server says why it did, which no client reads.
func ExampleServer_Logins() {
	t := new(exampleT)
	defer t.end()

	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app", "reports"))
	onlyReports := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect",
		"Resource": "arn:aws:rds-db:us-east-1:123456789012:dbuser:db-RDSIAMTEST0123456789ABCDEF/reports"}}`
	if err := server.SetPolicies(onlyReports); err != nil {
		t.Fatalf("%v", err)
	}
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	hook := rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))
	ctx := context.Background()
	if err := hook(ctx, config); err != nil {
		t.Fatalf("%v", err)
	}
	if _, err = pgx.ConnectConfig(ctx, config); err == nil {
		t.Fatalf("logged in")
	}
	fmt.Println(server.Logins()[0].Reason)
	// Output: not allowed by policy
}

// The server checks the token, and hands the session to a database of yours.
func ExampleWithUpstream() {
	t := new(exampleT)
	defer t.end()
	yours := startYours(t) // a PostgreSQL that knows the user shop, with the password secret

	server := rdsiamtest.StartPostgreSQL(t,
		rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithUpstream(rdsiamtest.Upstream{
			Address:  yours.address,
			User:     "shop",
			Password: "secret",
			TLS:      yours.tls, // nil connects without TLS
		}))
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	hook := rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))

	ctx := context.Background()
	if err := hook(ctx, config); err != nil {
		t.Fatalf("%v", err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer conn.Close(ctx)
	var user string
	if err := conn.QueryRow(ctx, "select current_user").Scan(&user); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println("logged in as app, in the database as", user)
	// Output: logged in as app, in the database as shop
}

// exampleT stands for the *testing.T that an example does not have.
type exampleT struct{ cleanups []func() }

func (t *exampleT) Helper()                           {}
func (t *exampleT) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

func (t *exampleT) end() {
	for _, cleanup := range slices.Backward(t.cleanups) {
		cleanup()
	}
}

// behind is a database that sessions are handed to.
type behind struct {
	address string
	tls     *tls.Config
}

// startYours starts one that every machine has.
func startYours(t *exampleT) behind {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithPasswordUser("shop", "secret"))
	return behind{server.Addr().String(), &tls.Config{RootCAs: server.RootCAs(), ServerName: "rdsiamtest.abc123.us-east-1.rds.amazonaws.com"}}
}
