package provision_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

// One description gives the SQL for the database and the policy for IAM.
func Example() {
	account := provision.Account{
		Engine: provision.MySQL,
		Name:   "iam_sre",
		Grants: []provision.Grant{provision.ReadOnly("sre_db")},
	}
	plan, err := account.Plan()
	if err != nil {
		log.Fatal(err)
	}
	for _, statement := range plan.Statements {
		if statement.Kind != provision.KindGuard {
			fmt.Println(statement.SQL)
		}
	}

	arn, err := account.UserARN(rdsiam.Resource{ID: "db-12ABC34DEFG5HIJ6KLMNOP78QR", Region: "us-west-2", AccountID: "123456789012"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(arn)
	// Output:
	// CREATE USER IF NOT EXISTS `iam_sre`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL
	// ALTER USER `iam_sre`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL
	// GRANT SELECT, SHOW VIEW ON `sre\_db`.* TO `iam_sre`@`%`
	// arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/iam_sre
}

// A program creates the accounts of its services.
func ExampleApply() {
	postgres := func(ctx context.Context, db *sql.DB) error {
		account := provision.Account{
			Engine: provision.PostgreSQL,
			Name:   "iam_sre",
			Grants: []provision.Grant{provision.ReadOnly("sre", provision.FutureTablesOf("sre_owner"))},
		}
		plan, err := account.Plan()
		if err != nil {
			return err
		}
		report, err := provision.Apply(ctx, db, plan) // db is connected to "sre" as the master user
		fmt.Println(report)
		return err
	}
	mysql := func(ctx context.Context, db *sql.DB) error {
		account := provision.Account{
			Engine: provision.MySQL,
			Name:   "iam_sre",
			Grants: []provision.Grant{provision.ReadOnly("sre_db")},
		}
		plan, err := account.Plan()
		if err != nil {
			return err
		}
		report, err := provision.Apply(ctx, db, plan) // db is of the master user; no transaction
		fmt.Println(report)
		return err
	}
	_, _ = postgres, mysql
}

// A migration of goose, in Go.
func ExampleApply_transaction() {
	up := func(ctx context.Context, tx *sql.Tx) error {
		account := provision.Account{
			Engine: provision.PostgreSQL,
			Name:   "iam_sre",
			Grants: []provision.Grant{provision.ReadOnly("sre", provision.FutureTablesOf("sre_owner"))},
		}
		plan, err := account.Plan()
		if err != nil {
			return err
		}
		_, err = provision.Apply(ctx, tx, plan)
		return err
	}
	_ = up
}

// Exact mode revokes what the description does not have.
func ExampleAccount_PlanExact() {
	exact := func(ctx context.Context, db *sql.DB, account provision.Account) error {
		found, err := provision.Check(ctx, db, account)
		if err != nil {
			return err
		}
		for _, drift := range found {
			fmt.Println(drift)
		}
		plan, err := account.PlanExact(found)
		if err != nil {
			return err
		}
		_, err = provision.Apply(ctx, db, plan)
		if errors.Is(err, provision.ErrLockout) {
			return fmt.Errorf("revoke the membership that the error names: %w", err)
		}
		return err
	}
	_ = exact
}

// The files that migration tools read.
func ExampleGooseFile() {
	account := provision.Account{Engine: provision.MariaDB, Name: "iam_sre"}
	drop, err := account.PlanDrop(provision.DropOptions{})
	if err != nil {
		log.Fatal(err)
	}
	up, err := account.Plan()
	if err != nil {
		log.Fatal(err)
	}
	annotation, _, _ := strings.Cut(provision.GooseFile(up, drop), "\n")
	fmt.Println(annotation)
	// Output:
	// -- +goose NO TRANSACTION
}
