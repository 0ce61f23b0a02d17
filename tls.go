package rdsiam

import (
	"crypto/tls"
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
	case KindProxy, KindProxyEndpoint:
		// RDS Proxy has certificates of AWS Certificate Manager.
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

// RootsPEM returns what [Endpoint.TLSConfig] trusts by default, for programs that take
// a file: the embedded RDS roots of the region as PEM text, "" where none are trusted,
// and whether the roots of the system are trusted too. The error is a [*ConfigError]:
// roots given with [WithRootCAs], whose pool cannot be written out, a region without
// embedded roots, or the zero Endpoint.
func (e Endpoint) RootsPEM() (text string, system bool, err error) {
	if _, err := e.TLSConfig(nil); err != nil {
		return "", false, err
	}
	switch origin := e.rootsOrigin(nil); origin {
	case originOption:
		return "", false, configError("root-cas-pool", "WithRootCAs", "",
			"gives a pool, which cannot be written out",
			"use the file that the pool was read from")
	case originSystem:
		return "", true, nil
	default:
		return roots.PEM(e.region), origin == originRegionAndSystem, nil
	}
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
