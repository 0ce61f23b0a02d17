package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/rdsiam/rdsiam"
)

// checkName looks the name up that is dialed.
func checkName(ctx context.Context, c *chart) Result {
	host := c.dialedHost()
	if _, err := netip.ParseAddr(host); err == nil {
		return skipped("%s is an address", host)
	}
	addresses, err := c.Network.LookupHost(ctx, host)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return failed("there is no host %s in the DNS", host).
			fix("check the spelling, and whether the database still exists; list what there is", c.listEndpoints())
	case err != nil:
		return failed("the DNS does not answer for %s: %v", host, err).
			fix("check the resolver of this machine", "nslookup "+host)
	}
	return found("%s", describeAddresses(addresses))
}

func describeAddresses(addresses []string) string {
	words := make([]string, len(addresses))
	for i, address := range addresses {
		words[i] = address
		if parsed, err := netip.ParseAddr(address); err == nil && parsed.IsPrivate() {
			words[i] += " (private: reached from its network only)"
		}
	}
	return strings.Join(words, ", ")
}

// listEndpoints is the command that tells the names of databases of this kind.
func (c *chart) listEndpoints() string {
	switch c.endpoint.Kind() {
	case rdsiam.KindProxy, rdsiam.KindProxyEndpoint:
		return c.awsCommand("rds describe-db-proxies", "--query 'DBProxies[].Endpoint'")
	case rdsiam.KindDSQL:
		return c.awsCommand("dsql list-clusters", "--query 'clusters[].identifier'")
	case rdsiam.KindCluster, rdsiam.KindReader, rdsiam.KindShardGroup:
		return c.awsCommand("rds describe-db-clusters", "--query 'DBClusters[].[Endpoint,Port]'")
	}
	return c.awsCommand("rds describe-db-instances", "--query 'DBInstances[].Endpoint'")
}

// checkTCP connects.
func checkTCP(ctx context.Context, c *chart) Result {
	conn, err := c.Network.DialContext(ctx, "tcp", c.dialed)
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case err == nil:
		remote := conn.RemoteAddr().String()
		conn.Close()
		c.reached = true
		return found("connected to %s", remote)
	case errors.As(err, &dns):
		return skipped("because of name: %s has no address", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED) && c.Dial != "":
		return failed("nothing listens on %s, where --dial leads", c.dialed).
			fix("start the tunnel, or dial the database itself", c.dialing(""))
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed("nothing listens on %s", c.dialed).
			fix("check the port; list the endpoints with theirs", c.listEndpoints())
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return failed("%s does not answer: a security group, firewall or missing route", c.dialed).
			fix("let this machine in, or dial a tunnel with --dial", c.openPort())
	}
	return failed("cannot connect to %s: %v", c.dialed, cause(err)).
		fix("fix the network of this machine, or dial a tunnel with --dial", c.dialing("HOST:PORT"))
}

// dialing is the command that was run, with another way to the database; "" is its own.
func (c *chart) dialing(address string) string {
	line := c.commandLine()
	line.dial = address
	return line.String()
}

func (c *chart) openPort() string {
	_, port, _ := net.SplitHostPort(c.dialed)
	return c.awsCommand("ec2 authorize-security-group-ingress",
		"--group-id SG-OF-THE-DATABASE --protocol tcp --port "+port+" --source-group SG-OF-THIS-MACHINE")
}

// cause is the innermost error: what is around it repeats the address.
func cause(err error) error {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Err != nil {
		return operation.Err
	}
	return err
}
