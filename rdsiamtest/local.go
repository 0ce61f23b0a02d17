package rdsiamtest

import (
	"errors"
	"fmt"
	"net"

	"github.com/rdsiam/rdsiam"
)

// endpoint is an endpoint of a server. Other than those of rdsiam it may be a name of
// this machine: for clients that sign the name that they dial.
type endpoint struct {
	rdsiam.Endpoint
	local string // host name of this machine, "" for others
}

// Host returns the host name that tokens are signed for.
func (e endpoint) Host() string {
	if e.local != "" {
		return e.local
	}
	return e.Endpoint.Host()
}

// String returns host:port.
func (e endpoint) String() string { return net.JoinHostPort(e.Host(), portText(e)) }

const localName = "localhost"

var localAddress = net.IPv4(127, 0, 0, 1)

func isLocal(host string) bool { return host == localName || host == localAddress.String() }

// certificateNames are what the certificate for host is valid for. A client that dials an
// address names no server in its handshake, so a local name's is valid for both.
func certificateNames(host string) (names []string, addresses []net.IP) {
	if isLocal(host) {
		return []string{localName}, []net.IP{localAddress}
	}
	return []string{host}, nil
}

func (s *Server) resolveEndpoint(hostport string, options []rdsiam.EndpointOption) (endpoint, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, ""
	}
	if host = hostName(host); !isLocal(host) {
		resolved, err := rdsiam.ResolveEndpoint(hostport, s.engine.defaultPort(), options...)
		if s.engine == mySQL && resolved.Kind() == rdsiam.KindDSQL {
			err = errors.New("a cluster of Aurora DSQL speaks the protocol of PostgreSQL only")
		}
		return endpoint{Endpoint: resolved}, err
	}
	if s.region == "" {
		return endpoint{}, errors.New("a name of this machine tells no region: give WithRegion")
	}
	// A name outside the RDS grammar has the region that it is given.
	standIn := "local.invalid"
	if port != "" {
		standIn = net.JoinHostPort(standIn, port)
	}
	resolved, err := rdsiam.ResolveEndpoint(standIn, s.engine.defaultPort(), options...)
	if err != nil {
		return endpoint{}, fmt.Errorf("port %q, region %q: %w", port, s.region, err)
	}
	return endpoint{resolved, host}, nil
}
