// Package errortype says which of few kinds the error of a login is, for the attribute
// error.type of OpenTelemetry and the label error_type of metrics.
package errortype

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/rdsiam/rdsiam"
)

// Of returns the kind of an error of a login, "" for nil, and the code of the server's answer,
// "" where there is none. The kind is that code, or else config, credentials, certificate,
// canceled, timeout or network, or else the code of the likeliest [rdsiam.Cause], or _OTHER.
// Some kinds wrap others, so that the order counts.
func Of(err error) (kind, code string) {
	if err == nil {
		return "", ""
	}
	var (
		login   *rdsiam.LoginError
		network net.Error
	)
	if errors.As(err, &login) && login.Code != "" {
		return login.Code, login.Code
	}
	// The error of a hook is the driver's.
	var answer interface{ SQLState() string }
	if errors.As(err, &answer) {
		return answer.SQLState(), answer.SQLState()
	}
	switch {
	case errors.As(err, new(*rdsiam.ConfigError)):
		return "config", ""
	case errors.As(err, new(*rdsiam.CertificateError)), errors.As(err, new(*tls.CertificateVerificationError)):
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
