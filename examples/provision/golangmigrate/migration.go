// Package golangmigrate creates a database account that logs in with an AWS identity
// by files for golang-migrate.
package golangmigrate

import (
	"database/sql"
	"os"
	"path/filepath"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/database/mysql"
	"github.com/golang-migrate/migrate/v4/database/pgx/v5"
	_ "github.com/golang-migrate/migrate/v4/source/file"

	"github.com/rdsiam/rdsiam/provision"
)

// Render writes the files: up creates the account, down drops it. They hold no secret,
// so they can be committed and reviewed like those written by hand.
func Render(directory string, account provision.Account) error {
	up, err := account.Plan()
	if err != nil {
		return err
	}
	down, err := account.PlanDrop(provision.DropOptions{})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, "000001_iam_account.up.sql"), []byte(up.Migration()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "000001_iam_account.down.sql"), []byte(down.Migration()), 0o644)
}

// Open returns golang-migrate with the files of a directory. For MySQL and MariaDB, db
// needs multiStatements=true in its DSN. The caller closes the Migrate, which closes db.
func Open(directory string, db *sql.DB, engine provision.Engine) (*migrate.Migrate, error) {
	var driver database.Driver
	var err error
	if engine == provision.PostgreSQL {
		driver, err = pgx.WithInstance(db, &pgx.Config{})
	} else {
		driver, err = mysql.WithInstance(db, &mysql.Config{})
	}
	if err != nil {
		return nil, err
	}
	return migrate.NewWithDatabaseInstance("file://"+filepath.ToSlash(directory), engine.String(), driver)
}
