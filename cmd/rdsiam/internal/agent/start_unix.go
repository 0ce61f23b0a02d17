//go:build unix

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrEnded means that the agent ended before it was ready, and has said why.
var ErrEnded = errors.New("the agent ended")

// Start starts an agent and waits until it has written, as JSON, where it listens. What it
// says of an error goes to stderr.
func Start(ctx context.Context, arguments []string, stderr io.Writer, listens any) error {
	said, sayTo, err := os.Pipe()
	if err != nil {
		return err
	}
	defer said.Close()
	ready, readyTo, err := os.Pipe()
	if err != nil {
		sayTo.Close()
		return err
	}
	defer ready.Close()
	err = run(arguments, readyTo, sayTo)
	sayTo.Close()
	readyTo.Close()
	if err != nil {
		return fmt.Errorf("cannot start the proxy of the client: %w", err)
	}
	// Closing a pipe ends the reading below.
	defer context.AfterFunc(ctx, func() { ready.Close(); said.Close() })()
	if json.NewDecoder(ready).Decode(listens) == nil {
		return nil
	}
	text, err := io.ReadAll(said)
	if err := ctx.Err(); err != nil {
		return err
	}
	_, _ = stderr.Write(text)
	return errors.Join(ErrEnded, err)
}

func run(arguments []string, stdout, stderr *os.File) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	middle := exec.Command(program, append([]string{Command, detach}, arguments...)...)
	middle.Stdout, middle.Stderr = stdout, stderr
	return middle.Run()
}

// Detach reports whether this process is the one between, and then has started the agent or
// failed with an exit code.
func Detach(args []string) (code int, is bool) {
	if len(args) < 3 || args[1] != Command || args[2] != detach {
		return 0, false
	}
	if err := start(args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "rdsiam: cannot start the proxy of the client:", err)
		return 1, true
	}
	return 0, true
}

func start(arguments []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	agent := exec.Command(program, append([]string{Command}, arguments...)...)
	agent.Stdout, agent.Stderr = os.Stdout, os.Stderr
	// The settings of libpq are the client's: the agent knows the server from its arguments.
	agent.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "PG") })
	agent.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return agent.Start()
}

// CloseInherited closes the files that this process has from whoever started rdsiam: a lock
// or a pipe that others wait for ends with the client. What Go has opened itself is not
// inherited by programs, which tells them apart.
func CloseInherited() {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, entry := range entries {
		var fd int
		if _, err := fmt.Sscanf(entry.Name(), "%d", &fd); err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}
