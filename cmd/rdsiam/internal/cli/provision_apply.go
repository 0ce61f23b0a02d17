package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/provision"
)

func newProvisionApply(streams Streams) *cobra.Command {
	var (
		flags              accountFlags
		at                 sessionFlags
		exact, narrow, yes bool
	)
	command := &cobra.Command{
		Use:   "apply --user NAME [rights] [--yes]",
		Short: "Set an account up, or show what that would do",
		Long: `Set an account up: create it or correct it, and grant what it lacks. Without
--yes nothing is changed: what differs from the description is shown, and then
the SQL.

With --exact, rights that are not described are revoked too. With --narrow, a
grant in MySQL and MariaDB takes the place of an older one by an unescaped name
or a pattern, which would otherwise be hidden, and is refused.`,
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
			plan, found, err := session.plan(command.Context(), account, planning{exact, narrow, !yes}, flags.options())
			if err != nil {
				return err
			}
			if yes {
				return run(command.Context(), streams, session, plan)
			}
			for _, drift := range found {
				fmt.Fprintln(streams.Err, drift)
			}
			if !slices.ContainsFunc(found, func(d provision.Drift) bool { return !isNote(d) && (exact || d.Kind != provision.Extra) }) {
				fmt.Fprintln(streams.Err, nothingToDo)
				return nil
			}
			dryRun(streams)
			return printPlan(streams, plan)
		},
	}
	flags.addIdentityTo(command)
	flags.addRightsTo(command)
	at.addTo(command)
	command.Flags().BoolVar(&exact, "exact", false, "revoke what is not described")
	command.Flags().BoolVar(&narrow, "narrow", false, "take the place of older grants that would be hidden, in MySQL and MariaDB")
	command.Flags().BoolVar(&yes, "yes", false, "do it")
	return command
}

// planning is how an account is planned.
type planning struct{ exact, narrow, show bool }

// plan plans an account, with what a check found where that is needed.
func (s *session) plan(ctx context.Context, account provision.Account, how planning, options []provision.Option) (*provision.Plan, []provision.Drift, error) {
	if how == (planning{}) {
		plan, err := account.Plan(options...)
		return plan, nil, err
	}
	found, err := provision.Check(ctx, s.DB, account)
	if err != nil {
		return nil, nil, err
	}
	if how.narrow {
		options = append(options, provision.Narrow(found))
	}
	if how.exact {
		plan, err := account.PlanExact(found, options...)
		return plan, found, err
	}
	plan, err := account.Plan(options...)
	return plan, found, err
}
