package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
)

type doctorFlags struct {
	at       target
	endpoint endpointArgument
	database string
	policy   string
	resource string
	offline  bool
	output   outputFormat
}

func newDoctor(streams Streams) *cobra.Command {
	var flags doctorFlags
	command := &cobra.Command{
		Use:   "doctor ENDPOINT --user USER",
		Short: "Find out why a login fails",
		Long: `Find out why a login fails, step by step: name, network, TLS, credentials and
whose they are, clock, region, resource id, policy, token, the login itself,
and then from the inside how the account comes to log in. What fails ends with
what fixes it, most often a command or statement; words in capitals in it are
yours to replace.

Nothing is changed. AWS is asked sts:GetCallerIdentity and rds:Describe…; what
it does not allow is skipped, and with --offline it is not asked at all. No
token is printed, and one is sent only to a server whose certificate was
verified.

The exit code is 5 if a check failed, and 0 if there are only warnings.`,
		Example: `  rdsiam doctor prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app
  rdsiam doctor prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app \
    --policy policy.json --output json
  rdsiam doctor prod.cluster-abc123.eu-west-1.rds.amazonaws.com:3306 \
    --user app --dial localhost:13306`,
		Args: between(0, 1, "one ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, err := flags.endpoint.require(command, args)
			if err != nil {
				return err
			}
			examined, err := flags.examine(command.Context(), endpoint)
			if err != nil {
				return err
			}
			return flags.run(command.Context(), streams, examined)
		},
	}
	flags.at.addTo(command)
	flags.endpoint.addTo(command)
	flags.output.addTo(command)
	set := command.Flags()
	set.StringVarP(&flags.database, "db", "d", "", "database to log in to (default: postgres, or none in MySQL)")
	set.StringVar(&flags.policy, "policy", "", "file with the IAM policy of the identity, to evaluate")
	set.StringVar(&flags.resource, "resource", "", "resource id that policies name, where the API cannot be asked")
	set.BoolVar(&flags.offline, "offline", false, "make no call to AWS")
	return command
}

// examine turns the flags into a case. What is wrong with ENDPOINT itself is for the doctor
// to find.
func (f *doctorFlags) examine(ctx context.Context, endpoint string) (doctor.Case, error) {
	if err := f.at.requireUser(endpoint); err != nil {
		return doctor.Case{}, err
	}
	port, err := f.at.defaultPort(endpoint)
	if err != nil {
		return doctor.Case{}, err
	}
	engine, err := f.at.engineOf(port)
	if err != nil {
		return doctor.Case{}, err
	}
	c := doctor.Case{
		Endpoint: endpoint, DefaultPort: port, Dial: f.at.dial, Engine: doctor.PostgreSQL, User: f.at.user, Database: f.database,
		Region: f.at.region, RootCAsFile: f.at.rootCAs, PolicyFile: f.policy, ResourceID: f.resource,
		Profile: f.at.profile, Offline: f.offline,
		AWS: func(ctx context.Context) (aws.Config, error) { return loadAWS(ctx, f.at.profile, "") },
	}
	if engine != postgreSQL {
		c.Engine = doctor.MySQL
	}
	if isOfLocal(endpoint) {
		c.Local = &doctor.Local{RootCAsFile: os.Getenv("RDSIAM_ROOT_CAS")}
	}
	if f.at.rootCAs != "" {
		if _, c.RootCAs, err = readRootCAsPEM(ctx, f.at.rootCAs); err != nil {
			return doctor.Case{}, err
		}
	}
	if f.policy != "" {
		text, err := readFile(ctx, "--policy", f.policy)
		if err != nil {
			return doctor.Case{}, err
		}
		if c.Policy, err = rdsiam.ParsePolicy(string(text)); err != nil {
			return doctor.Case{}, usageError{fmt.Errorf("--policy %s: %w", f.policy, err)}
		}
	}
	return c, nil
}

// isOfLocal reports whether rdsiam local set the variables of this endpoint.
func isOfLocal(endpoint string) bool {
	for _, variable := range []string{"RDSIAM_POSTGRES_ENDPOINT", "RDSIAM_MYSQL_ENDPOINT"} {
		if local := os.Getenv(variable); local != "" && strings.EqualFold(endpoint, local) {
			return true
		}
	}
	return false
}

func (f *doctorFlags) run(ctx context.Context, streams Streams, c doctor.Case) error {
	out := &rememberingWriter{Writer: streams.Out}
	printer := doctor.Printer{Out: out, Color: isTerminal(streams.Out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	var report doctor.Report
	if f.output == outputJSON {
		report = doctor.Examine(ctx, c, nil)
	} else {
		report = doctor.Examine(ctx, c, printer.Print)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	if f.output == outputJSON {
		if err := writeJSON(streams.Out, report); err != nil {
			return err
		}
	} else {
		printer.Summary(report)
	}
	if out.err != nil {
		return out.err
	}
	if report.Failed > 0 {
		return exitStatus{code: exitFindings}
	}
	return nil
}

// rememberingWriter keeps the first error, for those who write and do not look.
type rememberingWriter struct {
	io.Writer
	err error
}

func (w *rememberingWriter) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	if w.err == nil {
		w.err = err
	}
	return n, err
}
