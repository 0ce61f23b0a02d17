//go:build !linux

package cli

import "os/exec"

// bind does nothing: only Linux ends a program when the one that started it is killed.
func bind(*exec.Cmd) {}
