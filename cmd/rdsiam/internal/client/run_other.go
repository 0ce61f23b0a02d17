//go:build !unix

package client

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// Run runs the program with this process's streams and returns its exit code. An
// interrupt reaches the program from the console, and is its own business.
func Run(path string, arguments, environ []string) (int, error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	command := exec.Command(path, arguments...)
	command.Env = environ
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
