package cli

import (
	"os/exec"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

func newExec(streams Streams) *cobra.Command {
	var flags clientFlags
	var url string
	command := &cobra.Command{
		Use:   "exec ENDPOINT --user USER [flags] -- PROGRAM [ARGUMENTS]",
		Short: "Run a program that is led to the database by its environment",
		Long: `Run a program with a proxy of its own, which logs each connection in with a
token and verified TLS. The variables that libpq and the clients of MySQL and
MariaDB read lead to the proxy: a unix socket, or with --tcp a port of 127.0.0.1
and a random password. The program never has the token. rdsiam becomes the
program: signals, terminal and exit code are the program's, and the proxy ends
with it. A program that goes on in the background after it loses the proxy.

--url sets a variable to a URL with the address and the password of --tcp, for
programs that read one. MySQL's clients read ~/.my.cnf last; where a setting
there breaks the login, use rdsiam connect --client.`,
		Example: `  rdsiam exec prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app --db app \
    -- psql -c 'select 1'
  rdsiam exec prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app --db app \
    --url DATABASE_URL -- npm start`,
		Args: cobra.ArbitraryArgs, // RunE looks at them, whose errors have codes of their own
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, program, err := flags.endpoint.requireBefore(command, args)
			if err == nil && len(program) == 0 {
				err = usagef("%s needs a program to run after --; see %s --help", command.CommandPath(), command.CommandPath())
			}
			if err != nil {
				return notStarted(err)
			}
			if url != "" && !variableName.MatchString(url) {
				return notStarted(usagef("--url %q is no name of a variable; write one such as DATABASE_URL", url))
			}
			path, err := exec.LookPath(program[0])
			if err != nil {
				return notStarted(programError(err))
			}
			engine, err := flags.engine(endpoint)
			if err != nil {
				return notStarted(err)
			}
			flags.tcp = flags.tcp || url != ""
			return flags.run(command.Context(), streams, engine, endpoint, func(login client.Login) (clientCall, error) {
				environment := environmentOf(engine, login)
				if url != "" {
					environment.Set = append(environment.Set, client.Variable{Name: url, Value: urlOf(engine, login)})
				}
				return clientCall{path, program[1:], environment}, nil
			})
		},
	}
	flags.addTo(command)
	command.Flags().StringVar(&url, "url", "", "variable to set to the URL of the database; implies --tcp")
	return command
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
