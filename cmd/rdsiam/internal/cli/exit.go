package cli

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
)

// The exit codes. They are part of the interface: scripts branch on them.
const (
	exitDone     = 0
	exitFailed   = 1 // anything that has no code of its own: network, files, a server's error
	exitUsage    = 2 // flags, arguments, endpoint, settings: the same call fails again
	exitAWS      = 3 // no credentials, or AWS refused a call
	exitRefused  = 4 // the database refused the login
	exitFindings = 5 // a check ran and found something wrong
	exitAbsent   = 6 // there was no account to drop

	// connect and exec pass the exit code of the program that they run on. Their own
	// failures have the codes of env(1), which few programs use.
	exitNotStarted = 125 // rdsiam failed before it ran the program
	exitNotRunning = 126 // the program was found and could not be run
	exitNotFound   = 127 // no such program

	exitInterrupted = 130 // by a signal while waiting for credentials; as shells have it for Ctrl-C
)

func newExitCodes(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes:

    0  done
    1  failed: network, files, an error of the server
    2  flags, arguments, endpoint or settings are wrong; a repetition fails too
    3  no AWS credentials, or AWS refused a call
    4  the database refused the login
    5  a check found something: policy lint, provision check, doctor, and
       token --describe of a token on standard input
    6  there was no account to drop: provision drop

connect and exec pass on the exit code of the program they run, 128 and the
number of the signal where one ended it, and for their own failures:

  125  rdsiam failed before it ran the program
  126  the program could not be run
  127  there is no such program

  130  a signal ended the command while it waited for credentials`,
		Args: between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(streams.Out, command.Long)
			return err
		},
	}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitStatus ends the program with a code. Without an error nothing more is printed:
// the command has said what there is to say.
type exitStatus struct {
	code int
	err  error
}

func (e exitStatus) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exitStatus) Unwrap() error { return e.err }

// exitCode returns the code for an error of a command.
func exitCode(err error) int {
	var (
		status      exitStatus
		usage       usageError
		config      *rdsiam.ConfigError
		credentials *rdsiam.CredentialsError
		login       *rdsiam.LoginError
		api         smithy.APIError
		operation   *smithy.OperationError
	)
	switch {
	case errors.As(err, &status):
		return status.code
	case errors.As(err, &usage), errors.As(err, &config):
		return exitUsage
	case errors.As(err, &credentials), errors.As(err, &api), errors.As(err, &operation):
		return exitAWS
	case errors.As(err, &login) && login.Refused:
		return exitRefused
	}
	return exitFailed
}
