package rdsiam

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strconv"

	"github.com/rdsiam/rdsiam/internal/roots"
)

// CertificateError means that the certificate of a server did not verify, so that
// no token was sent. A retry does not help.
type CertificateError struct {
	Endpoint Endpoint
	Roots    string // where the trusted roots came from, in words
	Fix      string // what to change
	Err      error  // the driver's error; its tree holds the x509 error
}

// Error returns the cause, the name that was expected, where the trusted roots
// came from and what to change.
func (e *CertificateError) Error() string {
	text := "rdsiam: the certificate of " + e.Endpoint.String()
	if dialed := shownAddress(e.Endpoint.dialedHost); dialed != "" && dialed != e.Endpoint.host {
		text += " (dialed as " + dialed + ")"
	}
	text += " does not verify"
	// Only the x509 error is printed: what a driver puts around it may show its
	// configuration.
	if cause := certificateCause(e.Err); cause != nil {
		text += ": " + cause.Error()
	}
	text += "; expected the name " + strconv.Quote(e.Endpoint.host) + "; trusted: " + e.Roots
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Unwrap returns the driver's error.
func (e *CertificateError) Unwrap() error { return e.Err }

// DescribeCertificateError returns a [*CertificateError] around err if err, or
// an error in its tree, says that a certificate did not verify, and err itself
// otherwise. An implementation of [Driver] calls it. Base is the tls.Config that was given
// to [Endpoint.TLSConfig], not the one that it returned; it may be nil.
func (e Endpoint) DescribeCertificateError(err error, base *tls.Config) error {
	if errors.As(err, new(*CertificateError)) || errors.As(err, new(*CredentialsError)) {
		return err // the certificate of a credentials service is not the database's
	}
	cause := certificateCause(err)
	if cause == nil {
		return err
	}
	origin := e.rootsOrigin(base)
	return &CertificateError{Endpoint: e, Roots: e.describeRoots(origin), Fix: e.certificateFix(cause, origin), Err: err}
}

// certificateCause finds the error of the verification in the tree of err.
func certificateCause(err error) error {
	var (
		verification *tls.CertificateVerificationError
		name         x509.HostnameError
		authority    x509.UnknownAuthorityError
		invalid      x509.CertificateInvalidError
		constraint   x509.ConstraintViolationError
		critical     x509.UnhandledCriticalExtension
		system       x509.SystemRootsError
	)
	switch {
	case errors.As(err, &name):
		return name
	case errors.As(err, &authority):
		return authority
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &constraint):
		return constraint
	case errors.As(err, &critical):
		return critical
	case errors.As(err, &system):
		return system
	case errors.As(err, &verification):
		return verification
	}
	return nil
}

func (e Endpoint) describeRoots(origin rootsOrigin) string {
	embedded := "the embedded RDS roots of " + e.region + " (bundle of " + roots.Date() + ")"
	switch origin {
	case originOption:
		return "the roots given with WithRootCAs"
	case originConfig:
		return "the RootCAs of the caller's tls.Config (a PostgreSQL driver fills it from sslrootcert, PGSSLROOTCERT or ~/.postgresql/root.crt)"
	case originCallback:
		return "what the caller's VerifyConnection accepts"
	case originRegion:
		return embedded
	case originRegionAndSystem:
		return embedded + " and the roots of the system"
	}
	return "the roots of the system"
}

func (e Endpoint) certificateFix(cause error, origin rootsOrigin) string {
	var invalid x509.CertificateInvalidError
	switch {
	case origin == originCallback:
		return ""
	case errors.As(cause, new(x509.HostnameError)):
		return e.nameFix()
	case errors.As(cause, new(x509.UnknownAuthorityError)), errors.As(cause, new(x509.SystemRootsError)):
		return e.authorityFix(origin)
	case errors.As(cause, &invalid) && invalid.Reason == x509.Expired:
		return "check the clock of this machine; if it is right, let RDS issue a new server certificate (in the RDS console)"
	}
	return ""
}

func (e Endpoint) nameFix() string {
	switch {
	case e.dialedHost != e.host:
		return "make the tunnel or alias lead to " + e.host + ", or name the endpoint that it leads to with WithEndpoint"
	case e.kind == KindOther:
		return "name the RDS endpoint behind this name with WithEndpoint"
	}
	return "check where the name resolves to from here: another server answers"
}

func (e Endpoint) authorityFix(origin rootsOrigin) string {
	const intercepted = "; TLS opened on the way gives the same error"
	switch origin {
	case originOption:
		return "put the RDS roots of " + e.region + " into the pool, or leave WithRootCAs out" + intercepted
	case originConfig:
		return "put the RDS roots of " + e.region + " into RootCAs, or leave that out so that the embedded ones are used" + intercepted
	case originSystem:
		return "install the CA certificates of the system (see SSL_CERT_FILE), or give roots with WithRootCAs" + intercepted
	}
	return "check that this is the server; if AWS has newer roots for " + e.region + ", give them with WithRootCAs" + intercepted
}
