package rdspgx

import (
	"crypto/tls"
	"crypto/x509"
	"reflect"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// peerCallback is tls.Config.VerifyPeerCertificate. For sslmode=verify-ca, pgx sets one
// that checks the chain against roots of its own: the system's, where none were given. It
// would refuse the certificates of RDS, and full verification takes its place. A callback
// of the caller's stays.
type peerCallback = func([][]byte, [][]*x509.Certificate) error

// dropAllCallbacks is for a configuration that comes from pgx.ParseConfig: every callback
// in it is pgx's.
func dropAllCallbacks(config *pgx.ConnConfig) {
	if config.TLSConfig != nil {
		config.TLSConfig.VerifyPeerCertificate = nil
	}
	for _, fallback := range config.Fallbacks {
		if fallback.TLSConfig != nil {
			fallback.TLSConfig.VerifyPeerCertificate = nil
		}
	}
}

// dropVerifyCA drops the callback of config if it is pgx's. ofPGX returns one of pgx's to
// compare with, or nil if there is none to be had.
func dropVerifyCA(config *tls.Config, ofPGX func() peerCallback) error {
	if !config.InsecureSkipVerify || config.VerifyPeerCertificate == nil {
		return nil
	}
	sample := ofPGX()
	if sample == nil {
		return configError("verify-callback-unknown", "tls.Config.VerifyPeerCertificate", "",
			"may be pgx's own, of sslmode=verify-ca, which would refuse the certificates of RDS, or yours; this version of pgx does not let rdspgx tell them apart",
			"remove sslmode and PGSSLMODE or set them to verify-full, and verify in VerifyConnection what else you verify")
	}
	if sameCode(config.VerifyPeerCertificate, sample) {
		config.VerifyPeerCertificate = nil
	}
	return nil
}

// sameCode reports whether two functions have the same code. They may still belong to
// different values.
func sameCode(a, b any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// verifyCAOfPGX remembers what callbackOfPGX has found.
var verifyCAOfPGX atomic.Pointer[peerCallback]

// callbackOfPGX returns the callback that pgx sets for sslmode=verify-ca, nil if it sets
// none or the environment does not let it read a DSN.
func callbackOfPGX() peerCallback {
	if known := verifyCAOfPGX.Load(); known != nil {
		return *known
	}
	config, err := pgconn.ParseConfig("host=localhost user=x password=x sslmode=verify-ca sslrootcert='' sslcert='' sslkey=''")
	if err != nil || config.TLSConfig == nil || config.TLSConfig.VerifyPeerCertificate == nil {
		return nil
	}
	verifyCAOfPGX.Store(&config.TLSConfig.VerifyPeerCertificate)
	return config.TLSConfig.VerifyPeerCertificate
}
