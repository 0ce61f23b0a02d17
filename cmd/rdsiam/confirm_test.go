package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

// TestInterruptedQuestion presses Ctrl-C, and Ctrl-D, at the question whether to go on: the
// program ends, says that nothing was changed, and has changed nothing.
func TestInterruptedQuestion(t *testing.T) {
	for name, key := range map[string]string{"Ctrl-C": "\x03", "Ctrl-D": "\x04"} {
		t.Run(name, func(t *testing.T) {
			server := fakeaws.Start()
			defer server.Close()
			server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders"})
			command := exec.CommandContext(t.Context(), "rdsiam", "enable", "orders.abc123.eu-west-1.rds.amazonaws.com", "--apply", "now")
			command.Env = append(os.Environ(), server.Environ()...)
			terminal, err := pty.Start(command)
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			screen := bufio.NewReader(terminal)
			if _, err := readUntil(screen, "[y/N] "); err != nil {
				t.Fatal(err)
			}
			if _, err := terminal.WriteString(key); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(screen) // ends with an error when the program closes the terminal
			var exit *exec.ExitError
			if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("%v, want exit code 1", err)
			}
			if !strings.Contains(string(rest), "rdsiam: nothing was changed: ") {
				t.Errorf("on the screen: %q", rest)
			}
			if actions := server.Actions(); len(actions) != 1 || actions[0] != "rds:DescribeDBInstances" {
				t.Errorf("calls %q", actions)
			}
		})
	}
}

// readUntil reads to the end of want.
func readUntil(from *bufio.Reader, want string) (string, error) {
	var text strings.Builder
	for !strings.HasSuffix(text.String(), want) {
		b, err := from.ReadByte()
		if err != nil {
			return text.String(), errors.Join(err, errors.New(text.String()))
		}
		text.WriteByte(b)
	}
	return text.String(), nil
}
