package rdsiam

import (
	"crypto/tls"
	"strconv"

	"github.com/rdsiam/rdsiam/internal/hostname"
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
