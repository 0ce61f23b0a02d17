// Package endpoints resolves the addresses that the drivers dial.
package endpoints

import (
	"slices"
	"sync/atomic"

	"github.com/rdsiam/rdsiam"
)

// Resolver is [rdsiam.ResolveEndpoint] with a default port and options that stay the
// same. It remembers its last answer: a pool dials one endpoint for as long as it lives,
// and reading the name would be a quarter of what a log-in with a token costs the client
// beyond one with a password. It is safe for concurrent use.
type Resolver struct {
	defaultPort uint16
	options     []rdsiam.EndpointOption
	last        atomic.Pointer[answer]
}

type answer struct {
	address  string
	endpoint rdsiam.Endpoint
}

// NewResolver returns a Resolver for addresses whose port, where they have none, is
// defaultPort.
func NewResolver(defaultPort uint16, options ...rdsiam.EndpointOption) *Resolver {
	return &Resolver{defaultPort: defaultPort, options: slices.Clone(options)}
}

// Resolve returns the endpoint that a log-in at address is for.
func (r *Resolver) Resolve(address string) (rdsiam.Endpoint, error) {
	if last := r.last.Load(); last != nil && last.address == address {
		return last.endpoint, nil
	}
	endpoint, err := rdsiam.ResolveEndpoint(address, r.defaultPort, r.options...)
	if err != nil {
		return rdsiam.Endpoint{}, err
	}
	r.last.Store(&answer{address, endpoint})
	return endpoint, nil
}
