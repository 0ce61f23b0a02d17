package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

// clientLogin is what connect, exec and env tell other programs.
type clientLogin struct {
	client.Login
	engine engine
	files  client.Files
	token  rdsiam.Token
}

// prepareClient gets a token for a program of another's, and a file with the certificate
// authorities that it must trust.
func (t *target) prepareClient(ctx context.Context, endpoint, databaseName string) (*clientLogin, error) {
	if err := t.requireUser(endpoint); err != nil {
		return nil, err
	}
	to, err := t.resolve(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	prepared := &clientLogin{Login: client.Login{Host: to.Endpoint.Host(), User: to.User, Database: databaseName}}
	if prepared.engine, err = t.engineOf(to.Endpoint.Port()); err != nil {
		return nil, err
	}
	if prepared.Address, prepared.Port, err = t.address(ctx, to); err != nil {
		return nil, err
	}
	kind := to.Endpoint.Kind()
	prepared.CleartextOnly = kind != rdsiam.KindProxy && kind != rdsiam.KindProxyEndpoint
	if prepared.files, err = client.UserFiles(); err != nil {
		return nil, err
	}
	if prepared.RootsFile, err = t.rootsFile(to, prepared.files); err != nil {
		return nil, err
	}
	loaded, err := loadAWS(ctx, t.profile, "")
	if err != nil {
		return nil, err
	}
	prepared.token, err = to.Token(ctx, tokensOf(loaded))
	prepared.Token = prepared.token.Reveal()
	return prepared, err
}

// address returns the IP address and port of --dial; without it the address is empty, and
// the client looks the host up itself.
func (t *target) address(ctx context.Context, to database) (string, uint16, error) {
	host, text, err := net.SplitHostPort(to.dialed)
	if err != nil {
		return "", 0, usageError{err}
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", 0, usagef("%q has the port %q; a port is a number from 1 to 65535", to.dialed, text)
	}
	if t.dial == "" {
		return "", uint16(port), nil
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", 0, fmt.Errorf("cannot look up the host of --dial: %w", err)
	}
	return addresses[0], uint16(port), nil
}

func (t *target) rootsFile(to database, files client.Files) (string, error) {
	if t.rootCAs != "" {
		text, err := os.ReadFile(t.rootCAs) // resolve has looked at what it holds
		if err != nil {
			return "", err
		}
		return files.Write("roots.pem", string(text))
	}
	text, err := client.RootsPEM(to.Endpoint)
	if err != nil {
		return "", err
	}
	return files.Write("roots.pem", text)
}

// wholeEnvironment returns the variables for a program that gets no arguments of ours.
func (l *clientLogin) wholeEnvironment() (client.Environment, error) {
	if l.engine != postgreSQL && l.Database != "" {
		return client.Environment{}, usagef("--db %s: MySQL and MariaDB have no variable for a database; name it in the arguments of the program", l.Database)
	}
	if l.engine != postgreSQL {
		if err := client.CheckMySQLOptionFile(); err != nil {
			return client.Environment{}, usageError{err}
		}
	}
	return l.environment()
}

// environment returns the variables with which programs of the engine log in.
func (l *clientLogin) environment() (client.Environment, error) {
	if l.engine == postgreSQL {
		return l.PostgreSQL(), nil
	}
	if l.Address != "" {
		return client.Environment{}, usagef("clients of MySQL %w: run rdsiam proxy with --dial, and the client with that", client.ErrAddress)
	}
	options, err := l.MySQLOptions()
	if err != nil {
		return client.Environment{}, err
	}
	path, err := l.files.Write("my.cnf", options)
	if err != nil {
		return client.Environment{}, err
	}
	return l.MySQL(filepath.Dir(path)), nil
}

// runClient ends this process as the program's, or fails with the exit code for why not.
func runClient(path string, arguments []string, environment client.Environment) error {
	code, err := client.Run(path, arguments, environment.Apply(os.Environ()))
	if err != nil {
		return exitStatus{exitNotRunning, err}
	}
	return exitStatus{code: code}
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
