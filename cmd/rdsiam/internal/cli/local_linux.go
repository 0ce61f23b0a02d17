package cli

import (
	"os/exec"
	"runtime"
	"syscall"
)

// bind has the system end a program when rdsiam is killed. The system watches the thread that
// starts the program, which must not end before: call it and run in one function.
func bind(command *exec.Cmd) {
	runtime.LockOSThread()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
