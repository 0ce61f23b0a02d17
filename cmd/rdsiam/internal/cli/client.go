package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

// clientFlags are those of connect and exec.
type clientFlags struct {
	at       target
	endpoint endpointArgument
	database string
	tcp      bool
}

func (f *clientFlags) addTo(command *cobra.Command) {
	f.at.addTo(command)
	f.endpoint.addTo(command)
	flags := command.Flags()
	flags.StringVarP(&f.database, "db", "d", "", "database to connect to (default: the client's)")
	flags.BoolVar(&f.tcp, "tcp", false, "proxy on 127.0.0.1 with a random password, not on a unix socket")
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return notStarted(command.Root().FlagErrorFunc()(command, err))
	})
}

// engine returns the engine of endpoint, and looks whether there is a user.
func (f *clientFlags) engine(endpoint string) (engine, error) {
	if err := f.at.requireUser(endpoint); err != nil {
		return "", err
	}
	port, err := f.at.defaultPort(endpoint)
	if err != nil {
		return "", err
	}
	return f.at.engineOf(port)
}

// clientCall is how to run a client.
type clientCall struct {
	path        string
	arguments   []string
	environment client.Environment
}

// run starts the proxy of a client and becomes the client that call describes.
func (f *clientFlags) run(ctx context.Context, streams Streams, engine engine, endpoint string, call func(client.Login) (clientCall, error)) error {
	// Both depend on no proxy, and an error is better known before one starts.
	login := client.Login{User: f.at.user, Database: f.database}
	if _, err := call(login); err != nil {
		return notStarted(err)
	}
	if _, err := login.MySQLOptions(); engine != postgreSQL && err != nil {
		return notStarted(usageError{err})
	}
	listens, stop, err := f.startProxy(ctx, streams, endpoint)
	if err != nil {
		return notStarted(err)
	}
	defer stop()
	login.Proxy = listens
	if err := writeOptionFile(engine, login); err != nil {
		return notStarted(err)
	}
	run, err := call(login)
	if err != nil {
		return notStarted(err)
	}
	code, err := client.Run(run.path, run.arguments, run.environment.Apply(os.Environ()))
	if err != nil {
		return exitStatus{exitNotRunning, err}
	}
	return exitStatus{code: code}
}

// writeOptionFile writes what the clients of MySQL and MariaDB read.
func writeOptionFile(engine engine, login client.Login) error {
	if engine == postgreSQL {
		return nil
	}
	text, err := login.MySQLOptions()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(login.Directory, "my.cnf"), []byte(text), 0o600)
}

func environmentOf(engine engine, login client.Login) client.Environment {
	if engine == postgreSQL {
		return login.PostgreSQL()
	}
	return login.MySQL()
}

func urlOf(engine engine, login client.Login) string {
	if engine == postgreSQL {
		return login.PostgreSQLURL()
	}
	return login.MySQLURL()
}

// programError gives an error of looking for a program its exit code, as shells do.
func programError(err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return exitStatus{exitNotFound, err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EISDIR):
		return exitStatus{exitNotRunning, err}
	}
	return err
}

// notStarted gives an error from before the program ran its exit code.
func notStarted(err error) error {
	var status exitStatus
	if err == nil || errors.As(err, &status) && status.code >= exitNotStarted {
		return err
	}
	return exitStatus{exitNotStarted, err}
}
