package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A signal ends a command that waits, here for credentials, at once and without a guess at
// what is wrong with them.
func TestInterrupt(t *testing.T) {
	for name, arguments := range map[string][]string{
		"token":   {"token", "--endpoint", endpointHost + ":5432", "--user", "app"},
		"connect": {"connect", endpointHost + ":5432", "--user", "app"},
		"exec":    {"exec", endpointHost + ":5432", "--user", "app", "--", "true"},
		"proxy":   {"proxy", endpointHost + ":5432", "--user", "app", "--listen", "127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			waiting, config := filepath.Join(directory, "waiting"), filepath.Join(directory, "config")
			script := "[default]\ncredential_process = sh -c \"touch " + waiting + "; while [ -e " + waiting + " ]; do sleep 0.1; done\"\n"
			if err := os.WriteFile(config, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(waiting) // which ends the script
			command := exec.CommandContext(t.Context(), "rdsiam", arguments...)
			command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + directory, "AWS_CONFIG_FILE=" + config, "AWS_SHARED_CREDENTIALS_FILE=none"}
			// A file, since the script holds it open as well.
			said, err := os.Create(filepath.Join(directory, "said"))
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			command.Stdout, command.Stderr = said, said
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			waitForFile(t, waiting)
			if err := command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			_ = command.Wait()
			text, err := os.ReadFile(said.Name())
			if code := command.ProcessState.ExitCode(); err != nil || code != 130 || string(text) != "rdsiam: interrupted\n" {
				t.Errorf("exit code %d, %q, %v", code, text, err)
			}
		})
	}
}

func waitForFile(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s", name)
		}
	}
}
