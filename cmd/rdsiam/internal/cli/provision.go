package cli

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/admin"
	"github.com/rdsiam/rdsiam/provision"
)

func newProvision(streams Streams) *cobra.Command {
	command := &cobra.Command{
		Use:   "provision",
		Short: "Set up, check or drop the account inside the database",
		Long: `Set up, check or drop the account inside the database that logs in with a token.

plan prints SQL and asks nobody. apply, check and drop connect, by the DSN in
$` + dsnVariable + ` or --dsn-file, or with a token (--endpoint and --as). apply
and drop change nothing without --yes: they print what they would do.

Connections to an RDS endpoint verify the server. There is no flag for a DSN:
all users of a machine can read arguments.`,
	}
	command.AddCommand(newProvisionPlan(streams), newProvisionApply(streams), newProvisionCheck(streams), newProvisionDrop(streams))
	return group(command)
}

// session is a connection on which accounts are set up, with the engine it leads to.
type session struct {
	*sql.DB
	engine provision.Engine
}

// openSession connects, and finds out the engine, which --engine may only confirm.
func openSession(ctx context.Context, streams Streams, at *sessionFlags, a *accountFlags) (*session, error) {
	given, err := a.givenEngine()
	if err != nil {
		return nil, err
	}
	db, err := at.open(ctx, streams, a.engine)
	if err != nil {
		return nil, err
	}
	engine, err := admin.EngineOf(ctx, db)
	if admin.Refused(err) {
		err = exitStatus{exitRefused, err}
	}
	if err == nil && given != 0 && given != engine {
		err = usagef("--engine says %s, and the server is %s", given, engine)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return &session{db, engine}, nil
}

// printPlan prints what a person should know to standard error, and the SQL.
func printPlan(streams Streams, plan *provision.Plan) error {
	printWarnings(streams, plan)
	_, err := fmt.Fprintln(streams.Out, strings.TrimRight(plan.String(), "\n"))
	return err
}

func printWarnings(streams Streams, plan *provision.Plan) {
	for _, warning := range plan.Warnings {
		fmt.Fprintln(streams.Err, "note: "+warning)
	}
}

// run applies a plan and says what was done.
func run(ctx context.Context, streams Streams, s *session, plan *provision.Plan) error {
	printWarnings(streams, plan)
	report, err := provision.Apply(ctx, s.DB, plan)
	if report.Outcome != provision.OutcomeUnchanged && report.Outcome != provision.OutcomeNoAccount {
		for _, step := range report.Steps {
			fmt.Fprintln(streams.Err, step.Summary)
			for _, warning := range step.Warnings {
				fmt.Fprintln(streams.Err, "  the server warns: "+warning)
			}
		}
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(streams.Err, "note: "+warning)
	}
	for _, granted := range report.Granted {
		fmt.Fprintln(streams.Err, "note: "+granted.Grantor+" granted "+granted.Privilege+" on "+granted.Object+" to "+granted.Grantee)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w: %s", context.Cause(ctx), afterFailure[report.Outcome])
	case err != nil:
		return err
	case report.Outcome == provision.OutcomeUnchanged:
		fmt.Fprintln(streams.Err, nothingToDo)
	case report.Outcome == provision.OutcomeNoAccount:
		fmt.Fprintln(streams.Err, "there is no such account, and nothing to drop")
		return exitStatus{code: exitAbsent}
	default:
		fmt.Fprintln(streams.Err, "done")
	}
	return nil
}

const nothingToDo = "nothing to do: the account is as described"

// afterFailure says what an interrupted run left behind.
var afterFailure = map[provision.Outcome]string{
	provision.OutcomeRefused:    "nothing was changed",
	provision.OutcomeRolledBack: "everything was rolled back",
	provision.OutcomeKept:       "the steps above stay, and the same command goes on from there",
	provision.OutcomeUnknown:    "whether it was committed is not known: run the command again",
}

func dryRun(streams Streams) {
	fmt.Fprintln(streams.Err, "dry run: nothing was changed; --yes does it")
}
