package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/provision"
)

func newProvisionCheck(streams Streams) *cobra.Command {
	var (
		flags  accountFlags
		at     sessionFlags
		output outputFormat
	)
	command := &cobra.Command{
		Use:   "check --user NAME [rights]",
		Short: "Compare an account with its description",
		Long: `Compare an account with its description: what it lacks, has besides, or has
wrong. Nothing is changed. The exit code is 5 if something differs that apply,
or apply --exact, would change; what it would not (public, neighbor) is only
told.`,
		Example: `  RDSIAM_ADMIN_DSN=postgres://postgres@$HOST/sre \
    rdsiam provision check --user iam_sre --read-only sre`,
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
			found, err := provision.Check(command.Context(), session.DB, account)
			if err != nil {
				return err
			}
			return reportDrift(streams, output, found)
		},
	}
	flags.addIdentityTo(command)
	flags.addRightsTo(command)
	at.addTo(command)
	output.addTo(command)
	return command
}

type driftJSON struct {
	Kind   provision.DriftKind `json:"kind"`
	Detail string              `json:"detail"`
}

func reportDrift(streams Streams, output outputFormat, found []provision.Drift) error {
	differs := false
	list := make([]driftJSON, len(found))
	for i, drift := range found {
		differs = differs || !isNote(drift)
		list[i] = driftJSON{drift.Kind, drift.Detail}
	}
	if output == outputJSON {
		if err := writeJSON(streams.Out, list); err != nil {
			return err
		}
	} else {
		for _, drift := range found {
			fmt.Fprintln(streams.Out, drift)
		}
		if !differs {
			fmt.Fprintln(streams.Err, "the account is as described")
		}
	}
	if differs {
		return exitStatus{code: exitFindings}
	}
	return nil
}
