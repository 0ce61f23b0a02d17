package rdsiam

import (
	"crypto/x509"
	"net"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/internal/hostname"
)

// EndpointKind says what a host name addresses. It decides which root
// certificates are trusted and which causes an error text names first.
type EndpointKind uint8

// The kinds of endpoint. An Aurora instance endpoint has the same form as that
// of an RDS instance, so both are KindInstance.
const (
	KindOther         = EndpointKind(hostname.Other)         // a name outside the RDS grammar, taken because its region was given
	KindInstance      = EndpointKind(hostname.Instance)      // DB instance
	KindCluster       = EndpointKind(hostname.Cluster)       // writer endpoint of an Aurora or Multi-AZ DB cluster
	KindReader        = EndpointKind(hostname.Reader)        // reader endpoint of a cluster
	KindCustom        = EndpointKind(hostname.Custom)        // Aurora custom endpoint: can be dialed, never signed
	KindShardGroup    = EndpointKind(hostname.ShardGroup)    // Aurora Limitless shard group
	KindProxy         = EndpointKind(hostname.Proxy)         // RDS Proxy
	KindProxyEndpoint = EndpointKind(hostname.ProxyEndpoint) // additional endpoint of an RDS Proxy
	KindGlobalWriter  = EndpointKind(hostname.GlobalWriter)  // writer endpoint of an Aurora global database: names no region
	KindDSQL          = EndpointKind(hostname.DSQL)          // cluster of Aurora DSQL, for rdspgx alone
)

// String returns the kind in the words of the RDS documentation, such as
// "cluster endpoint".
func (k EndpointKind) String() string {
	switch k {
	case KindOther:
		return "other endpoint"
	case KindInstance:
		return "instance endpoint"
	case KindCluster:
		return "cluster endpoint"
	case KindReader:
		return "reader endpoint"
	case KindCustom:
		return "custom endpoint"
	case KindShardGroup:
		return "shard group endpoint"
	case KindProxy:
		return "proxy"
	case KindProxyEndpoint:
		return "proxy endpoint"
	case KindGlobalWriter:
		return "global writer endpoint"
	case KindDSQL:
		return "Aurora DSQL endpoint"
	}
	return "EndpointKind(" + strconv.Itoa(int(k)) + ")"
}

// Endpoint is the database endpoint that a login is for: the host, port and
// region that are signed into the token, and the rules for verifying the server
// that answers. Endpoints are comparable values and safe for concurrent use.
// The zero Endpoint is not valid; [ResolveEndpoint] makes valid ones.
type Endpoint struct {
	host           string // signed and verified: lower case, no trailing dot
	port           uint16
	region         string
	partition      string
	kind           EndpointKind
	dialedHost     string         // normalized; differs from host behind a tunnel or CNAME
	rootCAs        *x509.CertPool // from WithRootCAs; nil: chosen by kind and region
	callerVerifies bool           // WithCallerVerification
}

// Host returns the signed and verified host name, in lower case, without a
// trailing dot.
func (e Endpoint) Host() string { return e.host }

// Port returns the signed port.
func (e Endpoint) Port() uint16 { return e.port }

// Region returns the AWS region that is signed, such as "us-east-1".
func (e Endpoint) Region() string { return e.region }

// Partition returns the AWS partition of the region, such as "aws" or "aws-cn".
func (e Endpoint) Partition() string { return e.partition }

// Kind says what the endpoint addresses.
func (e Endpoint) Kind() EndpointKind { return e.kind }

// IsZero reports whether e is the zero Endpoint, which is not valid.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// String returns the signed address as host:port, and "" for the zero Endpoint.
func (e Endpoint) String() string {
	if e.IsZero() {
		return ""
	}
	return net.JoinHostPort(e.host, strconv.Itoa(int(e.port)))
}

// ResolveEndpoint tells from the address that is about to be dialed, "host",
// "host:port" or "[ipv6]:port", which endpoint a token has to be signed for. The
// case of the host and a trailing dot do not matter; a missing port is
// defaultPort (5432 for PostgreSQL, 3306 for MySQL). It does no I/O.
//
// The region comes from [WithRegion] or else from the host name. What can't be
// signed is refused: sockets always; IP addresses, localhost, names outside the
// RDS grammar and Aurora custom endpoints unless an option says what is behind
// them. Every error is a [*ConfigError].
//
// A cluster of Aurora DSQL (CLUSTER.dsql.REGION.on.aws) is an endpoint like the others, for
// PostgreSQL only. Its tokens are signed for another service and without the port.
//
// See "Connecting to your DB instance using IAM authentication" in the Amazon
// RDS and Aurora user guides for what may be signed.
func ResolveEndpoint(dialed string, defaultPort uint16, options ...EndpointOption) (Endpoint, error) {
	settings, err := newEndpointSettings(options)
	if err != nil {
		return Endpoint{}, err
	}
	if strings.HasPrefix(dialed, "/") || strings.HasPrefix(dialed, "@") {
		return Endpoint{}, configError("endpoint-unix-socket", "endpoint", shownAddress(dialed),
			"a unix socket has no TLS, and the token may travel only inside verified TLS",
			"connect over TCP to the RDS endpoint")
	}
	if settings.endpoint == "" {
		return settings.resolve("endpoint", dialed, defaultPort)
	}
	// Tunnels are dialed by names of their own; only the signed endpoint has to
	// be well-formed.
	dialedHost, _, ok := hostname.Split(dialed)
	if !ok {
		dialedHost = dialed
	}
	dialedHost = hostname.Normalize(dialedHost)
	if dialedHost == "" {
		return Endpoint{}, emptyHostError("endpoint", dialed)
	}
	endpoint, err := settings.resolve("WithEndpoint", settings.endpoint, defaultPort)
	if err != nil {
		return Endpoint{}, err
	}
	endpoint.dialedHost = dialedHost
	return endpoint, nil
}

