// Command mysql logs in to MySQL or MariaDB on Amazon RDS or Aurora through database/sql.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// DATABASE_DSN is like app@tcp(prod.abc123.eu-west-1.rds.amazonaws.com:3306)/app
	my, err := rdsmysql.ParseDSN(os.Getenv("DATABASE_DSN"))
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	db := sql.OpenDB(rdsiam.NewConnector(my, tokens))
	defer db.Close()

	var user, version string
	if err := db.QueryRowContext(ctx, "select current_user(), version()").Scan(&user, &version); err != nil {
		log.Fatal(err)
	}
	fmt.Println(user, "on", version)
}
