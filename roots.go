package rdsiam

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"strings"
	"sync"
)

// rdsRoots holds the root certificates of RDS in the commercial regions, one
// section for each region. See internal/cmd/rdsroots for how to renew it.
//
//go:generate go run ./internal/cmd/rdsroots -in global-bundle.pem -sha256 e5bb2084ccf45087bda1c9bffdea0eb15ee67f0b91646106e466714f9de3c7e3 -date 2026-09-21 -out roots/rds.pem
//go:embed roots/rds.pem
var rdsRoots string

// parsedRoots remembers the pools that were asked for: two for each region of the bundle
// at the most. Callers get copies, which they may change.
var parsedRoots sync.Map // trusted → *x509.CertPool

type trusted struct {
	region string
	system bool // and the roots of the system
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
	pool := trusted{e.region, origin == originRegionAndSystem}.pool()
	if pool == nil {
		return e.noRootsError()
	}
	config.RootCAs = pool.Clone()
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
		return certificatesPEM(parseRoots(regionSection(e.region))), origin == originRegionAndSystem, nil
	}
}

func certificatesPEM(certificates []*x509.Certificate) string {
	var text strings.Builder
	for _, certificate := range certificates {
		// A strings.Builder takes everything.
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	}
	return text.String()
}

func (e Endpoint) noRootsError() error {
	problem := configError("roots-missing", "endpoint", e.String(),
		"the embedded RDS roots (bundle of "+bundleDate()+") have none for the region "+e.region,
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

// pool returns the roots, nil if none are embedded for the region.
func (t trusted) pool() *x509.CertPool {
	if pool, ok := parsedRoots.Load(t); ok {
		return pool.(*x509.CertPool)
	}
	roots := parseRoots(regionSection(t.region))
	if len(roots) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	if t.system {
		// Without roots of the system the ones of RDS still verify nearly every
		// cluster.
		if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
	}
	for _, root := range roots {
		pool.AddCert(root)
	}
	kept, _ := parsedRoots.LoadOrStore(t, pool)
	return kept.(*x509.CertPool)
}

// regionSection cuts the certificates of one region out of the bundle, so that
// the others are never parsed.
func regionSection(region string) string {
	_, rest, _ := strings.Cut(rdsRoots, "\nregion: "+region+"\n")
	section, _, _ := strings.Cut(rest, "\nregion: ")
	return section
}

// parseRoots leaves out what does not parse; a test covers the whole bundle.
func parseRoots(section string) []*x509.Certificate {
	var roots []*x509.Certificate
	for block, rest := pem.Decode([]byte(section)); block != nil; block, rest = pem.Decode(rest) {
		if root, err := x509.ParseCertificate(block.Bytes); err == nil {
			roots = append(roots, root)
		}
	}
	return roots
}

// bundleDate returns the day of the embedded bundle, as 2006-01-02.
func bundleDate() string {
	_, rest, _ := strings.Cut(rdsRoots, "\nbundle date: ")
	date, _, _ := strings.Cut(rest, "\n")
	return date
}
