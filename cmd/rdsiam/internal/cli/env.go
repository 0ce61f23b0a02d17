package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

func newEnv(streams Streams) *cobra.Command {
	var at target
	var database string
	var output outputFormat
	command := &cobra.Command{
		Use:   "env ENDPOINT --user USER [--db DATABASE]",
		Short: "Print the environment to log in with, for a shell",
		Long: `Print the variables that the clients and drivers of the database read, as
commands for a POSIX shell. The token is among them: it is good for 15 minutes,
and everything that is started from the shell can read it. Where one program
needs it, rdsiam exec hands it to that alone.`,
		Example: `  eval "$(rdsiam env prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app)"
  rdsiam env prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app --db app \
    --output json`,
		Args: between(1, 1, "ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			login, err := at.prepareClient(command.Context(), args[0], database)
			if err != nil {
				return err
			}
			environment, err := login.wholeEnvironment()
			if err != nil {
				return err
			}
			if output == outputJSON {
				return writeJSON(streams.Out, environmentJSON(environment, login.token.Expires()))
			}
			_, err = fmt.Fprint(streams.Out, shellCommands(environment, login.token.Expires()))
			return err
		},
	}
	at.addTo(command)
	output.addTo(command)
	command.Flags().StringVarP(&database, "db", "d", "", "database to connect to (PostgreSQL only)")
	return command
}

func environmentJSON(e client.Environment, expires time.Time) any {
	set := make(map[string]string)
	for _, variable := range e.Set {
		set[variable.Name] = variable.Value
	}
	return struct {
		Environment map[string]string `json:"environment"`
		Unset       []string          `json:"unset"`
		Expires     time.Time         `json:"expires"`
	}{set, e.Unset, expires.UTC()}
}

func shellCommands(e client.Environment, expires time.Time) string {
	var text strings.Builder
	for _, variable := range e.Set {
		fmt.Fprintf(&text, "export %s=%s\n", variable.Name, shellQuote(variable.Value))
	}
	if len(e.Unset) > 0 {
		fmt.Fprintf(&text, "unset %s\n", strings.Join(e.Unset, " "))
	}
	fmt.Fprintf(&text, "# The token is good until %s.\n", expires.UTC().Format(time.RFC3339))
	return text.String()
}

// shellQuote quotes text for a POSIX shell: nothing means anything between single quotes.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
