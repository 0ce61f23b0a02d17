package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

func newPolicySplit(streams Streams) *cobra.Command {
	var output outputFormat
	command := &cobra.Command{
		Use:   "split FILE|-...",
		Short: "Divide a policy that is too long for one managed policy",
		Long: `Print managed policies that together allow the same as the policy in FILE, one
after the other, each short enough for IAM. Several files, such as the parts
that an earlier run made, count as one policy. A policy that is short enough is
printed as it is. AWS is not asked.

Which part a database user is in depends on nothing but the user: one more
changes one part, or divides it. --output json gives each part its key, a name
that it keeps: a list of objects with "key" and "policy". The key of what was
not divided is empty.`,
		Example: `  rdsiam policy split logins.json
  rdsiam policy split first.json second.json new.json --output json`,
		Args: between(1, 1000, "a FILE, or - for standard input"),
		RunE: func(command *cobra.Command, args []string) error {
			var whole iampolicy.Document
			for _, name := range args {
				text, err := readFileOrInput(command.Context(), streams.In, "the policy", name)
				if err != nil {
					return err
				}
				policy, err := iampolicy.Parse(string(text))
				if err != nil {
					return usageError{fmt.Errorf("%s: %w", name, err)}
				}
				if whole.Version == "" {
					whole.Version = policy.Version
				}
				if policy.Version != whole.Version {
					return usagef("%s has another Version than %s: they cannot become one policy", name, args[0])
				}
				whole.Statement = append(whole.Statement, policy.Statement...)
			}
			policy, err := rdsiam.ParsePolicy(string(whole.Compact()))
			if err != nil {
				return err
			}
			parts, err := policy.Split(rdsiam.ManagedPolicyLimit)
			if err != nil {
				return err
			}
			return printParts(streams.Out, parts, output)
		},
	}
	output.addTo(command)
	return command
}

func printParts(out io.Writer, parts []rdsiam.PolicyPart, output outputFormat) error {
	if output == outputJSON {
		type part struct {
			Key    string          `json:"key"`
			Policy json.RawMessage `json:"policy"`
		}
		var list []part
		for _, p := range parts {
			list = append(list, part{p.Key, json.RawMessage(p.JSON())})
		}
		return writeJSON(out, list)
	}
	for _, p := range parts {
		if _, err := io.WriteString(out, p.JSON()); err != nil {
			return err
		}
	}
	return nil
}
