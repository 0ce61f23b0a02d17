package realserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// command is a program that runs in the workspace, as its user, with nothing of
// our environment that could change what it does. It does not outlive us: it
// ends by atOurEnd.
func (w *workspace) command(ctx context.Context, atOurEnd syscall.Signal, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = w.dir
	path := os.Getenv("PATH")
	if w.root != "" {
		path = "/usr/sbin:/usr/bin:/sbin:/bin"
	}
	cmd.Env = []string{"PATH=" + path, "HOME=" + w.dir, "TMPDIR=" + w.dir, "LC_ALL=C", "TZ=UTC"}
	// For processes that hold a pipe open longer than their parent lives.
	cmd.WaitDelay = time.Second
	restrict(cmd, w.root, w.as, atOurEnd)
	return cmd
}

// run runs a program that ends by itself, with input as its standard input, and
// returns what it prints. The error has the end of its standard error.
func (w *workspace) run(ctx context.Context, input, program string, args ...string) (string, error) {
	// The kernel takes the end of the thread that starts a program for our end.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := w.command(ctx, syscall.SIGKILL, program, args...)
	var out, messages bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &messages
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("realserver: %s: %w\n%s", filepath.Base(program), err, end(messages.Bytes()))
	}
	return strings.TrimSpace(out.String()), nil
}

// launch is a server program to start in a workspace.
type launch struct {
	program string
	args    []string
	env     []string       // in addition to what every program gets
	ready   string         // the text in its log that says that it can be used
	stop    syscall.Signal // what ends it at once; its data is thrown away
	log     io.Writer
}

// daemon is a running database server process.
type daemon struct {
	cmd  *exec.Cmd
	stop syscall.Signal
	log  *serverLog
	done chan struct{} // closed when the process has ended
	err  error         // how it ended, to be read after done
}

// stopTimeout is how long a server may take to end before it is killed. A
// PostgreSQL kills those of its processes that do not end after 5 s.
const stopTimeout = 8 * time.Second

// start starts a server and returns when it is ready.
func (w *workspace) start(ctx context.Context, l launch) (*daemon, error) {
	d := &daemon{
		cmd:  w.command(context.Background(), l.stop, l.program, l.args...),
		stop: l.stop,
		log:  &serverLog{to: l.log, readyText: []byte(l.ready), ready: make(chan struct{})},
		done: make(chan struct{}),
	}
	d.cmd.Env = append(d.cmd.Env, l.env...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log

	name := filepath.Base(l.program)
	started := make(chan error)
	go d.supervise(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("realserver: %s: %w", name, err)
	}
	select {
	case <-d.log.ready:
		return d, nil
	case <-d.done:
		return nil, fmt.Errorf("realserver: %s did not start: %w; its log ends:\n%s", name, d.err, d.log.end())
	case <-ctx.Done():
		d.close()
		return nil, fmt.Errorf("realserver: %s was not ready in time: %w; its log ends:\n%s", name, ctx.Err(), d.log.end())
	}
}

// supervise starts the process and waits for its end on one thread, for the
// reason that run has.
func (d *daemon) supervise(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	err := d.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	d.err = d.cmd.Wait()
	close(d.done)
}

func (d *daemon) close() {
	d.resume()                       // one that is paused does not end
	_ = d.cmd.Process.Signal(d.stop) // fails when the process has ended, which is as good
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C:
		_ = d.cmd.Process.Kill()
		<-d.done
	}
}

// onFreePort calls start with a port on which nobody listens. Somebody else may
// take it first, then another one is tried.
func onFreePort(start func(port int) (*daemon, error)) (*daemon, string, error) {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, "", fmt.Errorf("realserver: %w", err)
		}
		addr := ln.Addr().(*net.TCPAddr)
		ln.Close()
		d, err := start(addr.Port)
		if err == nil {
			return d, addr.String(), nil
		}
		if attempt == attempts || !strings.Contains(err.Error(), "Address already in use") {
			return nil, "", err
		}
	}
}
