package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/provision"
)

func newProvisionApply(streams Streams) *cobra.Command {
	var (
		flags      accountFlags
		at         sessionFlags
		exact, yes bool
	)
	command := &cobra.Command{
		Use:   "apply --user NAME [rights] [--yes]",
		Short: "Set an account up, or show what that would do",
		Long: `Set an account up: create it or put it right, and grant what it lacks. Without
--yes nothing is changed: what differs from the description is shown, and the
SQL.

With --exact, rights that are not described are revoked too.`,
		Example: `  RDSIAM_ADMIN_DSN=postgres://postgres@$HOST/sre \
    rdsiam provision apply --user iam_sre --read-only sre
  rdsiam provision apply --endpoint $HOST:5432 --as iam_admin --db sre \
    --user iam_sre --read-only sre --yes`,
		Args: between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			session, err := openSession(command.Context(), streams, &at, &flags)
			if err != nil {
				return err
			}
			defer session.Close()
			account, err := flags.describe(session.engine)
			if err != nil {
				return err
			}
			plan, found, err := session.plan(command.Context(), account, exact, !yes, flags.options())
			if err != nil {
				return err
			}
			if yes {
				return run(command.Context(), streams, session, plan)
			}
			for _, drift := range found {
				fmt.Fprintln(streams.Err, drift)
			}
			dryRun(streams)
			return printPlan(streams, plan)
		},
	}
	flags.addIdentityTo(command)
	flags.addRightsTo(command)
	at.addTo(command)
	command.Flags().BoolVar(&exact, "exact", false, "revoke what is not described")
	command.Flags().BoolVar(&yes, "yes", false, "do it")
	return command
}

// plan plans an account, with what a check found where that is needed.
func (s *session) plan(ctx context.Context, account provision.Account, exact, show bool, options []provision.Option) (*provision.Plan, []provision.Drift, error) {
	plan, err := account.Plan(options...)
	if err != nil || !exact && !show {
		return plan, nil, err
	}
	found, err := provision.Check(ctx, s.DB, account)
	if err == nil && exact {
		plan, err = account.PlanExact(found, options...)
	}
	return plan, found, err
}
