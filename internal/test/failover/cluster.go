package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/internal/test/link"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// The names of the cluster.
const (
	clusterHost = "prod.cluster-abc123.eu-west-1.rds.amazonaws.com"
	firstHost   = "prod-1.abc123.eu-west-1.rds.amazonaws.com"
	secondHost  = "prod-2.abc123.eu-west-1.rds.amazonaws.com"
)

// instance is a name that leads to one server after the other.
type instance struct {
	server atomic.Pointer[realserver.Server] // nil while there is none
	link   link.Link
	ip     string // what its name resolves to
}

// cluster is two instances, the first of which takes writes, and a name for the writer.
type cluster struct {
	engine        *engine
	verifier      *rdsiamtest.Server // checks the tokens of all names
	certificate   tls.Certificate    // of both instances, for all names
	roots         *x509.CertPool
	first, second instance
	writer        atomic.Pointer[instance] // where the cluster's name leads
	retired       []*realserver.Server

	mu     sync.Mutex
	logins map[string]int // guarded by mu: that were let in, by user
}

func startCluster(ctx context.Context, e *engine, users []string) (*cluster, error) {
	c := &cluster{engine: e, logins: make(map[string]int)}
	c.first.ip, c.second.ip = "192.0.2.1", "192.0.2.2"
	c.writer.Store(&c.first)
	var err error
	if c.certificate, c.roots, err = newCertificate(clusterHost, firstHost, secondHost); err != nil {
		return nil, err
	}
	c.verifier, err = e.verifier(rdsiamtest.WithIAMUser(users...), rdsiamtest.WithEndpoint(e.endpoint(clusterHost)),
		rdsiamtest.WithEndpoint(e.endpoint(firstHost)), rdsiamtest.WithEndpoint(e.endpoint(secondHost)))
	if err != nil {
		return nil, err
	}
	primary, err := e.startPrimary(ctx, c, users)
	if err == nil {
		c.first.server.Store(primary)
		err = c.follow(ctx, &c.second, primary)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// follow starts a server for an instance that follows another.
func (c *cluster) follow(ctx context.Context, i *instance, primary *realserver.Server) error {
	replica, err := c.engine.startReplica(ctx, c, primary)
	if err != nil {
		return err
	}
	i.server.Store(replica)
	return nil
}

// check is how the servers ask whether a token is good.
func (c *cluster) check(ctx context.Context, user, token string) error {
	if err := c.verifier.Verify(ctx, user, token); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins[user]++
	return nil
}

func (c *cluster) loginsOf(user string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logins[user]
}

func (c *cluster) credentials() aws.CredentialsProvider { return c.verifier.Credentials() }

// lookUp is the DNS of the cluster.
func (c *cluster) lookUp(_ context.Context, host string) ([]string, error) {
	switch host {
	case clusterHost:
		return []string{c.writer.Load().ip}, nil
	case firstHost:
		return []string{c.first.ip}, nil
	case secondHost:
		return []string{c.second.ip}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// dialLimit is what the drivers' own dialers have for connect_timeout=2 and timeout=2s. pgx
// dials its cancel requests with nothing else to end them.
const dialLimit = 2 * time.Second

// dial connects to a name, or to an address that lookUp gave.
func (c *cluster) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ips, err := c.lookUp(ctx, host); err == nil {
		host = ips[0]
	}
	i := &c.first
	// pgx sends its cancel requests to the address of the connection.
	if second := c.second.server.Load(); host == c.second.ip || second != nil && address == second.Addr() {
		i = &c.second
	}
	server := i.server.Load()
	if server == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	return i.link.Dial(ctx, server.Addr())
}

func (c *cluster) close() {
	for _, server := range append(c.retired, c.second.server.Load(), c.first.server.Load()) {
		if server != nil {
			server.Close()
		}
	}
	c.verifier.Close()
}
