package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
)

func newPolicyLint(streams Streams) *cobra.Command {
	var (
		output     outputFormat
		errorsOnly bool
	)
	command := &cobra.Command{
		Use:   "lint FILE|-",
		Short: "Find the mistakes that are made in policies for logins",
		Long: `Look for what is wrong with the statements of an IAM policy that are about
rds-db:connect: errors, because of which a login is refused, and warnings,
where it allows more than it seems to. Other statements are left alone, but
a policy that has no such statement is an error: another file was meant.

The policy is read from FILE, or with - from standard input, as JSON. AWS is not
asked. Ends with code 5 if something was found, and with 2 if it is no policy.
docs/policies.md lists the codes of the findings.`,
		Example: `  rdsiam policy lint orders.json
  aws iam get-role-policy --role-name app --policy-name db \
    --query PolicyDocument | rdsiam policy lint -`,
		Args: between(1, 1, "a FILE, or - for standard input"),
		RunE: func(command *cobra.Command, args []string) error {
			text, err := readFileOrInput(command.Context(), streams.In, "the policy", args[0])
			if err != nil {
				return err
			}
			policy, err := rdsiam.ParsePolicy(string(text))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			findings := []finding{} // [] in JSON, not null
			for _, f := range policy.Lint() {
				if f.Severity == rdsiam.SeverityError || !errorsOnly {
					findings = append(findings, finding{f.Code, f.Severity.String(), f.Path, f.Value, f.Problem, f.Fix, f.String()})
				}
			}
			if err := printFindings(streams.Out, findings, output); err != nil {
				return err
			}
			if len(findings) > 0 {
				return exitStatus{code: exitFindings}
			}
			return nil
		},
	}
	output.addTo(command)
	command.Flags().BoolVar(&errorsOnly, "errors-only", false, "leave warnings out")
	return command
}

// finding is a rdsiam.Finding for programs.
type finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Path     string `json:"path"`
	Value    string `json:"value"`
	Problem  string `json:"problem"`
	Fix      string `json:"fix"`
	line     string
}

func printFindings(out io.Writer, findings []finding, output outputFormat) error {
	if output == outputJSON {
		return writeJSON(out, findings)
	}
	for _, f := range findings {
		if _, err := fmt.Fprintln(out, f.line); err != nil {
			return err
		}
	}
	return nil
}
