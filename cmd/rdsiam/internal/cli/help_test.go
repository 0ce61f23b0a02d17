package cli_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
)

// The help of every command fits into a terminal of 80 columns.
func TestHelpWidth(t *testing.T) {
	visit(cli.NewRoot(cli.Streams{}), func(command *cobra.Command) {
		t.Run(command.CommandPath(), func(t *testing.T) {
			var out bytes.Buffer
			arguments := append(strings.Fields(command.CommandPath())[1:], "--help")
			if code := cli.Run(t.Context(), arguments, cli.Streams{Out: &out, Err: &out}); code != 0 {
				t.Fatalf("code %d: %s", code, out.String())
			}
			if !strings.Contains(out.String(), "\nFlags:\n") {
				t.Fatalf("no flags in the help:\n%s", out.String())
			}
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	})
}
