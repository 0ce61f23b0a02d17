package cli

import (
	"os/exec"

	"github.com/spf13/cobra"
)

func newExec() *cobra.Command {
	var at target
	var database string
	command := &cobra.Command{
		Use:   "exec ENDPOINT --user USER [flags] -- PROGRAM [ARGUMENTS]",
		Short: "Run a program with a token in its environment",
		Long: `Run a program with a token in its environment, as the variables that the clients
and drivers of the database read; rdsiam env shows them.

psql, pg_dump and all that is built on libpq verify the server and send the
token to no other. The clients of MySQL and MariaDB do so as long as no argument
tells them otherwise; a ~/.my.cnf that does is refused. Programs that read other
variables log in as they are told: look whether they verify the certificate of
the server.`,
		Example: `  rdsiam exec prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app --db app \
    -- pg_dump --schema-only
  rdsiam exec prod.abc123.eu-west-1.rds.amazonaws.com:3306 --user app \
    -- mysqldump --no-data app`,
		Args: func(command *cobra.Command, args []string) error {
			return notStarted(programAfterDash(command, args))
		},
		RunE: func(command *cobra.Command, args []string) error {
			path, err := exec.LookPath(args[1])
			if err != nil {
				return notStarted(programError(err))
			}
			login, err := at.prepareClient(command.Context(), args[0], database)
			if err != nil {
				return notStarted(err)
			}
			environment, err := login.wholeEnvironment()
			if err != nil {
				return notStarted(err)
			}
			return runClient(path, args[2:], environment)
		},
	}
	at.addTo(command)
	command.Flags().StringVarP(&database, "db", "d", "", "database to connect to (PostgreSQL only)")
	return command
}

func programAfterDash(command *cobra.Command, args []string) error {
	if err := beforeDash(command, args, "ENDPOINT; the program comes after --"); err != nil {
		return err
	}
	if len(args) < 2 {
		return usagef("%s needs a program to run after --; see %s --help", command.CommandPath(), command.CommandPath())
	}
	return nil
}
