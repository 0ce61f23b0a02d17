// Package endpoints resolves the addresses that the drivers dial.
package endpoints

import (
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/rdsiam/rdsiam"
)

// Resolver is [rdsiam.ResolveEndpoint] with a default port and options that stay the
// same. It remembers its last answer: a pool dials one endpoint for as long as it lives,
// and reading the name would be a quarter of what a login with a token costs the client
// beyond one with a password. It is safe for concurrent use.
type Resolver struct {
	defaultPort uint16
	options     []rdsiam.EndpointOption
	last        atomic.Pointer[answer]
	roots       sync.Map // rootsOf → *x509.CertPool
}

type answer struct {
	host     string // that was asked for, with the port in it or apart
	port     uint16 // 0: not apart
	endpoint rdsiam.Endpoint
}

// NewResolver returns a Resolver for addresses whose port, where they have none, is
// defaultPort.
func NewResolver(defaultPort uint16, options ...rdsiam.EndpointOption) *Resolver {
	return &Resolver{defaultPort: defaultPort, options: slices.Clone(options)}
}

// Resolve returns the endpoint that a login at address is for.
func (r *Resolver) Resolve(address string) (rdsiam.Endpoint, error) {
	if last := r.last.Load(); last != nil && last.host == address && last.port == 0 {
		return last.endpoint, nil
	}
	return r.resolve(address, answer{host: address})
}

// ResolveHost does the same for a host and a port. Putting them together would take as
// long as the rest of it.
func (r *Resolver) ResolveHost(host string, port uint16) (rdsiam.Endpoint, error) {
	if last := r.last.Load(); last != nil && last.host == host && last.port == port && port != 0 {
		return last.endpoint, nil
	}
	return r.resolve(net.JoinHostPort(host, strconv.Itoa(int(port))), answer{host: host, port: port})
}

func (r *Resolver) resolve(address string, asked answer) (_ rdsiam.Endpoint, err error) {
	asked.endpoint, err = rdsiam.ResolveEndpoint(address, r.defaultPort, r.options...)
	if err == nil {
		r.last.Store(&asked)
	}
	return asked.endpoint, err
}
