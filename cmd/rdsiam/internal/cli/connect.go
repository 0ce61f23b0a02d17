package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

func newConnect() *cobra.Command {
	var at target
	var database, program string
	command := &cobra.Command{
		Use:   "connect ENDPOINT --user USER [flags] [-- CLIENT ARGUMENTS]",
		Short: "Run psql, pgcli, mysql, mariadb or mycli, logged in",
		Long: `Run psql, pgcli, mysql, mariadb or mycli, logged in with a token.

The client verifies the certificate of the server, with the authorities that the
endpoint needs. The token reaches it through its environment, never through its
arguments. rdsiam becomes the client: signals and exit code are the client's.

A client that reconnects after 15 minutes has no fresh token; rdsiam proxy has.`,
		Example: `  rdsiam connect prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app
  rdsiam connect prod.cluster-abc123.eu-west-1.rds.amazonaws.com:3306 \
    --user app --db app -- -e 'show tables'
  rdsiam connect prod.abc123.eu-west-1.rds.amazonaws.com --engine postgresql \
    --user app --dial localhost:15432`,
		Args: func(command *cobra.Command, args []string) error {
			return notStarted(beforeDash(command, args, "ENDPOINT; what is for the client comes after --"))
		},
		RunE: func(command *cobra.Command, args []string) error {
			login, err := at.prepareClient(command.Context(), args[0], database)
			if err != nil {
				return notStarted(err)
			}
			path, arguments, environment, err := login.command(program, args[1:])
			if err != nil {
				return notStarted(err)
			}
			return runClient(path, arguments, environment)
		},
	}
	at.addTo(command)
	command.Flags().StringVarP(&database, "db", "d", "", "database to connect to (default: the client's)")
	command.Flags().StringVar(&program, "client", "", "client to run: its name or path (default: the first that is installed)")
	return command
}

// families are the clients for each engine.
var families = map[engine][]client.Family{postgreSQL: client.ForPostgreSQL, mySQL: client.ForMySQL, mariaDB: client.ForMariaDB}

// command returns how to run a client, named or the first that is installed.
func (l *clientLogin) command(named string, callers []string) (path string, arguments []string, environment client.Environment, err error) {
	program, err := client.Find(named, families[l.engine])
	if err != nil {
		return "", nil, environment, programError(err)
	}
	arguments, err = program.Arguments(l.Login, callers)
	if errors.Is(err, client.ErrAddress) {
		return "", nil, environment, usagef("%w: run rdsiam proxy with --dial, and the client with that", err)
	}
	if err != nil {
		return "", nil, environment, usageError{err}
	}
	environment, err = l.environment()
	return program.Path, arguments, environment, err
}

// beforeDash wants one argument, and whatever follows "--".
func beforeDash(command *cobra.Command, args []string, names string) error {
	mine := args
	if dash := command.ArgsLenAtDash(); dash >= 0 {
		mine = args[:dash]
	}
	return between(1, 1, names)(command, mine)
}