// resolve makes the endpoint that is signed for address. Setting names the
// source of address in errors.
func (s endpointSettings) resolve(setting, address string, defaultPort uint16) (Endpoint, error) {
	host, port, err := parseAddress(setting, address, defaultPort)
	if err != nil {
		return Endpoint{}, err
	}
	endpoint := Endpoint{host: host, port: port, dialedHost: host, rootCAs: s.rootCAs, callerVerifies: s.callerVerifies}
	name, known := hostname.Parse(host)
	if err := refuseUnsignable(setting, host, name, known); err != nil {
		return Endpoint{}, err
	}
	endpoint.kind = EndpointKind(name.Kind)
	endpoint.region, endpoint.partition, err = s.regionOf(setting, host, name, known)
	if err != nil {
		return Endpoint{}, err
	}
	return endpoint, nil
}

// refuseUnsignable refuses hosts for which no token of RDS can be valid.
func refuseUnsignable(setting, host string, name hostname.Name, known bool) error {
	switch {
	case hostname.IsIP(host) || host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return configError("endpoint-ip-address", setting, host,
			"a token is signed for the name of an RDS endpoint, not for an IP address or a local name",
			"name the RDS endpoint; behind a tunnel dial the tunnel and name the endpoint with WithEndpoint")
	case !known && hostname.NamesDSQL(host):
		return configError("endpoint-dsql", setting, host,
			"a name of Aurora DSQL that is not one of a cluster, for which a token is signed",
			"name the cluster, CLUSTER.dsql.REGION.on.aws; behind PrivateLink or a tunnel dial this name and name the cluster with WithEndpoint")
	case known && name.Kind == hostname.Custom:
		return configError("endpoint-custom", setting, host,
			"AWS does not accept tokens that are signed for an Aurora custom endpoint",
			"give the cluster endpoint (…cluster-…, without custom) with WithEndpoint and dial this one")
	case !known && hostname.IsAWS(host):
		return configError("endpoint-not-rds", setting, host,
			"a name of AWS that is not one of an RDS endpoint, so no database takes a token for it",
			"check the spelling (RDS names look like NAME.ID.REGION.rds.amazonaws.com); behind a load balancer or another service, dial this name and name the RDS endpoint with WithEndpoint")
	}
	return nil
}

// regionOf applies the region rule: given, else read from the host, else an error.
func (s endpointSettings) regionOf(setting, host string, name hostname.Name, known bool) (region, partition string, err error) {
	switch {
	case !known && s.region == "":
		return "", "", configError("endpoint-unknown", setting, host,
			"not the name of an RDS endpoint, so its region and the name to sign are unknown",
			"check the spelling (RDS names look like NAME.ID.REGION.rds.amazonaws.com); for an alias, name the RDS endpoint behind it with WithEndpoint, or give WithRegion to sign this name as it is")
	case !known:
		partition = hostname.PartitionOf(s.region)
		if partition == "" {
			partition = hostname.Commercial
		}
		return s.region, partition, nil
	case name.Region == "" && s.region == "":
		return "", "", configError("endpoint-global-writer", setting, host,
			"the writer endpoint of a global database does not tell its region",
			"give the region of the current writer with WithRegion, or its cluster endpoint with WithEndpoint")
	case name.Region == "":
		partition, ok := hostname.PartitionIn(name.Domain, s.region)
		if !ok {
			return "", "", configError("region-contradicts-host", "WithRegion", s.region,
				"contradicts the host name "+strconv.Quote(host)+": regions of that partition are not in "+name.Domain,
				"give the region of the current writer")
		}
		return s.region, partition, nil
	case s.region != "" && s.region != name.Region:
		return "", "", configError("region-contradicts-host", "WithRegion", s.region,
			"contradicts the host name "+strconv.Quote(host)+", which is in "+name.Region,
			"correct one of them, or leave WithRegion out")
	}
	return name.Region, name.Partition, nil
}

