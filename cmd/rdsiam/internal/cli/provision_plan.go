package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/provision"
)

func newProvisionPlan(streams Streams) *cobra.Command {
	var (
		flags   accountFlags
		format  string
		literal bool
	)
	command := &cobra.Command{
		Use:   "plan --engine ENGINE --user NAME [rights]",
		Short: "Print the SQL that sets an account up",
		Long: `Print the SQL that sets an account up, or a migration with it. No connection is
made. Every statement can run again.

Formats: sql for psql or mysql; goose, with the drop as its Down; migrate-up and
migrate-down for golang-migrate; json for programs.`,
		Example: `  rdsiam provision plan --engine postgresql --user iam_sre --read-only sre \
    --future-tables-of sre_owner
  rdsiam provision plan --engine mysql --user app --read-write shop \
    --format goose
  rdsiam provision plan --engine postgresql --user batch \
    --grant 'select, insert on table app.orders' --grant 'usage on schema app'`,
		Args: between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			write, ok := planFormats[format]
			if !ok {
				return usagef("--format %q is none of sql, goose, migrate-up, migrate-down, json", format)
			}
			engine, err := flags.givenEngine()
			if err == nil && engine == 0 {
				err = usagef("--engine is missing: postgresql, mysql or mariadb")
			}
			if err != nil {
				return err
			}
			account, err := flags.describe(engine)
			if err != nil {
				return err
			}
			options := flags.options()
			if literal {
				options = append(options, provision.PartialRevokes())
			}
			up, err := account.Plan(options...)
			if err != nil {
				return err
			}
			down, err := account.PlanDrop(provision.DropOptions{})
			if err != nil && (format == "goose" || format == "migrate-down") {
				return err
			}
			return write(streams, up, down)
		},
	}
	flags.addIdentityTo(command)
	flags.addRightsTo(command)
	command.Flags().BoolVar(&literal, "partial-revokes", false, "for a MySQL with partial_revokes on, as Aurora MySQL 3 always has")
	command.Flags().StringVar(&format, "format", "sql", "sql, goose, migrate-up, migrate-down or json")
	return command
}

var planFormats = map[string]func(streams Streams, up, down *provision.Plan) error{
	"sql": func(streams Streams, up, _ *provision.Plan) error { return printPlan(streams, up) },
	"goose": func(streams Streams, up, down *provision.Plan) error {
		printWarnings(streams, up)
		_, err := fmt.Fprint(streams.Out, provision.GooseFile(up, down))
		return err
	},
	"migrate-up": func(streams Streams, up, _ *provision.Plan) error {
		printWarnings(streams, up)
		_, err := fmt.Fprint(streams.Out, up.Migration())
		return err
	},
	"migrate-down": func(streams Streams, _, down *provision.Plan) error {
		printWarnings(streams, down)
		_, err := fmt.Fprint(streams.Out, down.Migration())
		return err
	},
	"json": func(streams Streams, up, _ *provision.Plan) error { return writeJSON(streams.Out, planJSON(up)) },
}

type statementJSON struct {
	Kind    provision.StatementKind `json:"kind"`
	Summary string                  `json:"summary"`
	SQL     string                  `json:"sql"`
	Literal string                  `json:"literal,omitempty"`
}

func planJSON(plan *provision.Plan) any {
	statements := make([]statementJSON, len(plan.Statements))
	for i, statement := range plan.Statements {
		statements[i] = statementJSON{statement.Kind, statement.Summary, statement.SQL, statement.Literal}
	}
	return struct {
		Engine     string          `json:"engine"`
		Account    string          `json:"account"`
		Warnings   []string        `json:"warnings"`
		Statements []statementJSON `json:"statements"`
	}{plan.Engine.String(), plan.Account, append([]string{}, plan.Warnings...), statements}
}
