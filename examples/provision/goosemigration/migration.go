// Package goosemigration creates a database account that logs in with an AWS identity
// in a Go migration of goose.
package goosemigration

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"

	"github.com/rdsiam/rdsiam/provision"
)

// NewProvider returns goose with a migration whose up creates the account and whose
// down drops it.
func NewProvider(db *sql.DB, account provision.Account) (*goose.Provider, error) {
	up, err := account.Plan()
	if err != nil {
		return nil, err
	}
	down, err := account.PlanDrop(provision.DropOptions{})
	if err != nil {
		return nil, err
	}
	// In MySQL and MariaDB account statements commit, so Apply refuses transactions there.
	dialect := goose.DialectMySQL
	migration := goose.NewGoMigration(1, &goose.GoFunc{RunDB: apply[*sql.DB](up)}, &goose.GoFunc{RunDB: apply[*sql.DB](down)})
	if account.Engine == provision.PostgreSQL {
		dialect = goose.DialectPostgres
		migration = goose.NewGoMigration(1, &goose.GoFunc{RunTx: apply[*sql.Tx](up)}, &goose.GoFunc{RunTx: apply[*sql.Tx](down)})
	}
	return goose.NewProvider(dialect, db, nil, goose.WithGoMigrations(migration))
}

func apply[S provision.Session](plan *provision.Plan) func(context.Context, S) error {
	return func(ctx context.Context, session S) error {
		_, err := provision.Apply(ctx, session, plan)
		return err
	}
}
