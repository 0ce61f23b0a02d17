// Command databasesql logs in to PostgreSQL on Amazon RDS or Aurora through database/sql.
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
	cfg, err := config.LoadDefaultConfig(ctx) // credentials from the environment, SSO, a role, …
	if err != nil {
		log.Fatal(err)
	}
	// DATABASE_URL is like postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app
	pg, err := rdspgx.ParseDSN(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens))
	defer db.Close()

	var user, version string
	if err := db.QueryRowContext(ctx, "select current_user, version()").Scan(&user, &version); err != nil {
		log.Fatal(err)
	}
	fmt.Println(user, "on", version)
}
