package rdsiam

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strconv"

	"github.com/rdsiam/rdsiam/internal/hostname"
	"github.com/rdsiam/rdsiam/internal/roots"
)

// TLSConfig returns the tls.Config with which a connection to e is safe for a
// token: certificates are verified against the name of the endpoint, from TLS 1.2
// up. It is the one rule for every driver. Base is what the caller asked for; nil
// means nothing. It is never changed, and everything else in it is kept: client
// certificates, VerifyConnection, VerifyPeerCertificate, NextProtos, the
// session cache.
//
// ServerName may be empty, the dialed host or the host of the endpoint.
// InsecureSkipVerify is raised to full verification, except with
// [WithCallerVerification]. Roots come from [WithRootCAs], else from base.RootCAs,
// else from the kind of the endpoint: the embedded RDS roots of the region for
// instances; these and the system's for clusters, shard groups and names outside
// the RDS grammar; the system's for RDS Proxy, whose certificates are public ones.
// A pool of embedded roots is a copy of the caller's own, made by each call.
//
// The error is a [*ConfigError]: a ServerName of another server, no verification
// at all, a TLS version below 1.2, a region without embedded roots, or the zero
// Endpoint.
//
// See "Using SSL/TLS to encrypt a connection to a DB instance" in the Amazon RDS
// user guide.
func (e Endpoint) TLSConfig(base *tls.Config) (*tls.Config, error) {
	config := base.Clone() // nil of nil
	if config == nil {
		config = new(tls.Config)
	}
	if err := e.SecureTLS(config); err != nil {
		return nil, err
	}
	return config, nil
}

// SecureTLS applies the rule of [Endpoint.TLSConfig] to config itself, for drivers that
// know a tls.Config by its address, as pgx does for client certificates. Nobody else may
// use config meanwhile, and after an error it must not be used at all. Most callers want
// TLSConfig.
func (e Endpoint) SecureTLS(config *tls.Config) error {
	if e.IsZero() {
		return configError("endpoint-zero", "Endpoint", "",
			"the zero Endpoint names no server to verify",
			"make it with ResolveEndpoint")
	}
	if config == nil {
		return configError("tls-config-nil", "tls.Config", "",
			"is nil, and nil means a connection without TLS",
			"pass an empty tls.Config, or use TLSConfig, which makes one")
	}
	if err := e.verifyServerName(config); err != nil {
		return err
	}
	if err := raiseVersion(config); err != nil {
		return err
	}
	if err := e.raiseVerification(config); err != nil {
		return err
	}
	return e.trustRoots(config)
}

func (e Endpoint) verifyServerName(config *tls.Config) error {
	switch hostname.Normalize(config.ServerName) {
	case "", e.dialedHost, e.host:
		config.ServerName = e.host
		return nil
	}
	return configError("tls-server-name", "tls.Config.ServerName", config.ServerName,
		"not the endpoint that the token is for, which is "+strconv.Quote(e.host),
		"leave ServerName empty, or name the endpoint that is signed with WithEndpoint")
}

func raiseVersion(config *tls.Config) error {
	if config.MaxVersion != 0 && config.MaxVersion < tls.VersionTLS12 {
		return configError("tls-max-version", "tls.Config.MaxVersion", tls.VersionName(config.MaxVersion),
			"a token may travel only inside TLS 1.2 or newer",
			"leave MaxVersion zero")
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return nil
}

func (e Endpoint) raiseVerification(config *tls.Config) error {
	if !config.InsecureSkipVerify || !e.callerVerifies {
		config.InsecureSkipVerify = false
		return nil
	}
	if config.VerifyConnection == nil {
		return configError("tls-unverified", "WithCallerVerification", "",
			"the tls.Config sets InsecureSkipVerify and has no VerifyConnection, so nobody would verify the server",
			"verify the server in VerifyConnection, which also runs for resumed sessions, or leave the option out")
	}
	return nil
}

// rootsOrigin says where the trusted roots of a connection come from.
type rootsOrigin uint8

const (
	originOption          rootsOrigin = iota // WithRootCAs
	originConfig                             // RootCAs of the caller's tls.Config
	originCallback                           // VerifyConnection of the caller decides alone
	originRegion                             // embedded RDS roots of the region
	originRegionAndSystem                    // these and the system's
	originSystem                             // the system's
)

// rootsOrigin applies the precedence: option, then the caller's configuration,
// then what the kind of endpoint needs.
func (e Endpoint) rootsOrigin(base *tls.Config) rootsOrigin {
	switch {
	case base != nil && base.InsecureSkipVerify && e.callerVerifies:
		return originCallback
	case e.rootCAs != nil:
		return originOption
	case base != nil && base.RootCAs != nil:
		return originConfig
	}
	switch e.kind {
	case KindInstance:
		return originRegion
	case KindProxy, KindProxyEndpoint, KindDSQL:
		// RDS Proxy has certificates of AWS Certificate Manager, and Aurora DSQL of the same
		// public authority.
		return originSystem
	}
	// Aurora clusters with an internet access gateway have names like all
	// clusters and a certificate of another authority than RDS.
	return originRegionAndSystem
}

// trustRoots fills config.RootCAs, with nil for the roots of the system.
func (e Endpoint) trustRoots(config *tls.Config) error {
	origin := e.rootsOrigin(config)
	switch origin {
	case originOption:
		config.RootCAs = e.rootCAs
		return nil
	case originConfig, originCallback, originSystem:
		return nil
	}
	pool := roots.Pool(e.region, origin == originRegionAndSystem)
	if pool == nil {
		return e.noRootsError()
	}
	config.RootCAs = pool
	return nil
}

func (e Endpoint) noRootsError() error {
	problem := configError("roots-missing", "endpoint", e.String(),
		"the embedded RDS roots (bundle of "+roots.Date()+") have none for the region "+e.region,
		"give the bundle that AWS publishes for the region with WithRootCAs")
	switch e.partition {
	case "aws":
		// The bundle is complete for its day, so a typo is likelier
		// than a region that is newer.
		problem.Fix = "check the spelling of the region; if it is new, " + problem.Fix
		problem.Fix += ": https://truststore.pki.rds.amazonaws.com/" + e.region + "/" + e.region + "-bundle.pem"
	case "aws-us-gov":
		problem.Fix += ": https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"
	case "aws-cn":
		problem.Fix += ": https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem"
	}
	return problem
}

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