// parseAddress returns the normalized host and the port of address.
func parseAddress(setting, address string, defaultPort uint16) (host string, port uint16, err error) {
	rawHost, rawPort, ok := hostname.Split(address)
	host = hostname.Normalize(rawHost)
	if ok && host == "" {
		return "", 0, emptyHostError(setting, address)
	}
	if strings.Contains(address, "@") {
		// Not shown: what stands before it may be a password.
		return "", 0, configError("endpoint-at-sign", setting, "",
			"has an @ in it, which no host name has",
			"write an @ in the user of a postgres:// URL as %40; give nothing but host or host:port as endpoint")
	}
	if !ok || !hostname.IsIP(host) && !hostname.IsName(host) {
		return "", 0, configError("endpoint-form", setting, shownAddress(address),
			"not a host name with an optional port (letters, digits and hyphens; labels of at most 63 and names of at most 253 characters)",
			"give host or host:port, not a URL or DSN")
	}
	if rawPort == "" && defaultPort != 0 {
		return host, defaultPort, nil
	}
	number, err := strconv.ParseUint(rawPort, 10, 16)
	if err != nil || number == 0 {
		return "", 0, configError("endpoint-port", setting, shownAddress(address),
			"the port is part of what is signed and must be a number from 1 to 65535",
			"give host:port")
	}
	return host, uint16(number), nil
}

func emptyHostError(setting, address string) error {
	return configError("endpoint-empty", setting, address,
		"the host is empty", "give the RDS endpoint as host or host:port")
}

// shownAddress is what an error may show of an address: not what looks
// like a URL or DSN, which may carry a password, and not a page of text.
func shownAddress(address string) string {
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") && strings.ContainsAny(address, "@/=? \t\r\n") {
		return ""
	}
	if len(address) > hostname.MaxName+len(":65535") {
		return address[:hostname.MaxLabel] + "…"
	}
	return address
}

// EndpointOption changes how [ResolveEndpoint] reads a dialed address, or how
// the TLS configuration of the endpoint is made. Of two options of the same
// kind the last one counts.
type EndpointOption func(*endpointSettings) error

type endpointSettings struct {
	region         string // "": not given
	endpoint       string // "": not given
	rootCAs        *x509.CertPool
	callerVerifies bool
}

// WithRegion gives the AWS region of the database, such as "us-east-1". It is
// needed only where the host name does not say it: for the writer endpoint of a
// global database (the region of the current writer), and for names outside AWS's
// domains, which are then signed as they are. It does not turn a name inside AWS's
// domains into an RDS endpoint: other services and misspelled names stay refused. A
// region that contradicts the host name is an error, and so is an empty one. The
// region is never taken from the environment.
func WithRegion(region string) EndpointOption {
	return func(s *endpointSettings) error {
		if !hostname.IsRegion(region) {
			return configError("region-form", "WithRegion", region,
				"not the name of a region, which looks like us-east-1 (us-east-1a is an availability zone)",
				"give the region of the database, or leave WithRegion out where the host name tells it")
		}
		s.region = region
		return nil
	}
}

// WithEndpoint gives the endpoint that is signed and that the server must prove
// to be, as "host" or "host:port", when another address is dialed: a tunnel, a
// CNAME, an IP address, an Aurora custom endpoint. Without a port it takes the
// default port of the driver, not the port that is dialed. It does not fit
// configurations of several hosts, which are different endpoints.
func WithEndpoint(hostport string) EndpointOption {
	return func(s *endpointSettings) error {
		if hostport == "" {
			return emptyHostError("WithEndpoint", hostport)
		}
		s.endpoint = hostport
		return nil
	}
}

// WithRootCAs gives the root certificates to trust, in place of the ones that
// the kind and region of the endpoint would choose. Regions of AWS GovCloud and
// China need it. The pool must not be changed afterwards; nil is an error.
func WithRootCAs(pool *x509.CertPool) EndpointOption {
	return func(s *endpointSettings) error {
		if pool == nil {
			return configError("root-cas-nil", "WithRootCAs", "",
				"the certificate pool is nil",
				"give a pool with the root certificates, or leave WithRootCAs out")
		}
		s.rootCAs = pool
		return nil
	}
}

// WithCallerVerification keeps InsecureSkipVerify in a tls.Config whose
// VerifyConnection callback verifies the server itself. Without it
// InsecureSkipVerify is always raised to full verification. A tls.Config that
// sets InsecureSkipVerify and has no VerifyConnection is refused even with this
// option: it relaxes who verifies, never whether the connection is verified and
// encrypted.
func WithCallerVerification() EndpointOption {
	return func(s *endpointSettings) error {
		s.callerVerifies = true
		return nil
	}
}

func newEndpointSettings(options []EndpointOption) (endpointSettings, error) {
	if len(options) == 0 {
		return endpointSettings{}, nil
	}
	s := new(endpointSettings)
	for _, option := range options {
		if option == nil {
			return *s, configError("option-nil", "EndpointOption", "",
				"an option is nil",
				"leave it out")
		}
		if err := option(s); err != nil {
			return *s, err
		}
	}
	return *s, nil
}
