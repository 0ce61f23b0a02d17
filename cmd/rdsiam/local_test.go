package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestLocal runs scripts against rdsiam local, with the programs that are installed.
func TestLocal(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script-local",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("TMPDIR", env.WorkDir+"/tmp")
			return os.Mkdir(env.WorkDir+"/tmp", 0o700)
		},
	})
}

// Refused logins do not fill standard error, which says how many lines are missing.
func TestLocalFlood(t *testing.T) {
	const logins = 300
	command := exec.CommandContext(t.Context(), "rdsiam", "local", "--output", "json")
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Process.Kill()
	var started struct{ Environment map[string]string }
	if err := json.NewDecoder(out).Decode(&started); err != nil {
		t.Fatal(err)
	}
	for range logins {
		_, err := pgx.Connect(t.Context(), "postgres://app:guess@"+started.Environment["RDSIAM_POSTGRES_DIAL"]+"/postgres?sslmode=disable")
		if err == nil {
			t.Fatal("a stranger was let in")
		}
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if lines := strings.Count(said.String(), "refused: no TLS"); lines > logins/2 || !strings.Contains(said.String(), "were left out") {
		t.Errorf("%d lines for %d logins, ending in %q", lines, logins, said.String()[max(0, said.Len()-200):])
	}
}
