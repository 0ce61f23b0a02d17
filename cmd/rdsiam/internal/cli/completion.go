package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shells are those that completions can be made for.
var shells = map[string]func(root *cobra.Command, out io.Writer) error{
	"bash":       func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) },
	"zsh":        func(root *cobra.Command, out io.Writer) error { return root.GenZshCompletion(out) },
	"fish":       func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) },
	"powershell": func(root *cobra.Command, out io.Writer) error { return root.GenPowerShellCompletionWithDesc(out) },
}

func newCompletion(streams Streams) *cobra.Command {
	names := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print what makes a shell complete the commands",
		Long: `Print a script for a shell, with which it completes commands, flags, their
values, and the profiles of the AWS configuration. bash needs the package
bash-completion, version 2.`,
		Example: `  # bash, zsh: now
  source <(rdsiam completion bash)

  # bash: from the next shell on
  rdsiam completion bash > ~/.local/share/bash-completion/completions/rdsiam

  # zsh: into any directory of $fpath
  rdsiam completion zsh > "${fpath[1]}/_rdsiam"

  # fish
  rdsiam completion fish > ~/.config/fish/completions/rdsiam.fish

  # PowerShell
  rdsiam completion powershell | Out-String | Invoke-Expression`,
		Args: between(1, 1, "the name of a shell: bash, zsh, fish or powershell"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, args []string) error {
			write, ok := shells[args[0]]
			if !ok {
				return usagef("there are no completions for %q; the shells are %s", args[0], strings.Join(names, ", "))
			}
			return write(command.Root(), streams.Out)
		},
	}
}

// enumeration are the values of a flag that has few. Where commands differ, it is that of
// the command with this path.
type enumeration struct {
	command, flag string
	values        []string
}

var enumerations = []enumeration{
	{"", "engine", []string{string(postgreSQL), string(mySQL), string(mariaDB)}},
	{"", "reach", []string{"direct", "proxy-end-to-end", "proxy-standard"}},
	{"rdsiam policy", "format", []string{"json", "terraform"}},
	{"rdsiam provision plan", "format", []string{"sql", "goose", "migrate-up", "migrate-down", "json"}},
}

var (
	// fileFlags are those whose value is the name of a file.
	fileFlags = []string{"root-cas", "password-file", "dsn-file", "policy"}
	// fileArguments are the commands whose arguments can be files. Those with a program
	// have an endpoint before it.
	fileArguments = map[string]int{"rdsiam policy lint": 0, "rdsiam policy split": 0, "rdsiam connect": 1, "rdsiam exec": 1, "rdsiam local": 0}
)

// addCompletions tells shells what the flags and arguments of the commands take, but for
// those of which their command tells it. Names of files are nowhere but where a file fits.
func addCompletions(command *cobra.Command) {
	if command.ValidArgsFunction == nil {
		command.ValidArgsFunction = completeArgument
	}
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, told := command.GetFlagCompletionFunc(flag.Name); !told {
			// It fails only for a flag that does not exist, or was told of before.
			_ = command.RegisterFlagCompletionFunc(flag.Name, completionOf(command.CommandPath(), flag.Name))
		}
	})
	for _, sub := range command.Commands() {
		addCompletions(sub)
	}
}

func completeArgument(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if before, ok := fileArguments[command.CommandPath()]; ok && len(args) >= before {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func completionOf(command, flag string) cobra.CompletionFunc {
	for _, e := range enumerations {
		if e.flag == flag && (e.command == "" || e.command == command) {
			return cobra.FixedCompletions(e.values, cobra.ShellCompDirectiveNoFileComp)
		}
	}
	switch {
	case flag == "profile":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return awsProfiles(), cobra.ShellCompDirectiveNoFileComp
		}
	case flag == "client": // or a path
		return completeClient
	case flag == "listen":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case slices.Contains(fileFlags, flag):
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return cobra.NoFileCompletions
}

// completeClient names the clients for the engine, as far as that is known already.
func completeClient(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	given, err := command.Flags().GetString("engine")
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	at := target{engine: given}
	var engines []engine
	if len(args) > 0 {
		if port, err := at.defaultPort(args[0]); err == nil {
			if known, err := at.engineOf(port); err == nil {
				engines = []engine{known}
			}
		}
	}
	if len(engines) == 0 {
		engines = []engine{postgreSQL, mySQL}
	}
	var names []string
	for _, e := range engines {
		names = append(names, clients[e]...)
	}
	return names, cobra.ShellCompDirectiveDefault
}
