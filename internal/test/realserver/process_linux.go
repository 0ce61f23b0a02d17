package realserver

import (
	"os/exec"
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
