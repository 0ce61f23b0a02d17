package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The program logs in to the command line's own server, as README says, and the server's
// log has the login.
func TestLocal(t *testing.T) {
	directory := t.TempDir()
	program := func(name string) string {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		return filepath.Join(directory, name)
	}
	for target, module := range map[string]string{"rdsiam": "../../cmd/rdsiam", "client": "."} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", program(target), ".")
		build.Dir = module
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", target, err, out)
		}
	}
	run := exec.CommandContext(t.Context(), program("rdsiam"), "local", "--", program("client"))
	var out, log bytes.Buffer
	run.Stdout, run.Stderr = &out, &log
	if err := run.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	if got := out.String(); got != "logged in as app\n" {
		t.Errorf("the program printed %q", got)
	}
	if !strings.Contains(log.String(), `postgresql: "app" accepted`) {
		t.Errorf("no login in the log of rdsiam local:\n%s", &log)
	}
}
