package endpoints

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/rdsiam/rdsiam"
)

// rootsOf is what decides, with the options of a Resolver, which roots are trusted.
type rootsOf struct {
	region string
	kind   rdsiam.EndpointKind
}

// TLSConfig is endpoint.TLSConfig for an endpoint of this Resolver. All connections of
// the Resolver have one pool of embedded roots: a copy for each would take longer than
// signing its token.
func (r *Resolver) TLSConfig(endpoint rdsiam.Endpoint, base *tls.Config) (*tls.Config, error) {
	config := base.Clone() // nil of nil
	if config == nil {
		config = new(tls.Config)
	}
	if err := r.SecureTLS(endpoint, config); err != nil {
		return nil, err
	}
	return config, nil
}

// SecureTLS is endpoint.SecureTLS in the same way.
func (r *Resolver) SecureTLS(endpoint rdsiam.Endpoint, config *tls.Config) error {
	if config == nil || config.RootCAs != nil {
		return endpoint.SecureTLS(config)
	}
	of := rootsOf{endpoint.Region(), endpoint.Kind()}
	if pool, ok := r.roots.Load(of); ok {
		config.RootCAs = pool.(*x509.CertPool)
		return endpoint.SecureTLS(config)
	}
	if err := endpoint.SecureTLS(config); err != nil || config.RootCAs == nil {
		return err
	}
	pool, _ := r.roots.LoadOrStore(of, config.RootCAs)
	config.RootCAs = pool.(*x509.CertPool)
	return nil
}
