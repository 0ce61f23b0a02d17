package rdsiamtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam"
)

func (s *Server) resolveEndpoints() ([]endpoint, error) {
	var options []rdsiam.EndpointOption
	if s.region != "" {
		options = append(options, rdsiam.WithRegion(s.region))
	}
	var endpoints []endpoint
	for _, hostport := range s.hostports {
		resolved, err := s.resolveEndpoint(hostport, options)
		if err != nil {
			return nil, fmt.Errorf("WithEndpoint(%q): %w", hostport, err)
		}
		endpoints = append(endpoints, resolved)
	}
	return endpoints, nil
}

// endpointOf returns the endpoint that a login is for: of those that fit the
// server name, the dialed host, the dialed port and the token best, in this order,
// the first. A client may dial an address instead of a name and a forwarded port
// instead of the signed one, so what fits no endpoint decides nothing.
func (s *Server) endpointOf(r loginRequest) endpoint {
	dialedHost, dialedPort, _ := net.SplitHostPort(r.dialed)
	named := s.namedEndpoint(r.token)
	candidates := s.endpoints
	narrow := func(fits func(endpoint) bool) {
		var fitting []endpoint
		for _, candidate := range candidates {
			if fits(candidate) {
				fitting = append(fitting, candidate)
			}
		}
		if len(fitting) > 0 {
			candidates = fitting
		}
	}
	narrow(func(e endpoint) bool { return e.Host() == hostName(r.serverName) })
	narrow(func(e endpoint) bool { return e.Host() == hostName(dialedHost) })
	narrow(func(e endpoint) bool { return portText(e) == dialedPort })
	narrow(func(e endpoint) bool { return e.String() == named })
	return candidates[0]
}

func hostName(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

func portText(e endpoint) string { return strconv.Itoa(int(e.Port())) }

// Endpoint returns the first endpoint of the server as host:port.
func (s *Server) Endpoint() string { return s.endpoints[0].String() }

// DSN returns a connection string for the driver's ParseDSN that names the
// first endpoint of the server and carries no password:
// postgres://user@host:port/postgres or user@tcp(host:port)/mysql. Nothing
// listens at that address: give the driver DialContext.
func (s *Server) DSN(user string) string {
	if s.engine == mySQL {
		return fmt.Sprintf("%s@tcp(%s)/mysql", user, s.Endpoint())
	}
	dsn := url.URL{Scheme: "postgres", User: url.User(user), Host: s.Endpoint(), Path: "/postgres"}
	return dsn.String()
}

// Addr returns the address that the server listens on, for clients that cannot
// use DialContext. It is nil with WithInMemory.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// LookupHost returns loopback addresses for the names of the server's endpoints
// and a [*net.DNSError] for others.
func (s *Server) LookupHost(ctx context.Context, host string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, endpoint := range s.endpoints {
		if endpoint.Host() != hostName(host) {
			continue
		}
		addresses := make([]string, s.addresses)
		for i := range addresses {
			addresses[i] = "127.0.0." + strconv.Itoa(i+1)
		}
		return addresses, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, Server: "rdsiamtest", IsNotFound: true}
}

// DialContext connects to the server, whatever the network and the address. The
// address tells the server which endpoint is meant, where it has several. It fails
// while the server has an upstream ([WithUpstream]) that cannot be reached.
func (s *Server) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	upstream, err := s.dialUpstream(ctx)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if s.listener != nil {
		return s.dialTCP(ctx, address, upstream)
	}
	client, server := memoryPipe(address)
	conn := s.newClientConn(server)
	conn.dialed, conn.upstream = address, upstream
	conn.logIn.Store(s.beginLogin(client.closed))
	if !s.start(conn, nil) {
		s.endLogin(conn.logIn.Load())
		client.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("the rdsiamtest server is closed")}
	}
	return client, nil
}
