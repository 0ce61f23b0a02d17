// Package usewith shows what the tools that Go teams use need to log in with a token: a *sql.DB or a
// pool, in the place where they take one. Each function is in docs/use-with.md.
package usewith

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/XSAM/otelsql"
	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgxlisten"
	"github.com/jmoiron/sqlx"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	gormmysql "gorm.io/driver/mysql"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// openGORM logs in at once.
func openGORM(db *sql.DB) (*gorm.DB, error) {
	return gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: db}))
}

// openGORMMySQL is for a DSN with parseTime=true.
func openGORMMySQL(db *sql.DB) (*gorm.DB, error) {
	return gorm.Open(gormmysql.New(gormmysql.Config{Conn: db}))
}

// openSQLX names the driver, which decides how placeholders are written.
func openSQLX(db *sql.DB) *sqlx.DB { return sqlx.NewDb(db, "pgx") }

// openEnt returns what ent.NewClient takes: ent.Driver(openEnt(db)).
func openEnt(db *sql.DB) *entsql.Driver { return entsql.OpenDB(dialect.Postgres, db) }

func openBun(db *sql.DB) *bun.DB { return bun.NewDB(db, pgdialect.New()) }

func openBunMySQL(db *sql.DB) *bun.DB { return bun.NewDB(db, mysqldialect.New()) }

// openRiver needs a connection of its own for LISTEN, as long as it runs.
func openRiver(pool *pgxpool.Pool, workers *river.Workers) (*river.Client[pgx.Tx], error) {
	return river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
		Workers: workers,
	})
}

// listen logs in anew whenever its connection is lost.
func listen(config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) *pgxlisten.Listener {
	hook := rdspgx.BeforeConnect(tokens, options...)
	return &pgxlisten.Listener{Connect: func(ctx context.Context) (*pgx.Conn, error) {
		own := config.Copy() // each login has a token of its own
		if err := hook(ctx, own); err != nil {
			return nil, err
		}
		return pgx.ConnectConfig(ctx, own)
	}}
}

// openTraced traces statements of database/sql; a login is in its span sql.connector.connect.
func openTraced(connector driver.Connector) *sql.DB { return otelsql.OpenDB(connector) }

// trace traces statements and connects of pgx.
func trace(config *pgxpool.Config) { config.ConnConfig.Tracer = otelpgx.NewTracer() }
