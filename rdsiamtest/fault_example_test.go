package rdsiamtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Faults come and go while the server runs. A test starts it with StartPostgreSQL.
func ExampleServer_SetFaults() {
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		log.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(server.Credentials())))
	defer db.Close()
	ask := func(name string) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err := db.PingContext(ctx)
		var failed *rdsiam.LoginError
		if errors.As(err, &failed) {
			fmt.Printf("%s: code %q, try again: %v\n", name, failed.Code, failed.Retryable())
			return
		}
		fmt.Printf("%s: %v\n", name, err)
	}

	server.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
	ask("refused")
	server.SetFaults(rdsiamtest.Faults{CutAfter: 100})
	ask("cut")
	server.SetFaults(rdsiamtest.Faults{ClockOffset: 16 * time.Minute})
	ask("clock")
	server.SetFaults(rdsiamtest.Faults{})
	ask("well")
	fmt.Println(server.DropConnections(), "connection dropped")
	for _, logIn := range server.Logins() {
		fmt.Println(logIn.Reason)
	}
	// Output:
	// refused: code "28000", try again: false
	// cut: code "", try again: true
	// clock: code "28000", try again: false
	// well: <nil>
	// 1 connection dropped
	// refused by Faults.RefuseNext
	// expired token
	// accepted
}
