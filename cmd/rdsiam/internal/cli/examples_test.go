package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each example of the help is a line that a shell takes, with a command, flags and arguments
// that there are.
func TestExamples(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		const missing = "no bash in PATH, which reads the examples: install it by that name"
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	visit(cli.NewRoot(cli.Streams{}), func(command *cobra.Command) {
		if command.HasSubCommands() && command.Example == "" {
			return
		}
		t.Run(command.CommandPath(), func(t *testing.T) {
			if command.Example == "" {
				if !command.Hidden && !slices.Contains([]string{"exit-codes", "help", "version"}, command.Name()) { // which take no flags
					t.Error("no example")
				}
				return
			}
			calls := callsOf(t, bash, command.Example)
			if !strings.Contains(strings.ReplaceAll(strings.Join(calls, "\n"), "\x00", " "), strings.TrimPrefix(command.CommandPath(), "rdsiam ")) {
				t.Errorf("the examples do not call it: %q", calls)
			}
			for _, call := range calls {
				accepts(t, strings.Split(call, "\x00"))
			}
		})
	})
}

func visit(command *cobra.Command, each func(*cobra.Command)) {
	each(command)
	for _, sub := range command.Commands() {
		visit(sub, each)
	}
}

// callsOf returns the arguments of each call of rdsiam that a script makes, with NULs between
// them. No other program is found.
func callsOf(t *testing.T, bash, script string) []string {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "rdsiam"), []byte("#!"+bash+"\n(IFS=; printf '%s\\0' \"$@\"; echo) >> \"$CALLS\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), bash, "-c", script+"\nwait\ntrue")
	command.Dir = directory
	calls := filepath.Join(directory, "calls")
	command.Env = []string{"PATH=" + directory, "HOME=" + directory, "CALLS=" + calls, "HOST=prod.abc123.eu-west-1.rds.amazonaws.com",
		"RDSIAM_POSTGRES_ENDPOINT=e", "RDSIAM_POSTGRES_DIAL=d", "RDSIAM_ROOT_CAS=r", "fpath=" + directory}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("bash: %v\n%s\n%s", err, output, script)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatalf("the examples call nothing: %s", script)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00\n"), "\x00\n")
}

// accepts fails for a call that is a mistake.
func accepts(t *testing.T, arguments []string) {
	t.Helper()
	command, rest, err := cli.NewRoot(cli.Streams{}).Find(arguments)
	if err == nil {
		err = command.ParseFlags(rest)
	}
	if err == nil {
		err = command.ValidateArgs(command.Flags().Args())
	}
	if err == nil {
		err = command.ValidateRequiredFlags()
	}
	if err != nil {
		t.Errorf("rdsiam %s: %v", strings.Join(arguments, " "), err)
	}
}
