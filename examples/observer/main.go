// Command observer logs every step of a login with log/slog.
package main

import (
	"context"
	"database/sql"
	"log"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// logStep is called for each step. An Event never holds a token, and says itself what a log
// shows of it.
func logStep(ctx context.Context, e rdsiam.Event) {
	level := slog.LevelInfo
	if e.Err != nil {
		level = slog.LevelError
	}
	slog.Log(ctx, level, "login", "event", e)
}

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// DATABASE_URL is like postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app
	pg, err := rdspgx.ParseDSN(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens, rdsiam.WithObserver(logStep)))
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		log.Fatal(err)
	}
}
