package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
)

// checkEndpoint finds out what the name addresses and whether a token can be signed for it.
func checkEndpoint(ctx context.Context, c *chart) Result {
	options := c.endpointOptions()
	address := c.Endpoint
	if c.Dial != "" {
		address = c.Dial
		options = append(options, rdsiam.WithEndpoint(c.Endpoint))
	}
	c.dialed = withPort(address, c.DefaultPort)
	endpoint, err := rdsiam.ResolveEndpoint(address, c.DefaultPort, options...)
	if err != nil {
		return c.unsignable(ctx, err)
	}
	c.endpoint = endpoint
	if c.Dial == "" {
		c.dialed = endpoint.String()
	}
	if endpoint.Kind() == rdsiam.KindOther {
		return warning("%s is no name of RDS; it is signed as it is, for %s", endpoint.Host(), endpoint.Region()).
			fix("RDS refuses it unless this is the database's own name; name that, and dial this one",
				c.commandLine().at(exampleName(c.Engine), c.dialed).String())
	}
	result := found("%s in %s, %s on port %d", endpoint.Kind(), endpoint.Region(), c.Engine, endpoint.Port())
	if c.Dial != "" {
		result.Found += ", dialed as " + c.dialed
	}
	return result
}

func (c *chart) endpointOptions() []rdsiam.EndpointOption {
	var options []rdsiam.EndpointOption
	if c.Region != "" {
		options = append(options, rdsiam.WithRegion(c.Region))
	}
	if c.RootCAs != nil {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(c.RootCAs)
		options = append(options, rdsiam.WithRootCAs(pool))
	}
	return options
}

// unsignable explains a name for which no token can be made.
func (c *chart) unsignable(ctx context.Context, err error) Result {
	var config *rdsiam.ConfigError
	if !errors.As(err, &config) {
		return failed("%v", err)
	}
	host := strings.ToLower(hostOf(c.Endpoint))
	result := failed("%s: %s", config.Value, errortext.Config(config).Problem)
	result.Code = config.Code
	switch config.Code {
	case "region-form", "region-contradicts-host":
		return result.fix("leave --region out where the host name tells it", c.withRegion(""))
	case "endpoint-ip-address":
		return result.fix("name the database and dial the address",
			c.commandLine().at(exampleName(c.Engine), c.dialed).String())
	case "endpoint-custom":
		_, rest, _ := strings.Cut(host, ".cluster-custom-")
		return result.fix("name the cluster and dial this endpoint",
			c.commandLine().at(withPort("CLUSTER.cluster-"+rest, c.DefaultPort), c.dialed).String())
	case "endpoint-global-writer":
		return result.fix("say in which region the writer is now", c.withRegion("REGION"))
	case "endpoint-dsql":
		return result.fix("name the cluster and dial this name", c.commandLine().at("CLUSTER.dsql.REGION.on.aws", c.dialed).String())
	}
	if alias := c.aliasOf(ctx, host); alias != "" {
		result.Found = host + " is an alias of " + alias + ", and only that can be signed"
		return result.fix("name the database and dial the alias", c.commandLine().at(withPort(alias, c.DefaultPort), c.dialed).String())
	}
	return result.fix("check the spelling; behind an alias or tunnel name the database and dial the alias",
		c.commandLine().at(exampleName(c.Engine), c.dialed).String())
}

func (c *chart) withRegion(region string) string {
	line := c.commandLine()
	line.region = region
	return line.String()
}

// aliasOf returns the name of RDS that host is an alias of in the DNS, "" if it is none or
// the network cannot tell. RDS itself has aliases further on, which hide it.
func (c *chart) aliasOf(ctx context.Context, host string) string {
	resolver, ok := c.Network.(interface {
		LookupCNAME(ctx context.Context, host string) (string, error)
	})
	if !ok {
		return ""
	}
	name, err := resolver.LookupCNAME(ctx, host)
	name = strings.TrimSuffix(name, ".")
	if err != nil || name == host {
		return ""
	}
	if endpoint, err := rdsiam.ResolveEndpoint(name, c.DefaultPort); err != nil || endpoint.Kind() == rdsiam.KindOther {
		return ""
	}
	return name
}

// exampleName stands for the name of a database that only its owner knows.
func exampleName(engine Engine) string {
	if engine == MySQL {
		return "NAME.ID.REGION.rds.amazonaws.com:3306"
	}
	return "NAME.ID.REGION.rds.amazonaws.com:5432"
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

func withPort(address string, port uint16) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), strconv.Itoa(int(port)))
}
