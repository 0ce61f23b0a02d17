// Package connect has the code of docs/connect.md and docs/errors.md, with tests that run it.
package connect

import (
	"database/sql"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

func openPostgreSQL(cfg aws.Config) (*sql.DB, error) {
	pg, err := rdspgx.ParseDSN("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/shop")
	tokens := rdsiam.NewTokenSource(cfg.Credentials) // cfg is an aws.Config
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens))
	return db, err
}

func openMySQL(cfg aws.Config) (*sql.DB, error) {
	my, err := rdsmysql.ParseDSN("app@tcp(prod.abc123.eu-west-1.rds.amazonaws.com:3306)/shop")
	if err != nil {
		return nil, err
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	return sql.OpenDB(rdsiam.NewConnector(my, tokens)), nil
}

// openMySQLHook is for programs that make the connector of the driver themselves.
func openMySQLHook(config *mysql.Config, tokens rdsiam.TokenSource) (*sql.DB, error) {
	err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(tokens)))
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// limit sets what database/sql leaves open.
func limit(db *sql.DB) {
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)                  // the default, 2, makes a busy service log in often
	db.SetConnMaxLifetime(30 * time.Minute) // after a failover, move to where the name leads
	db.SetConnMaxIdleTime(5 * time.Minute)
}
