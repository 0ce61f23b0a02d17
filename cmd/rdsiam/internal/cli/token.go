package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
)

func newToken(streams Streams) *cobra.Command {
	var at target
	var endpoint string
	command := &cobra.Command{
		Use:   "token --endpoint HOST[:PORT] --user USER",
		Short: "Print a token to log in with",
		Long: `Print a token, which takes the place of a password for the next 15 minutes, or
for as long as the credentials that sign it live.

A token is sent in clear text inside of TLS: use it only with clients that
verify the certificate of the server.`,
		Example: `  rdsiam token --endpoint prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app
  PGPASSWORD="$(rdsiam token --endpoint $HOST:5432 --user app)" psql "host=$HOST user=app dbname=app sslmode=verify-full sslrootcert=rds.pem"`,
		Args: between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			if endpoint == "" {
				return usagef("--endpoint is missing: the host and port of the database")
			}
			if err := at.requireUser(); err != nil {
				return err
			}
			database, err := at.resolve(endpoint)
			if err != nil {
				return err
			}
			aws, err := loadAWS(command.Context(), at.profile, "")
			if err != nil {
				return err
			}
			token, err := database.Token(command.Context(), rdsiam.NewTokenSource(aws.Credentials))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(streams.Out, token.Reveal())
			return err
		},
	}
	at.addTo(command)
	command.Flags().StringVar(&endpoint, "endpoint", "", "host or host:port of the database")
	return command
}
