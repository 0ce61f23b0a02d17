// Package cli is the command line: one file for each command, and what they share.
//
// A command reads its flags, asks the library or a package beside this one, and prints.
// Results go to standard output, everything said to a person to standard error. No
// command but token prints a token.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// Streams is where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs the command line args, without the name of the program, until it is done or ctx
// is canceled, and returns the exit code.
func Run(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	executed, err := root, refusePasswords(args)
	if err == nil {
		executed, err = root.ExecuteContextC(ctx)
	}
	if err == nil {
		return exitDone
	}
	if interrupted(ctx, err) {
		fmt.Fprintln(streams.Err, "rdsiam: interrupted")
		return exitInterrupted
	}
	var status exitStatus
	if !errors.As(err, &status) || status.err != nil {
		fmt.Fprintln(streams.Err, "rdsiam: "+errortext.Of(err))
		printLogin(streams.Err, executed, err)
	}
	return exitCode(err)
}

// printLogin prints the command that logs in to AWS again, if that is what is missing.
func printLogin(out io.Writer, executed *cobra.Command, err error) {
	command := rdsapi.LoginCommand(err)
	if command == "" {
		return
	}
	if profile := executed.Flags().Lookup("profile"); profile != nil && profile.Value.String() != "" {
		command += " --profile " + shellQuote(profile.Value.String())
	}
	fmt.Fprintln(out, "  "+command)
}

// interrupted reports whether the command was waiting for credentials when ctx ended, for
// which the library's error would blame their service.
func interrupted(ctx context.Context, err error) bool {
	var credentials *rdsiam.CredentialsError
	return ctx.Err() != nil && errors.As(err, &credentials)
}

func newRoot(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "rdsiam",
		Short: "Log in to Amazon RDS and Aurora with an AWS identity",
		Long: `Log in to Amazon RDS and Aurora with an AWS identity instead of a password,
set up the account and the policy for it, and find out why a login fails.

AWS credentials are those of the AWS CLI and SDKs: environment, profiles, SSO,
roles. The region of a database is read from its host name.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetVersionTemplate("{{.DisplayName}} {{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, command.CommandPath())}
	})
	root.AddCommand(
		newToken(streams),
		newPolicy(streams),
		newStatus(streams),
		newEnable(streams),
		newConnect(streams),
		newExec(streams),
		newLocal(streams),
		newDoctor(streams),
		newProvision(streams),
		newProxy(streams),
		newCompletion(streams),
		newExitCodes(streams),
		newVersion(streams),
	)
	root.SetHelpCommand(newHelp())
	addAgent(root, streams)
	addCompletions(root)
	return group(root)
}

// newHelp is cobra's own, to which an unknown name is a mistake.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		ValidArgsFunction: func(command *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if of, _, err := command.Root().Find(args); err == nil {
				for _, sub := range of.Commands() {
					names = append(names, sub.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, args []string) error {
			of, rest, err := command.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q; see %s --help", strings.Join(args, " "), command.Root().Name())
			}
			return of.Help()
		},
	}
}

// group makes a command of commands: alone it prints its help, and an unknown name is
// an error that says which was meant.
func group(command *cobra.Command) *cobra.Command {
	command.Args = knownSubcommand
	command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	return command
}

// knownSubcommand accepts no arguments: cobra has taken away the name of a subcommand, so
// that what is left is a name that nobody knows.
func knownSubcommand(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	command.SuggestionsMinimumDistance = 2
	meant := ""
	if names := command.SuggestionsFor(args[0]); len(names) > 0 {
		meant = "; did you mean " + strings.Join(names, " or ") + "?"
	}
	return usagef("%s has no command %q%s; see %s --help", command.CommandPath(), args[0], meant, command.CommandPath())
}

// between accepts from min to max arguments. Cobra's own would not be usage errors.
func between(min, max int, names string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		switch {
		case len(args) < min:
			return usagef("%s needs %s; see %s --help", command.CommandPath(), names, command.CommandPath())
		case len(args) > max:
			return usagef("%s takes %s, and not %q; see %s --help", command.CommandPath(), cmp.Or(names, "no arguments"), args[max], command.CommandPath())
		}
		return nil
	}
}
