package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newToken(streams Streams) *cobra.Command {
	var (
		at       target
		endpoint endpointArgument
		describe bool
		output   outputFormat
	)
	command := &cobra.Command{
		Use:   "token ENDPOINT --user USER",
		Short: "Print a token to log in with, or tell what is inside one",
		Long: `Print a token, which takes the place of a password for the next 15 minutes, or
for as long as the credentials that sign it live. Nothing but the token goes to
standard output. AWS is not asked: a token for a wrong user, or from an
identity that may not log in, is made all the same, and refused by the server.

A token is sent in clear text inside of TLS: use it only with clients that
verify the certificate of the server.

With --describe the token is not printed, but what it says: for which endpoint
and user, whose key signed it, until when it is good, and what is wrong with
it. Without ENDPOINT and --user it reads the token from standard input, and
ends with code 5 if a server would refuse it. Signature and session token
are never shown; that the signature is right can only be told with the secret
key.`,
		Example: `  rdsiam token prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app
  rdsiam token $HOST:5432 --user app --describe
  echo "$PGPASSWORD" | rdsiam token --describe
  PGPASSWORD="$(rdsiam token $HOST:5432 --user app)" \
    psql "host=$HOST user=app sslmode=verify-full sslrootcert=rds.pem"`,
		Args: between(0, 1, "one ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, err := endpoint.find(args)
			if err != nil {
				return err
			}
			switch {
			case describe && endpoint == "" && at.user == "":
				return describeInput(command.Context(), streams, output)
			case !describe && command.Flags().Changed("output"):
				return usagef("--output is for --describe; a token is always printed as it is")
			case endpoint == "":
				return usagef("ENDPOINT is missing: the host and port of the database, as argument or with --endpoint")
			}
			if err := at.requireUser(endpoint); err != nil {
				return err
			}
			database, err := at.resolve(command.Context(), endpoint)
			if err != nil {
				return err
			}
			aws, err := loadAWS(command.Context(), at.profile, "")
			if err != nil {
				return err
			}
			token, err := database.Token(command.Context(), tokensOf(aws))
			if err != nil {
				return err
			}
			if describe {
				return describeToken(streams.Out, token, time.Now(), output)
			}
			_, err = fmt.Fprintln(streams.Out, token.Reveal())
			return err
		},
	}
	at.addTo(command)
	endpoint.addTo(command)
	command.Flags().BoolVar(&describe, "describe", false, "tell what is inside the token, or one on standard input, in place of it")
	output.addTo(command)
	return command
}
