package realserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// restrict has cmd run in the given root, as the given user, in a process group
// of its own, and end by sig when the thread that starts it ends, which is also
// when this process is killed.
func restrict(cmd *exec.Cmd, r root, as *account, sig syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: string(r), Pdeathsig: sig, Setpgid: true}
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

func (d *daemon) pause() error { return d.signal(syscall.SIGSTOP) }

func (d *daemon) resume() { _ = d.signal(syscall.SIGCONT) } // fails when the process has ended

// signal sends sig to the process and to its children: each of PostgreSQL's has a session of
// its own.
func (d *daemon) signal(sig syscall.Signal) error {
	pid := d.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	errs := []error{d.cmd.Process.Signal(sig)}
	for _, word := range strings.Fields(string(children)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		if err := syscall.Kill(child, sig); !errors.Is(err, syscall.ESRCH) { // it may have ended
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
