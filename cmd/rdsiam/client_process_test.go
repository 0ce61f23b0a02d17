//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// clientLab runs commands whose proxies have a runtime directory of their own.
type clientLab struct {
	t           *testing.T
	runtime     string
	environment []string
}

func newClientLab(t *testing.T, variables ...string) *clientLab {
	t.Helper()
	runtime, err := os.MkdirTemp("/tmp", "c") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "XDG_RUNTIME_DIR=" + runtime, "LC_ALL=C.UTF-8", "TERM=dumb", "PAGER=cat",
		"AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=a secret access key",
		"ENDPOINT=" + endpointHost + ":5432"}
	return &clientLab{t, runtime, append(environment, variables...)}
}

// shell returns a command of a shell that has $ENDPOINT.
func (l *clientLab) shell(script string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	l.t.Cleanup(cancel)
	command := exec.CommandContext(ctx, "bash", "-c", script)
	command.Env = l.environment
	return command
}

// nothingLeft waits until no proxy is left, with its directory.
func (l *clientLab) nothingLeft() {
	l.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		entries, err := os.ReadDir(l.runtime)
		if err == nil && len(entries) == 0 && len(l.agents()) == 0 {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("left: %v, %v, agents %v", entries, err, l.agents())
		}
	}
}

// agents returns the processes that are proxies of this lab.
func (l *clientLab) agents() (pids []int) {
	l.t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, name := range lines {
		line, _ := os.ReadFile(name)
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "environ"))
		if strings.Contains(string(line), "\x00agent\x00") && strings.Contains(string(environment), "XDG_RUNTIME_DIR="+l.runtime+"\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				l.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

const runsProgram = "exec rdsiam exec $ENDPOINT --user app -- "

// The exit code and the death of a program are seen as if rdsiam had not been there.
func TestEndOfClient(t *testing.T) {
	// A child ignores what its parent ignores, as after nohup, and not what its parent handles.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(handled)
	lab := newClientLab(t)
	codes := []int{0, 1, 2, 3, 77, 124, 125, 126, 127, 128, 130, 137, 143, 254, 255}
	if os.Getenv(realserver.MatrixVariable) != "" { // where there is time for it
		codes = codes[:0]
		for code := range 256 {
			codes = append(codes, code)
		}
	}
	for some := range slices.Chunk(codes, 16) {
		var want strings.Builder
		words := ""
		for _, code := range some {
			fmt.Fprintf(&want, "%d\n", code)
			words += " " + strconv.Itoa(code)
		}
		output, err := lab.shell(`for code in` + words + `; do rdsiam exec $ENDPOINT --user app -- sh -c "exit $code"; echo $?; done`).Output()
		if string(output) != want.String() {
			t.Errorf("exit codes%s: %v, %q", words, err, output)
		}
	}
	for _, sent := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT,
		syscall.SIGBUS, syscall.SIGFPE, syscall.SIGKILL, syscall.SIGUSR1, syscall.SIGSEGV, syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM,
		syscall.SIGTERM, syscall.SIGSTKFLT, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO, syscall.SIGPWR, syscall.SIGSYS} {
		command := lab.shell(runsProgram + "sh -c 'kill -" + strconv.Itoa(int(sent)) + " $$'")
		_ = command.Run()
		if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != sent {
			t.Errorf("ended with %v, want %v", command.ProcessState, sent)
		}
	}
	lab.nothingLeft()
}

// What shells do with programs: none of it waits for the proxy.
func TestShellsAndClient(t *testing.T) {
	lab := newClientLab(t)
	for name, test := range map[string]struct{ script, want string }{
		"substitution":     {`x=$(rdsiam exec $ENDPOINT --user app -- sh -c 'echo out; echo err >&2' 2>&1); echo "got $x"`, "got out\nerr\n"},
		"no child":         {`rdsiam exec $ENDPOINT --user app -- sh -c 'read children < /proc/$$/task/$$/children; echo "[$children]"'`, "[]\n"},
		"no token":         {`rdsiam exec $ENDPOINT --user app -- sh -c 'env | grep -c X-[A]mz; cat $PGHOST/* 2>/dev/null | grep -c X-[A]mz; tr "\0" "\n" < /proc/$$/cmdline | grep -c X-[A]mz'`, "0\n0\n0\n"},
		"private":          {`rdsiam exec $ENDPOINT --user app -- sh -c 'stat -c %a $PGHOST $PGHOST/.s*'`, "700\n600\n"},
		"head":             {`rdsiam exec $ENDPOINT --user app -- seq 1000000 | head -n 1; echo ${PIPESTATUS[0]}`, "1\n141\n"},
		"nohup":            {`nohup rdsiam exec $ENDPOINT --user app -- sh -c 'kill -HUP $$; echo lives' 2>/dev/null`, "lives\n"},
		"descriptor":       {`{ rdsiam exec $ENDPOINT --user app -- sh -c 'exec 9>&-; exec sleep 60' 9>&1 >/dev/null & echo $!; } | { read pid; cat; kill $pid; echo ended; }`, "ended\n"},
		"roots in a pipe":  {`rdsiam exec $ENDPOINT --user app --root-cas <(cat $ROOTS) -- echo runs`, "runs\n"},
		"ignores TERM":     {`rdsiam exec $ENDPOINT --user app -- sh -c 'trap "" TERM; kill $$; echo lives'`, "lives\n"},
		"standard streams": {`echo in | rdsiam exec $ENDPOINT --user app -- cat`, "in\n"},
	} {
		t.Run(name, func(t *testing.T) {
			command := lab.shell(test.script)
			if name == "roots in a pipe" {
				roots := startRoots(t)
				command.Env = append(command.Env, "ROOTS="+roots)
			}
			got, err := command.Output()
			if string(got) != test.want && name != "private" || name == "private" && !strings.HasPrefix(string(got), "700\n600") {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
	lab.nothingLeft()
}

// startRoots returns a file with a certificate.
func startRoots(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../internal/roots/rds.pem")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A client that is killed leaves nothing. What a killed proxy leaves, the next one removes.
func TestKilledClient(t *testing.T) {
	lab := newClientLab(t)
	start := func() *exec.Cmd {
		command := lab.shell(runsProgram + "sh -c 'touch $PGHOST/runs; exec sleep 60'")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
			if found, _ := filepath.Glob(filepath.Join(lab.runtime, "*", "*", "runs")); len(found) == 1 {
				return command
			}
			if time.Now().After(deadline) {
				t.Fatal("the program does not run")
			}
		}
	}
	client := start()
	if err := client.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = client.Wait()
	lab.nothingLeft()

	client = start()
	agents := lab.agents()
	if len(agents) != 1 {
		t.Fatalf("agents: %v", agents)
	}
	if err := syscall.Kill(agents[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = client.Process.Kill()
	_ = client.Wait()
	if left, _ := filepath.Glob(filepath.Join(lab.runtime, "*", "*", "*")); len(left) == 0 {
		t.Error("a killed proxy leaves nothing, so that this proves nothing")
	}
	if output, err := lab.shell(runsProgram + "true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	lab.nothingLeft()
}

// An agent whose client is gone before it is ready ends without a word.
func TestAgentWithoutClient(t *testing.T) {
	lab := newClientLab(t)
	output, err := lab.shell("true & wait $!; exec rdsiam agent $ENDPOINT --user app --pid $!").CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !strings.Contains(string(output), "cannot watch process") {
		t.Errorf("%v: %s", err, output)
	}
	lab.nothingLeft()
}
