// Plain sets a database account up that logs in with an AWS identity and may read one
// database, or drops it. It prints the IAM policy on stdout and the SQL on stderr:
//
//	DATABASE='postgres://master:…@…/sre' plain         # only shows what there is to do
//	DATABASE='postgres://master:…@…/sre' plain -apply
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

func main() {
	apply := flag.Bool("apply", false, "run the SQL rather than only show it")
	drop := flag.Bool("drop", false, "drop the account")
	flag.Parse()
	account := provision.Account{
		Engine: provision.PostgreSQL,
		Name:   "iam_sre",
		Grants: []provision.Grant{provision.ReadOnly("sre")},
	}
	resource := rdsiam.Resource{ID: "db-12ABC34DEFG5HIJ6KLMNOP78QR", Region: "us-west-2", AccountID: "123456789012"}

	db, err := sql.Open("pgx", os.Getenv("DATABASE"))
	if err != nil {
		log.Fatal(err)
	}
	target := database{db, *apply}
	defer target.Close()
	if *drop {
		err = remove(context.Background(), target, account, os.Stderr)
	} else {
		err = setUp(context.Background(), target, account, resource, os.Stdout, os.Stderr)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// database is where the account is to be, and whether to change anything there.
type database struct {
	*sql.DB
	apply bool
}

// setUp makes the account what its description says, and prints the policy for it.
func setUp(ctx context.Context, db database, account provision.Account, resource rdsiam.Resource, stdout, stderr io.Writer) error {
	arn, err := account.UserARN(resource)
	if err != nil {
		return err
	}
	policy, err := rdsiam.NewPolicy(arn)
	if err != nil {
		return err
	}
	plan, err := account.Plan()
	if err != nil {
		return err
	}
	if err := run(ctx, db, plan, stderr); err != nil {
		return err
	}
	if db.apply {
		drifts, err := provision.Check(ctx, db.DB, account)
		if err != nil {
			return err
		}
		for _, drift := range drifts { // such as older grants, which Plan leaves alone
			fmt.Fprintln(stderr, "--", drift)
		}
	}
	fmt.Fprintln(stdout, policy.JSON())
	return nil
}

// remove drops the account.
func remove(ctx context.Context, db database, account provision.Account, stderr io.Writer) error {
	plan, err := account.PlanDrop(provision.DropOptions{})
	if err != nil {
		return err
	}
	return run(ctx, db, plan, stderr)
}

// run shows the plan and, with -apply, applies it.
func run(ctx context.Context, db database, plan *provision.Plan, stderr io.Writer) error {
	fmt.Fprintln(stderr, plan)
	if !db.apply {
		return nil
	}
	report, err := provision.Apply(ctx, db.DB, plan)
	fmt.Fprintln(stderr, "--", report.Outcome) // changed, unchanged, rolled-back, …
	return err
}
