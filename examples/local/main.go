// Command local logs in to the PostgreSQL of "rdsiam local", without AWS.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx) // the keys that "rdsiam local" made up
	if err != nil {
		log.Fatal(err)
	}
	pg, err := rdspgx.ParseDSN(os.Getenv("RDSIAM_POSTGRES_URL"), // is on 127.0.0.1
		rdsiam.WithEndpoint(os.Getenv("RDSIAM_POSTGRES_ENDPOINT"))) // has an RDS name
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(cfg.Credentials)))
	defer db.Close()

	var user string
	if err := db.QueryRowContext(ctx, "select current_user").Scan(&user); err != nil {
		log.Fatal(err)
	}
	fmt.Println("logged in as", user)
}
