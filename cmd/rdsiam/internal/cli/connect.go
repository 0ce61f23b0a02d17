package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

func newConnect(streams Streams) *cobra.Command {
	var flags clientFlags
	var program string
	command := &cobra.Command{
		Use:   "connect ENDPOINT --user USER [flags] [-- CLIENT ARGUMENTS]",
		Short: "Run psql, pgcli, mysql, mariadb or mycli, logged in",
		Long: `Run psql, pgcli, mysql, mariadb, mycli or one of their relatives (pg_dump,
pgbench, mysqldump, ...), logged in with a token.

The client connects to a proxy of its own on a unix socket, which logs each
connection in with a token and verified TLS. The client never has the token, so
its arguments and option files are yours. rdsiam becomes the client: signals,
terminal and exit code are the client's, and the proxy ends with it.`,
		Example: `  rdsiam connect prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app
  rdsiam connect prod.cluster-abc123.eu-west-1.rds.amazonaws.com:3306 \
    --user app --db app -- -e 'show tables'
  rdsiam connect prod.abc123.eu-west-1.rds.amazonaws.com --engine postgresql \
    --user app --dial localhost:15432 --client pg_dump -- --schema-only`,
		Args: cobra.ArbitraryArgs, // RunE looks at them, whose errors have codes of their own
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, arguments, err := flags.endpoint.requireBefore(command, args)
			if err != nil {
				return notStarted(err)
			}
			engine, err := flags.engine(endpoint)
			if err != nil {
				return notStarted(err)
			}
			found, err := client.Find(program, clients[engine])
			if err != nil {
				return notStarted(programError(err))
			}
			return flags.run(command.Context(), streams, engine, endpoint, func(login client.Login) (clientCall, error) {
				arguments, err := found.Arguments(login, arguments)
				if errors.Is(err, client.ErrNoDatabase) {
					err = usagef("--db: %w", err)
				}
				return clientCall{found.Path, arguments, environmentOf(engine, login)}, err
			})
		},
	}
	flags.addTo(command)
	command.Flags().StringVar(&program, "client", "", "client to run: its name or path (default: the first that is installed)")
	return command
}

// clients are the names of clients for each engine.
var clients = map[engine][]string{postgreSQL: client.ForPostgreSQL, mySQL: client.ForMySQL, mariaDB: client.ForMariaDB}
