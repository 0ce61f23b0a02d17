//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInterruptedRead sends a signal to commands that wait for a pipe nobody writes to.
func TestInterruptedRead(t *testing.T) {
	const host = "orders.abc123.eu-west-1.rds.amazonaws.com:5432"
	for _, args := range [][]string{
		{"policy", "lint"},
		{"doctor", host, "--user", "app", "--policy"},
		{"provision", "check", "--user", "app", "--dsn-file"},
		{"token", "--endpoint", host, "--user", "app", "--root-cas"},
		{"proxy", host, "--user", "app", "--password-file"},
	} {
		t.Run(args[0], func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), "rdsiam", append(args, pipe)...)
			var said strings.Builder
			command.Stderr = &said
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the command to read
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			if err := command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("%v, want exit code 1", err)
			}
			if !strings.HasPrefix(said.String(), "rdsiam: interrupted while reading ") {
				t.Errorf("said %q", said.String())
			}
		})
	}
}
