// Package roots holds the root certificates of RDS in the commercial regions. Those of a
// region are parsed when they are first needed.
package roots

import (
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"strings"
	"sync"
)

// bundle has one section for each region. See internal/cmd/rdsroots for how to renew it.
//
//go:generate go run ../cmd/rdsroots -in ../../global-bundle.pem -sha256 e5bb2084ccf45087bda1c9bffdea0eb15ee67f0b91646106e466714f9de3c7e3 -date 2026-09-21 -out rds.pem
//go:embed rds.pem
var bundle string

// pools remembers those that were asked for: two for each region of the bundle at the most.
var pools sync.Map // trusted → *x509.CertPool

type trusted struct {
	region string
	system bool // and the roots of the system
}

// Pool returns a copy of the roots of a region, which the caller may change, with those of
// the system if that is asked for. It is nil if none are embedded for the region.
func Pool(region string, system bool) *x509.CertPool {
	shared := trusted{region, system}.pool()
	if shared == nil {
		return nil
	}
	return shared.Clone()
}

// pool returns the roots, nil if none are embedded for the region.
func (t trusted) pool() *x509.CertPool {
	if pool, ok := pools.Load(t); ok {
		return pool.(*x509.CertPool)
	}
	roots := parse(section(t.region))
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
	kept, _ := pools.LoadOrStore(t, pool)
	return kept.(*x509.CertPool)
}

// section cuts the certificates of one region out of the bundle, so that
// the others are never parsed.
func section(region string) string {
	_, rest, _ := strings.Cut(bundle, "\nregion: "+region+"\n")
	text, _, _ := strings.Cut(rest, "\nregion: ")
	return text
}

// parse leaves out what does not parse; a test covers the whole bundle.
func parse(text string) []*x509.Certificate {
	var roots []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if root, err := x509.ParseCertificate(block.Bytes); err == nil {
			roots = append(roots, root)
		}
	}
	return roots
}

// Date returns the day of the embedded bundle, as 2006-01-02.
func Date() string {
	_, rest, _ := strings.Cut(bundle, "\nbundle date: ")
	date, _, _ := strings.Cut(rest, "\n")
	return date
}
