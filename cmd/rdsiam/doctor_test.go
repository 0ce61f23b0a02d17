package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// Colours are for terminals, and for people who want them.
func TestDoctorColor(t *testing.T) {
	program, err := exec.LookPath("rdsiam") // testscript.Main has put it into PATH
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		variable string
		terminal bool
		want     bool
	}{
		{"terminal", "TERM=xterm", true, true},
		{"NO_COLOR", "NO_COLOR=1", true, false},
		{"dumb terminal", "TERM=dumb", true, false},
		{"pipe", "TERM=xterm", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), program, "doctor", "10.0.0.1:5432", "--dial", "127.0.0.1:1", "--user", "app", "--offline")
			command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=x", test.variable}
			text := outputOf(t, command, test.terminal)
			if !strings.Contains(text, "not for an IP address") {
				t.Fatalf("no examination:\n%s", text)
			}
			if got := strings.Contains(text, "\x1b["); got != test.want {
				t.Errorf("colors: %t, want %t:\n%q", got, test.want, text)
			}
		})
	}
}

// outputOf runs a command that fails, and returns what it printed.
func outputOf(t *testing.T, command *exec.Cmd, terminal bool) string {
	t.Helper()
	if !terminal {
		text, _ := command.Output()
		return string(text)
	}
	end, err := pty.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	text, _ := io.ReadAll(end) // the end of a terminal is an error
	_ = command.Wait()
	return string(text)
}
