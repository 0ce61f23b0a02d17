package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
)

func newPolicy(streams Streams) *cobra.Command {
	var (
		flags  policyFlags
		format = "json"
		name   string
	)
	command := &cobra.Command{
		Use:   "policy ENDPOINT | --resource ID --user USER...",
		Short: "Print the IAM policy that lets somebody log in",
		Long: `Print the IAM policy with which an identity may log in to a database as these
database users, and as no others.

A policy names a database by the id that AWS gave it. ENDPOINT asks the RDS
API for it (rds:DescribeDBInstances, DescribeDBClusters or DescribeDBProxies).
--resource takes the id and asks nobody: db-…, cluster-… or prx-… with --region
and --account, or an ARN that has them.

Nothing is changed. What is notable about the policy goes to standard error.`,
		Example: `  rdsiam policy prod.cluster-abc123.eu-west-1.rds.amazonaws.com --user app
  rdsiam policy --resource cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I \
    --region eu-west-1 --account 123456789012 --user app --user batch
  rdsiam policy --user app --format terraform \
    --resource arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0ab1cd2ef
  rdsiam policy $HOST --user-pattern '${aws:PrincipalTag/dbuser}'`,
		Args: endpointOrSubcommand,
		RunE: func(command *cobra.Command, args []string) error {
			if err := checkPolicyFormat(format); err != nil {
				return err
			}
			users, err := flags.databaseUsers(command.Context(), args)
			if err != nil {
				return err
			}
			policy, err := rdsiam.NewPolicy(users...)
			if err != nil {
				return err
			}
			printNotes(streams.Err, policy)
			text := policy.JSON()
			if format == "terraform" {
				if text, err = policy.Terraform(name); err != nil {
					return err
				}
			}
			_, err = io.WriteString(streams.Out, text)
			return err
		},
	}
	flags.addTo(command)
	command.Flags().StringVar(&format, "format", format, "json or terraform, which is a data source aws_iam_policy_document")
	command.Flags().StringVar(&name, "name", "rdsiam", "name of the data source")
	command.AddCommand(newPolicyLint(streams), newPolicySplit(streams), newPolicyAttach(streams))
	return command
}

// endpointOrSubcommand tells ENDPOINT from a misspelled command: names of hosts have dots.
func endpointOrSubcommand(command *cobra.Command, args []string) error {
	if len(args) == 0 || !strings.ContainsAny(args[0], ".:") {
		return knownSubcommand(command, args)
	}
	return between(0, 1, "one ENDPOINT")(command, args)
}

func checkPolicyFormat(format string) error {
	if format != "json" && format != "terraform" {
		return usagef("--format %q is neither json nor terraform", format)
	}
	return nil
}

// printNotes says what lint says of a policy that was just made.
func printNotes(out io.Writer, policy *rdsiam.Policy) {
	for _, finding := range policy.Lint() {
		fmt.Fprintln(out, finding)
	}
}
