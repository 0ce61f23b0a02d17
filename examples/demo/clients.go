package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/internal/lab"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// connectionLife is how long the pools keep a connection: short, so that they log in
// all the time.
const connectionLife = 100 * time.Millisecond

// clients are the pools of a program that uses both databases.
type clients struct {
	postgres *sql.DB
	pool     *pgxpool.Pool
	mysql    *sql.DB
}

func (s *setting) openClients(ctx context.Context) (*clients, error) {
	c := new(clients)
	var errs [3]error
	c.postgres, errs[0] = openPostgres(s.postgres, allowed, s.tokens)
	c.pool, errs[1] = s.openPool(ctx)
	c.mysql, errs[2] = openMySQL(s.mysql, allowed, s.tokens)
	if err := errors.Join(errs[:]...); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *clients) close() {
	if c.postgres != nil {
		c.postgres.Close()
	}
	if c.pool != nil {
		c.pool.Close()
	}
	if c.mysql != nil {
		c.mysql.Close()
	}
}

// openPostgres is what a service does; only the dialing is the demo's.
func openPostgres(database *lab.Database, user string, tokens rdsiam.TokenSource) (*sql.DB, error) {
	config, err := pgConfig(database, user)
	if err != nil {
		return nil, err
	}
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(database.RootCAs()))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens))
	db.SetConnMaxLifetime(connectionLife)
	return db, nil
}

func (s *setting) openPool(ctx context.Context) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.postgres.DSN(allowed))
	if err != nil {
		return nil, err
	}
	if config.ConnConfig, err = pgConfig(s.postgres, allowed); err != nil {
		return nil, err
	}
	config.BeforeConnect = rdspgx.BeforeConnect(s.tokens, rdsiam.WithRootCAs(s.postgres.RootCAs()))
	config.MaxConnLifetime = connectionLife
	return pgxpool.NewWithConfig(ctx, config)
}

func openMySQL(database *lab.Database, user string, tokens rdsiam.TokenSource) (*sql.DB, error) {
	config, err := mysql.ParseDSN(database.DSN(user))
	if err != nil {
		return nil, err
	}
	config.DBName = "" // the account has no rights on the database mysql
	config.DialFunc = database.DialContext
	config.Logger = &mysql.NopLogger{}
	my, err := rdsmysql.New(config, rdsiam.WithRootCAs(database.RootCAs()))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(rdsiam.NewConnector(my, tokens))
	db.SetConnMaxLifetime(connectionLife)
	return db, nil
}

func pgConfig(database *lab.Database, user string) (*pgx.ConnConfig, error) {
	// sslmode is given for the sake of those who have PGSSLMODE=disable.
	config, err := pgx.ParseConfig(database.DSN(user) + "?sslmode=verify-full")
	if err != nil {
		return nil, err
	}
	config.DialFunc, config.LookupFunc = database.DialContext, database.LookupHost
	return config, nil
}

// queries are the same question, asked by each client.
func (c *clients) queries() []query {
	return []query{
		{"database/sql, PostgreSQL", func(ctx context.Context) (string, error) {
			return answer(c.postgres.QueryRowContext(ctx, "select current_user, version()"))
		}},
		{"pgxpool, PostgreSQL", func(ctx context.Context) (string, error) {
			return answer(c.pool.QueryRow(ctx, "select current_user, version()"))
		}},
		{"database/sql, MySQL", func(ctx context.Context) (string, error) {
			return answer(c.mysql.QueryRowContext(ctx, "select current_user(), version()"))
		}},
	}
}

type query struct {
	client string
	ask    func(context.Context) (string, error)
}

func answer(row interface{ Scan(...any) error }) (string, error) {
	var user, version string
	if err := row.Scan(&user, &version); err != nil {
		return "", err
	}
	version, _, _ = strings.Cut(version, " on ") // a platform and a compiler follow
	return fmt.Sprintf("%s, %s", user, version), nil
}
