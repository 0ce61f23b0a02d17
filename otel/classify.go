package rdsotel

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/rdsiam/rdsiam"
)

// classify returns the error.type of an error of a login, and the code of the server's answer.
func classify(err error) (class, code string) {
	var (
		login   *rdsiam.LoginError
		network net.Error
	)
	if errors.As(err, &login) && login.Code != "" {
		return login.Code, login.Code
	}
	switch {
	case errors.As(err, new(*rdsiam.ConfigError)):
		return "config", ""
	case errors.As(err, new(*rdsiam.CertificateError)):
		return "certificate", ""
	case errors.Is(err, context.Canceled):
		return "canceled", ""
	// Credentials whose service hangs end at the deadline of the login; it is they that lack.
	case errors.As(err, new(*rdsiam.CredentialsError)):
		return "credentials", ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout", ""
	case network != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET):
		return "network", ""
	}
	if causes := rdsiam.Explain(err).Causes; len(causes) > 0 {
		return causes[0].Code, ""
	}
	return "_OTHER", ""
}
