package rdsiamtest_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A failover: the writer becomes a reader, and the reader the writer. With
// target_session_attrs=read-write the client finds the writer.
func ExampleFaults_readOnly() {
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		log.Fatal(err)
	}
	servers := make(map[string]*rdsiamtest.Server) // by endpoint
	var hosts [2]string
	for i := range hosts {
		options := []rdsiamtest.Option{
			rdsiamtest.WithEndpoint(fmt.Sprintf("instance-%d.abc123.eu-west-1.rds.amazonaws.com", i+1)),
			rdsiamtest.WithIAMUser("app"), rdsiamtest.WithCertificateAuthority(authority), rdsiamtest.WithInMemory(),
		}
		if i > 0 { // both know one identity
			options = append(options, rdsiamtest.WithIdentity(servers[hosts[0]].Identities()[0]))
		}
		server, err := rdsiamtest.NewPostgreSQL(options...)
		if err != nil {
			log.Fatal(err)
		}
		defer server.Close()
		hosts[i] = server.Endpoint()
		servers[hosts[i]] = server
	}
	config, err := pgx.ParseConfig("postgres://app@" + hosts[0] + "," + hosts[1] + "/postgres?target_session_attrs=read-write")
	if err != nil {
		log.Fatal(err)
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return servers[address].DialContext(ctx, network, address)
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(authority.RootCAs()))
	if err != nil {
		log.Fatal(err)
	}
	connector := rdsiam.NewConnector(pg, rdsiam.NewTokenSource(servers[hosts[0]].Credentials()))
	connect := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		conn, err := connector.Connect(ctx)
		if err != nil {
			log.Fatal(err)
		}
		defer conn.Close()
		fmt.Println("logins:", len(servers[hosts[0]].Logins()), "and", len(servers[hosts[1]].Logins()))
	}
	makeReader := func(reader string) {
		for host, server := range servers {
			server.SetFaults(rdsiamtest.Faults{ReadOnly: host == reader})
			server.DropConnections()
		}
	}
	makeReader(hosts[1])
	connect()
	makeReader(hosts[0])
	connect()
	// Output:
	// logins: 1 and 0
	// logins: 2 and 1
}
