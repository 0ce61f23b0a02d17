// Package goosemigration creates a database account that logs in with an AWS identity
// in a Go migration of goose, or in a file for it.
package goosemigration

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/rdsiam/rdsiam/provision"
)

// NewProvider returns goose with a migration whose up creates the account and whose
// down drops it.
func NewProvider(db *sql.DB, account provision.Account) (*goose.Provider, error) {
	up, down, err := plans(account)
	if err != nil {
		return nil, err
	}
	// In MySQL and MariaDB account statements commit, so Apply refuses transactions there.
	migration := goose.NewGoMigration(1, &goose.GoFunc{RunDB: apply[*sql.DB](up)}, &goose.GoFunc{RunDB: apply[*sql.DB](down)})
	if account.Engine == provision.PostgreSQL {
		migration = goose.NewGoMigration(1, &goose.GoFunc{RunTx: apply[*sql.Tx](up)}, &goose.GoFunc{RunTx: apply[*sql.Tx](down)})
	}
	return goose.NewProvider(dialectOf(account.Engine), db, nil, goose.WithGoMigrations(migration))
}

// Render writes the same as a file, for review and for those who have no Go migrations.
func Render(directory string, account provision.Account) error {
	up, down, err := plans(account)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "00001_iam_account.sql"), []byte(provision.GooseFile(up, down)), 0o644)
}

// NewFileProvider returns goose with the files of a directory.
func NewFileProvider(db *sql.DB, engine provision.Engine, directory string) (*goose.Provider, error) {
	return goose.NewProvider(dialectOf(engine), db, os.DirFS(directory))
}

// plans returns what creates the account, and what drops it.
func plans(account provision.Account) (up, down *provision.Plan, err error) {
	if up, err = account.Plan(); err == nil {
		down, err = account.PlanDrop(provision.DropOptions{})
	}
	return up, down, err
}

func dialectOf(engine provision.Engine) goose.Dialect {
	if engine == provision.PostgreSQL {
		return goose.DialectPostgres
	}
	return goose.DialectMySQL
}

func apply[S provision.Session](plan *provision.Plan) func(context.Context, S) error {
	return func(ctx context.Context, session S) error {
		_, err := provision.Apply(ctx, session, plan)
		return err
	}
}
