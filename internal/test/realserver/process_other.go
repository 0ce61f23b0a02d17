//go:build !linux

package realserver

import (
	"os/exec"
	"syscall"
)

// Nothing is started on other systems, see supported.
func restrict(*exec.Cmd, root, *account, syscall.Signal) {}

func (d *daemon) pause() error { return nil }

func (d *daemon) resume() {}
