package endpoints_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

const cluster = "c.cluster-abc123.us-east-1.rds.amazonaws.com"

func rootsFor(t testing.TB, resolver *endpoints.Resolver, host string, base *tls.Config) *x509.CertPool {
	t.Helper()
	endpoint, err := resolver.Resolve(host)
	if err != nil {
		t.Fatal(err)
	}
	config, err := resolver.TLSConfig(endpoint, base)
	if err != nil {
		t.Fatal(err)
	}
	want, err := endpoint.TLSConfig(base)
	if err != nil {
		t.Fatal(err)
	}
	if (want.RootCAs == nil) != (config.RootCAs == nil) || want.RootCAs != nil && !want.RootCAs.Equal(config.RootCAs) {
		t.Errorf("%s: other roots than Endpoint.TLSConfig has", host)
	}
	return config.RootCAs
}

// A Resolver copies embedded roots once, and shares them with no other Resolver.
func TestRootsOfAResolver(t *testing.T) {
	resolver, stranger := endpoints.NewResolver(5432), endpoints.NewResolver(5432)
	for _, host := range []string{one, cluster, other} {
		pool := rootsFor(t, resolver, host, nil)
		if rootsFor(t, resolver, host, new(tls.Config)) != pool {
			t.Errorf("%s: a second copy", host)
		}
		if rootsFor(t, stranger, host, nil) == pool {
			t.Errorf("%s: two resolvers share a pool", host)
		}
	}
	if rootsFor(t, resolver, one, nil) == rootsFor(t, resolver, other, nil) {
		t.Error("two regions share a pool")
	}
}

func TestRootsOfTheCallerStay(t *testing.T) {
	mine := x509.NewCertPool()
	resolver := endpoints.NewResolver(5432)
	rootsFor(t, resolver, one, nil)
	if rootsFor(t, resolver, one, &tls.Config{RootCAs: mine}) != mine {
		t.Error("the caller's RootCAs are lost")
	}
	if rootsFor(t, endpoints.NewResolver(5432, rdsiam.WithRootCAs(mine)), one, nil) != mine {
		t.Error("the roots of WithRootCAs are lost")
	}
	if rootsFor(t, resolver, "p.proxy-abc123.us-east-1.rds.amazonaws.com", nil) != nil {
		t.Error("a proxy has other roots than the system's")
	}
}

func BenchmarkRoots(b *testing.B) {
	resolver := endpoints.NewResolver(5432)
	endpoint, err := resolver.Resolve(cluster)
	if err != nil {
		b.Fatal(err)
	}
	for name, make := range map[string]func(*tls.Config) (*tls.Config, error){
		"endpoint": endpoint.TLSConfig,
		"resolver": func(base *tls.Config) (*tls.Config, error) { return resolver.TLSConfig(endpoint, base) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := make(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
