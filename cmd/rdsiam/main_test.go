package main

import (
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { os.Exit(withCommand(m.Run)) }

// withCommand calls run with the command first in PATH. It is a build of its own: as a
// process of the test binary it would have the race detector, and takes a second to start.
func withCommand(run func() int) int {
	directory, err := os.MkdirTemp("", "rdsiam")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	name := "rdsiam"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if output, err := exec.Command("go", "build", "-race=false", "-o", filepath.Join(directory, name), ".").CombinedOutput(); err != nil {
		log.Fatalf("cannot build the command: %v: %s", err, output)
	}
	if err := os.Setenv("PATH", directory+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		log.Fatal(err)
	}
	return run()
}

// TestScripts runs the command as people call it: a script in testdata/script for each concern.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits is a command of the scripts: "exits 2 rdsiam …" runs a program that must end with
// this code. The output is there for stdout and stderr, as after exec.
func exits(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		script.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	script.Check(err)
	var exit *exec.ExitError
	got := 0
	if err := script.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		script.Check(err)
	}
	if got != want {
		script.Fatalf("exit code %d, want %d", got, want)
	}
}
