//go:build unix

package client

import (
	"os"
	"syscall"
)

// Run becomes the program: it has this process's terminal, signals and exit code. It
// returns only if that cannot be.
func Run(path string, arguments, environ []string) (int, error) {
	err := syscall.Exec(path, append([]string{path}, arguments...), environ)
	return 0, &os.PathError{Op: "exec", Path: path, Err: err}
}
