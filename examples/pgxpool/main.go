// Command pgxpool logs in to PostgreSQL on Amazon RDS or Aurora through pgxpool.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// DATABASE_URL is like postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app
	poolConfig, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens)
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var user, version string
	if err := pool.QueryRow(ctx, "select current_user, version()").Scan(&user, &version); err != nil {
		log.Fatal(err)
	}
	fmt.Println(user, "on", version)
}
