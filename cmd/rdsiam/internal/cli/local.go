package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/boundedlog"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/local"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// localFlags are those of rdsiam local.
type localFlags struct {
	postgres, mysql         string // DSNs of servers behind
	postgresPort, mysqlPort uint16
	users, policies         []string
	region                  string
	output                  outputFormat
}

func newLocal(streams Streams) *cobra.Command {
	var flags localFlags
	command := &cobra.Command{
		Use:   "local [--postgres DSN] [--mysql DSN] [flags] [-- PROGRAM [ARGUMENTS]]",
		Short: "Run databases on this machine that log in as RDS does",
		Long: `Run databases on this machine that take tokens in place of passwords and check
them as RDS does: signature, host, port, region, user, age, credentials, policy.
No AWS account is needed. For tests and development in any language.

With --postgres or --mysql, each session whose login was accepted is handed to
that server, as the user of its DSN (without one, as the user of the session).
With neither, both kinds answer SELECT 1, current_user and the like by
themselves.

On standard output come the variables to export: an AWS identity that exists
here only, the file of the certificate authority, and the databases. Then rdsiam
serves until it gets SIGINT or SIGTERM. With a PROGRAM it runs that with the
variables set, and ends with it and its exit code; nothing is printed then.

Programs dial and sign RDSIAM_POSTGRES_HOST and PORT, in RDSIAM_USER's name.
rdsiam and its library, which sign no local names, take RDSIAM_POSTGRES_ENDPOINT
and dial RDSIAM_POSTGRES_DIAL. The same with RDSIAM_MYSQL_. In a Go program:

  rdspgx.ParseDSN(os.Getenv("RDSIAM_POSTGRES_URL"),
    rdsiam.WithEndpoint(os.Getenv("RDSIAM_POSTGRES_ENDPOINT")))

When rdsiam is killed hard, the program gets SIGTERM on Linux, and the next
rdsiam local removes what was left.

Each login is told on standard error, with the reason where it was refused; RDS
never tells it. Nothing listens but on 127.0.0.1.`,
		Example: `  rdsiam local -- npm test
  rdsiam local --postgres postgres://postgres:secret@localhost/dev --user app

  # in one terminal
  rdsiam local --postgres-port 15432 > local.sh
  # in another
  . ./local.sh
  rdsiam connect $RDSIAM_POSTGRES_ENDPOINT --dial $RDSIAM_POSTGRES_DIAL \
      --root-cas $RDSIAM_ROOT_CAS --user app --db postgres`,
		Args: func(command *cobra.Command, args []string) error {
			if command.ArgsLenAtDash() > 0 || len(args) > 0 && command.ArgsLenAtDash() < 0 {
				return usagef("%q is no flag of %s; write a program after --", args[0], command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, program []string) error {
			log := boundedlog.New(func(line string) { fmt.Fprintln(streams.Err, line) })
			defer log.Close()
			server, environment, err := flags.start(command.Context(), streams, log)
			if err != nil {
				if len(program) > 0 {
					return notStarted(err)
				}
				return err
			}
			defer server.Close()
			if len(program) > 0 {
				return runWith(command.Context(), streams, environment, program)
			}
			return flags.serve(command.Context(), streams, environment)
		},
	}
	set := command.Flags()
	set.StringVar(&flags.postgres, "postgres", "", "DSN of the PostgreSQL server behind (default $RDSIAM_LOCAL_POSTGRES)")
	set.StringVar(&flags.mysql, "mysql", "", "DSN or mysql:// URL of the MySQL or MariaDB server behind (default $RDSIAM_LOCAL_MYSQL)")
	set.Uint16Var(&flags.postgresPort, "postgres-port", 0, "port to listen on for PostgreSQL (default a free one)")
	set.Uint16Var(&flags.mysqlPort, "mysql-port", 0, "port to listen on for MySQL (default a free one)")
	set.StringArrayVarP(&flags.users, "user", "u", []string{"app"}, "database user that logs in with a token; may be repeated")
	set.StringArrayVar(&flags.policies, "policy", nil, "file with the IAM policy of the identity, in place of one that allows every --user; may be repeated")
	set.StringVar(&flags.region, "region", "us-east-1", "AWS region that tokens are signed for")
	flags.output.addTo(command)
	return command
}

func (f *localFlags) start(ctx context.Context, streams Streams, log *boundedlog.Log) (*local.Server, client.Environment, error) {
	options, err := f.options(ctx, streams, log)
	if err != nil {
		return nil, client.Environment{}, localError(err)
	}
	server, err := local.Start(options)
	if err != nil {
		return nil, client.Environment{}, localError(err)
	}
	environment, err := server.Environment()
	if err != nil {
		server.Close()
	}
	return server, environment, err
}

func localError(err error) error {
	if errors.As(err, new(*local.SettingsError)) {
		return usageError{err}
	}
	return err
}

// serve prints the environment and waits for ctx.
func (f *localFlags) serve(ctx context.Context, streams Streams, environment client.Environment) error {
	// A reader that has gone is an error and not the end: there are files to remove.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)
	if err := f.print(streams, environment); err != nil {
		return err
	}
	fmt.Fprintln(streams.Err, "rdsiam: serving until SIGINT (Ctrl-C) or SIGTERM")
	<-ctx.Done()
	return nil
}

func (f *localFlags) options(ctx context.Context, streams Streams, log *boundedlog.Log) (local.Options, error) {
	o := local.Options{Users: f.users, Region: f.region, LoggedIn: logInPrinter(log)}
	for _, name := range f.policies {
		text, err := readFile(ctx, "--policy", name)
		if err != nil {
			return o, err
		}
		if _, err := rdsiam.ParsePolicy(string(text)); err != nil {
			return o, usageError{fmt.Errorf("--policy %s: %w", name, err)}
		}
		o.Policies = append(o.Policies, string(text))
	}
	f.postgres, f.mysql = f.dsn(streams, "postgres", f.postgres), f.dsn(streams, "mysql", f.mysql)
	var err error
	if o.PostgreSQL, err = f.database(ctx, f.postgres, f.postgresPort, local.ConnectPostgreSQL); err != nil {
		return o, err
	}
	o.MySQL, err = f.database(ctx, f.mysql, f.mysqlPort, local.ConnectMySQL)
	return o, err
}

// dsn is that of the flag or else of the variable, and says what a flag shows to others.
func (f *localFlags) dsn(streams Streams, flag, given string) string {
	variable := "RDSIAM_LOCAL_" + strings.ToUpper(flag)
	if given == "" {
		return os.Getenv(variable)
	}
	if passwordInDSN.MatchString(given) {
		fmt.Fprintf(streams.Err, "note: every user of this machine can read the password in --%s; $%s takes the DSN as well\n", flag, variable)
	}
	return given
}

// database is nil for a kind that is not wanted: one without a DSN where the other has one.
func (f *localFlags) database(ctx context.Context, dsn string, port uint16, connect func(context.Context, string, string) (*local.Upstream, error)) (*local.Database, error) {
	if dsn == "" {
		if f.postgres != "" || f.mysql != "" {
			return nil, nil
		}
		return &local.Database{Port: port}, nil
	}
	upstream, err := connect(ctx, dsn, f.users[0])
	if err != nil {
		return nil, err
	}
	return &local.Database{Port: port, Upstream: upstream}, nil
}

func (f *localFlags) print(streams Streams, environment client.Environment) error {
	if f.output == outputJSON {
		return writeJSON(streams.Out, localJSON(environment))
	}
	var text strings.Builder
	for _, variable := range environment.Set {
		fmt.Fprintf(&text, "export %s=%s\n", variable.Name, shellQuote(variable.Value))
	}
	fmt.Fprintf(&text, "unset %s\n", strings.Join(environment.Unset, " "))
	_, err := fmt.Fprint(streams.Out, text.String())
	return err
}

func localJSON(e client.Environment) any {
	set := make(map[string]string)
	for _, variable := range e.Set {
		set[variable.Name] = variable.Value
	}
	return struct {
		Environment map[string]string `json:"environment"`
		Unset       []string          `json:"unset"`
	}{set, e.Unset}
}

// logInPrinter prints logins, one to a line, and leaves some out where one reason floods.
func logInPrinter(log *boundedlog.Log) func(string, rdsiamtest.Login) {
	return func(engine string, try rdsiamtest.Login) {
		said := "accepted"
		if !try.Accepted {
			said = "refused: " + string(try.Reason)
			if try.Detail != "" {
				said += ": " + try.Detail
			}
		}
		log.Line(string(try.Reason), fmt.Sprintf("%s %s: %q %s", try.Time.Format(time.TimeOnly), engine, try.User, said))
	}
}

// runWith runs a program in an environment until it ends. When ctx is canceled it is
// asked to end.
func runWith(ctx context.Context, streams Streams, environment client.Environment, program []string) error {
	command := exec.CommandContext(ctx, program[0], program[1:]...)
	command.Env = environment.Apply(os.Environ())
	command.Stdin, command.Stdout, command.Stderr = streams.In, streams.Out, streams.Err
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	bind(command)
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exitStatus{programExit(exit.ProcessState), nil}
	case command.ProcessState != nil: // it was asked to end, and ended as if it had not been
		return nil
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return exitStatus{exitNotFound, err}
	}
	return exitStatus{exitNotRunning, fmt.Errorf("cannot run %s: %w", program[0], err)}
}

// programExit is the exit code to pass on, as a shell has it.
func programExit(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// shellQuote quotes text for a POSIX shell: nothing means anything between single quotes.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
