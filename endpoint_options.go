package rdsiam

import (
	"crypto/x509"

	"github.com/rdsiam/rdsiam/internal/hostname"
)

// EndpointOption changes how [ResolveEndpoint] reads a dialed address, or how
// the TLS configuration of the endpoint is made. Of two options of the same
// kind the last one counts.
type EndpointOption func(*endpointSettings) error

type endpointSettings struct {
	region         string // "": not given
	endpoint       string // "": not given
	rootCAs        *x509.CertPool
	callerVerifies bool
}

// WithRegion gives the AWS region of the database, such as "us-east-1". It is
// needed only where the host name does not say it: for the writer endpoint of a
// global database (the region of the current writer), and for names outside AWS's
// domains, which are then signed as they are. It does not turn a name inside AWS's
// domains into an RDS endpoint: other services and misspelled names stay refused. A
// region that contradicts the host name is an error, and so is an empty one. The
// region is never taken from the environment.
func WithRegion(region string) EndpointOption {
	return func(s *endpointSettings) error {
		if !hostname.IsRegion(region) {
			return configError("region-form", "WithRegion", region,
				"not the name of a region, which looks like us-east-1 (us-east-1a is an availability zone)",
				"give the region of the database, or leave WithRegion out where the host name tells it")
		}
		s.region = region
		return nil
	}
}

// WithEndpoint gives the endpoint that is signed and that the server must prove
// to be, as "host" or "host:port", when another address is dialed: a tunnel, a
// CNAME, an IP address, an Aurora custom endpoint. Without a port it takes the
// default port of the driver, not the port that is dialed. It does not fit
// configurations of several hosts, which are different endpoints.
func WithEndpoint(hostport string) EndpointOption {
	return func(s *endpointSettings) error {
		if hostport == "" {
			return emptyHostError("WithEndpoint", hostport)
		}
		s.endpoint = hostport
		return nil
	}
}

// WithRootCAs gives the root certificates to trust, in place of the ones that
// the kind and region of the endpoint would choose. Regions of AWS GovCloud and
// China need it. The pool must not be changed afterwards; nil is an error.
func WithRootCAs(pool *x509.CertPool) EndpointOption {
	return func(s *endpointSettings) error {
		if pool == nil {
			return configError("root-cas-nil", "WithRootCAs", "",
				"the certificate pool is nil",
				"give a pool with the root certificates, or leave WithRootCAs out")
		}
		s.rootCAs = pool
		return nil
	}
}

// WithCallerVerification keeps InsecureSkipVerify in a tls.Config whose
// VerifyConnection callback verifies the server itself. Without it
// InsecureSkipVerify is always raised to full verification. A tls.Config that
// sets InsecureSkipVerify and has no VerifyConnection is refused even with this
// option: it relaxes who verifies, never whether the connection is verified and
// encrypted.
func WithCallerVerification() EndpointOption {
	return func(s *endpointSettings) error {
		s.callerVerifies = true
		return nil
	}
}

func newEndpointSettings(options []EndpointOption) (endpointSettings, error) {
	if len(options) == 0 {
		return endpointSettings{}, nil
	}
	s := new(endpointSettings)
	for _, option := range options {
		if option == nil {
			return *s, configError("option-nil", "EndpointOption", "",
				"an option is nil",
				"leave it out")
		}
		if err := option(s); err != nil {
			return *s, err
		}
	}
	return *s, nil
}
