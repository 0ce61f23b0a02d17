package rdspgx_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// network leads each host name to a server of its own, at several addresses.
type network struct {
	hosts   []string
	servers []interface {
		DialContext(context.Context, string, string) (net.Conn, error)
	}
	addresses int

	mu    sync.Mutex
	dials map[string]int // guarded by mu; of each host
}

func (n *network) LookupHost(_ context.Context, host string) ([]string, error) {
	for i, name := range n.hosts {
		if name == host {
			addresses := make([]string, max(1, n.addresses))
			for k := range addresses {
				addresses[k] = fmt.Sprintf("10.0.%d.%d", i, k+1)
			}
			return addresses, nil
		}
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (n *network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var i, k, port int
	if _, err := fmt.Sscanf(address, "10.0.%d.%d:%d", &i, &k, &port); err != nil {
		return nil, err
	}
	n.mu.Lock()
	if n.dials == nil {
		n.dials = make(map[string]int)
	}
	n.dials[n.hosts[i]]++
	n.mu.Unlock()
	return n.servers[i].DialContext(ctx, network, address)
}

// twoServers starts a server for instance and one for other, with one authority and one
// identity, so that one hook serves both.
func twoServers(t testing.TB, addresses int) (n *network, first, second *rdsiamtest.Server) {
	t.Helper()
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	common := []rdsiamtest.Option{rdsiamtest.WithIAMUser("app"), rdsiamtest.WithCertificateAuthority(authority)}
	first = rdsiamtest.StartPostgreSQL(t, append(common, rdsiamtest.WithEndpoint(instance))...)
	second = rdsiamtest.StartPostgreSQL(t, append(common, rdsiamtest.WithEndpoint(other))...)
	identity := second.Identities()[0]
	identity.Credentials = first.Identities()[0].Credentials
	if err := second.SetIdentities(identity); err != nil {
		t.Fatal(err)
	}
	n = &network{hosts: []string{instance, other}, addresses: addresses}
	n.servers = append(n.servers, first, second)
	return n, first, second
}

// config returns a configuration that uses the network.
func (n *network) config(t testing.TB, dsn string) *pgx.ConnConfig {
	t.Helper()
	config := parse(t, dsn)
	config.DialFunc, config.LookupFunc = n.DialContext, n.LookupHost
	return config
}
