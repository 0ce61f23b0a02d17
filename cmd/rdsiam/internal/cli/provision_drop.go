package cli

import (
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/provision"
)

func newProvisionDrop(streams Streams) *cobra.Command {
	var (
		flags accountFlags
		at    sessionFlags
		drop  provision.DropOptions
		yes   bool
	)
	command := &cobra.Command{
		Use:   "drop --user NAME [--yes]",
		Short: "Drop an account, or show what that would do",
		Long: `Drop an account, if it exists. Without --yes nothing is changed and the SQL is
printed; with --engine that needs no connection. Sessions that the account has
go on until they end.`,
		Example: `  rdsiam provision drop --engine mysql --user app
  RDSIAM_ADMIN_DSN=postgres://postgres@$HOST/sre \
    rdsiam provision drop --user iam_sre --reassign-to sre_owner --yes`,
		Args: between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			engine, err := flags.givenEngine()
			if err != nil {
				return err
			}
			drop.Adopt = flags.adopt
			planDrop := func(engine provision.Engine) (*provision.Plan, error) {
				account, err := flags.describe(engine)
				if err != nil {
					return nil, err
				}
				return account.PlanDrop(drop)
			}
			if !yes && engine != 0 {
				plan, err := planDrop(engine)
				if err != nil {
					return err
				}
				dryRun(streams)
				return printPlan(streams, plan)
			}
			session, err := openSession(command.Context(), streams, &at, &flags)
			if err != nil {
				return err
			}
			defer session.Close()
			plan, err := planDrop(session.engine)
			if err != nil {
				return err
			}
			if !yes {
				dryRun(streams)
				return printPlan(streams, plan)
			}
			return run(command.Context(), streams, session, plan)
		},
	}
	flags.addIdentityTo(command)
	at.addTo(command)
	command.Flags().StringVar(&drop.ReassignTo, "reassign-to", "", "role of PostgreSQL that gets what the account owns")
	command.Flags().BoolVar(&drop.RevokeGranted, "revoke-granted", false, "also take what it granted to others, in PostgreSQL")
	command.Flags().BoolVar(&drop.KeepRole, "keep-role", false, "release it from this database of PostgreSQL, and do not drop it")
	command.Flags().BoolVar(&yes, "yes", false, "do it")
	return command
}
