package rdsiam_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

// resolved is what an endpoint says about itself.
type resolved struct {
	address, region, partition string
	kind                       rdsiam.EndpointKind
}

func describe(e rdsiam.Endpoint) resolved {
	return resolved{address: e.String(), region: e.Region(), partition: e.Partition(), kind: e.Kind()}
}

func TestResolveEndpointReadsHostNames(t *testing.T) {
	tests := []struct {
		in        string
		region    string
		partition string
		kind      rdsiam.EndpointKind
	}{
		{"inst.xyz.us-east-2.rds.amazonaws.com", "us-east-2", "aws", rdsiam.KindInstance},
		{"sre-testing.abc123.ap-southeast-2.rds.amazonaws.com", "ap-southeast-2", "aws", rdsiam.KindInstance},
		{"c.cluster-xyz.us-east-1.rds.amazonaws.com", "us-east-1", "aws", rdsiam.KindCluster},
		{"c.cluster-ro-xyz.us-east-1.rds.amazonaws.com", "us-east-1", "aws", rdsiam.KindReader},
		{"c.shardgrp-xyz.us-east-1.rds.amazonaws.com", "us-east-1", "aws", rdsiam.KindShardGroup},
		{"p.proxy-xyz.us-east-1.rds.amazonaws.com", "us-east-1", "aws", rdsiam.KindProxy},
		{"ep.endpoint.proxy-xyz.us-east-1.rds.amazonaws.com", "us-east-1", "aws", rdsiam.KindProxyEndpoint},
		{"name-green-abc123.xyz.eu-west-1.rds.amazonaws.com", "eu-west-1", "aws", rdsiam.KindInstance},
		{"name-old1.cluster-xyz.eu-west-1.rds.amazonaws.com", "eu-west-1", "aws", rdsiam.KindCluster},
		{"inst.xyz.us-east-1.rds-fips.amazonaws.com", "us-east-1", "aws", rdsiam.KindInstance},
		{"c.cluster-xyz.rds-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov", rdsiam.KindCluster},
		{"c.cluster-xyz.rds.us-gov-east-1.amazonaws.com", "us-gov-east-1", "aws-us-gov", rdsiam.KindCluster},
		{"inst.xyz.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1", "aws-us-gov", rdsiam.KindInstance},
		{"inst.xyz.rds.us-east-1.amazonaws.com", "us-east-1", "aws", rdsiam.KindInstance},
		{"inst.xyz.rds.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn", rdsiam.KindInstance},
		{"inst.xyz.cn-north-1.rds.amazonaws.com.cn", "cn-north-1", "aws-cn", rdsiam.KindInstance},
		{"c.cluster-xyz.rds.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1", "aws-cn", rdsiam.KindCluster},
		{"ep.endpoint.proxy-xyz.rds.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1", "aws-cn", rdsiam.KindProxyEndpoint},
		{"c.cluster-xyz.eusc-de-east-1.rds.amazonaws.eu", "eusc-de-east-1", "aws-eusc", rdsiam.KindCluster},
		{"inst.xyz.rds.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc", rdsiam.KindInstance},
		{"c.cluster-xyz.rds.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "aws-iso", rdsiam.KindCluster},
		{"c.cluster-ro-xyz.rds.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "aws-iso-b", rdsiam.KindReader},
		{"inst.xyz.rds.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", "aws-iso-e", rdsiam.KindInstance},
		{"inst.xyz.us-isof-south-1.rds.csp.hci.ic.gov", "us-isof-south-1", "aws-iso-f", rdsiam.KindInstance},
		{"abcdefghij0123456789klmnop.dsql.us-east-1.on.aws", "us-east-1", "aws", rdsiam.KindDSQL},
		{"abcdefghij0123456789klmnop.dsql-fnh4.eu-west-1.on.aws", "eu-west-1", "aws", rdsiam.KindDSQL}, // of PrivateLink
		{"a1.dsql-0a1b2c.ap-southeast-99.on.aws", "ap-southeast-99", "aws", rdsiam.KindDSQL},
		// Regions that did not exist when this was written.
		{"inst.xyz.ap-southeast-99.rds.amazonaws.com", "ap-southeast-99", "aws", rdsiam.KindInstance},
		{"inst.xyz.zz-middle-3.rds.amazonaws.com", "zz-middle-3", "aws", rdsiam.KindInstance},
		{"inst.xyz.zz-middle-3.rds.amazonaws.eu", "zz-middle-3", "aws-eusc", rdsiam.KindInstance},
		{"inst.xyz.rds.us-isox-east-1.c2s.ic.gov", "us-isox-east-1", "aws-iso", rdsiam.KindInstance},
		{strings.Repeat("a", 63) + ".xyz.us-east-1.rds.amazonaws.com", "us-east-1", "aws", rdsiam.KindInstance},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			want := resolved{address: tt.in + ":5432", region: tt.region, partition: tt.partition, kind: tt.kind}
			direct, err := rdsiam.ResolveEndpoint(tt.in, 5432)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(direct); got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			if direct.Host() != tt.in || direct.Port() != 5432 {
				t.Errorf("got host %q and port %d", direct.Host(), direct.Port())
			}
			for _, form := range []string{strings.ToUpper(tt.in), tt.in + ".", tt.in + ":5432", strings.ToUpper(tt.in) + ".:05432"} {
				other, err := rdsiam.ResolveEndpoint(form, 5432)
				if err != nil {
					t.Errorf("%s: %v", form, err)
				}
				if other != direct {
					t.Errorf("%s: not equal to the plain form", form)
				}
			}
			if same, err := rdsiam.ResolveEndpoint(tt.in, 5432, rdsiam.WithRegion(tt.region)); err != nil || same != direct {
				t.Errorf("with its own region: %+v, %v", same, err)
			}
		})
	}
}

// Names that look like RDS names and are none: without an option they are refused. With
// a region, those outside AWS's domains are signed as they are.
func TestResolveEndpointNearMisses(t *testing.T) {
	label64 := strings.Repeat("a", 64)
	tests := []struct {
		in       string
		hostName bool // a valid DNS name, which a region makes acceptable
	}{
		{"c.cluster-xyz.us-east-1.docdb.amazonaws.com", true},
		{"c.cluster-xyz.us-east-1.neptune.amazonaws.com", true},
		{"c.xyz.us-east-1.redshift.amazonaws.com", true},
		{"lb-1.elb.us-east-1.amazonaws.com", true},
		{"c.xyz.us-east-1.cache.amazonaws.com", true},
		{"ec2-1-2-3-4.compute-1.amazonaws.com", true},
		{"x.rds.amazonaws.com", true},
		{"rds.us-east-1.amazonaws.com", true},
		{"xyz.us-east-1.rds.amazonaws.com", true},
		{"x.rds.amazonaws.com.evil.org", true},
		{"inst.xyz.us-east-1.rds.amazonaws.com.evil.org", true},
		{"inst.xyz.us-east-1.rds.evilamazonaws.com", true},
		{"inst.xyz.us-east-1.rds.amazonaws.org", true},
		{"inst.xyz.us-east-1.xrds.amazonaws.com", true},
		{"a.b.xyz.us-east-1.rds.amazonaws.com", true},
		{"ep.endpoint.cluster-xyz.us-east-1.rds.amazonaws.com", true},
		{"ep.end.proxy-xyz.us-east-1.rds.amazonaws.com", true},
		{"c.cluster-foo-xyz.us-east-1.rds.amazonaws.com", true},
		{"inst.xyz.us-east.rds.amazonaws.com", true},
		{"inst.xyz.us-east-1a.rds.amazonaws.com", true},
		{"inst.xyz.useast1.rds.amazonaws.com", true},
		{"inst.xyz.global.rds.amazonaws.com", true},
		{"g.global-xyz.us-east-1.rds.amazonaws.com", true},
		{"inst.xyz.cn-north-1.rds.amazonaws.com", true},
		{"inst.xyz.us-east-1.rds.amazonaws.com.cn", true},
		{"inst.xyz.us-gov-east-1.rds.amazonaws.eu", true},
		{"inst.xyz.us-east-1.rds.c2s.ic.gov", true},
		{"abcdefghij0123456789klmnop.s3.us-east-1.on.aws", true},
		{"abcdefghij0123456789klmnop.dsqlx.us-east-1.on.aws", true},
		{"abcdefghij0123456789klmnop.dsql.us-east-1.off.aws", true},
		{"abcdefghij0123456789klmnop.dsql.east.on.aws", true},
		{"abcdefghij0123456789klmnop.dsql.cn-north-1.on.aws", true},
		{"abcdefghij0123456789klmnop.dsql-.us-east-1.on.aws", false},
		{"a.b.dsql.us-east-1.on.aws", true},
		{"a-b.dsql.us-east-1.on.aws", true},
		{"dsql.us-east-1.on.aws", true},
		{"dsql.us-east-1.api.aws", true},
		{"dsql.us-east-1.amazonaws.com", true},
		{"vpce-0123.dsql-fnh4.us-east-1.vpce.amazonaws.com", true},
		{"g.xyz.rds.global.amazonaws.com", true},
		{"db.example.org", true},
		{"db", true},
		{label64 + ".xyz.us-east-1.rds.amazonaws.com", false},
		{strings.Repeat("a.", 120) + "xyz.us-east-1.rds.amazonaws.com", false},
		{"in_st.xyz.us-east-1.rds.amazonaws.com", false},
		{"inst..us-east-1.rds.amazonaws.com", false},
		{".xyz.us-east-1.rds.amazonaws.com", false},
		{"inst.xyz.us-east-1.rds.amazonaws.com..", false},
		{"inst.cluster-.us-east-1.rds.amazonaws.com", false},
		{"-inst.xyz.us-east-1.rds.amazonaws.com", false},
		{"inst.xyz.us-east-1.rds.amazonaws.com\x00", false},
		{"inst.xyz.us-east-1.rds.amazonaws.com ", false},
		{"ínst.xyz.us-east-1.rds.amazonaws.com", false},
		{"inst.xyz.us-east-1.rds.ama\u017fonaws.com", false},
		{"in\u212at.xyz.us-east-1.rds.amazonaws.com", false}, // the Kelvin sign lowers to k
		{"1.2.3", false},
		{"db.0x7f.1", false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			endpoint, err := rdsiam.ResolveEndpoint(tt.in, 5432)
			if err == nil {
				t.Fatalf("taken for %+v", describe(endpoint))
			}
			endpoint, err = rdsiam.ResolveEndpoint(tt.in, 5432, rdsiam.WithRegion("eu-central-1"))
			if !tt.hostName {
				if err == nil {
					t.Fatalf("with a region: taken for %+v", describe(endpoint))
				}
				return
			}
			if inAWSDomain(tt.in) {
				var refused *rdsiam.ConfigError
				code := "endpoint-not-rds"
				if strings.Contains(tt.in, "dsql") && !strings.Contains(tt.in, "dsqlx") {
					code = "endpoint-dsql"
				}
				if !errors.As(err, &refused) || refused.Code != code || strings.Contains(refused.Fix, "WithRegion") {
					t.Errorf("with a region: got %+v, %v", describe(endpoint), err)
				}
				return
			}
			want := resolved{address: tt.in + ":5432", region: "eu-central-1", partition: "aws", kind: rdsiam.KindOther}
			if err != nil || describe(endpoint) != want {
				t.Errorf("with a region: got %+v, %v; want %+v", describe(endpoint), err, want)
			}
		})
	}
}

func inAWSDomain(host string) bool {
	domains := []string{".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".on.aws", ".api.aws"}
	return slices.ContainsFunc(domains, func(domain string) bool { return strings.HasSuffix(host, domain) })
}

func TestResolveEndpointOptions(t *testing.T) {
	const (
		cluster = "c.cluster-xyz.us-east-1.rds.amazonaws.com"
		global  = "g.global-xyz.global.rds.amazonaws.com"
	)
	region, endpoint := rdsiam.WithRegion, rdsiam.WithEndpoint
	tests := []struct {
		name    string
		in      string
		port    uint16
		options []rdsiam.EndpointOption
		want    resolved
	}{
		{"port in the address", cluster + ":6432", 5432, nil, resolved{cluster + ":6432", "us-east-1", "aws", rdsiam.KindCluster}},
		{"no default port needed", cluster + ":6432", 0, nil, resolved{cluster + ":6432", "us-east-1", "aws", rdsiam.KindCluster}},
		{"global writer", global, 5432, []rdsiam.EndpointOption{region("eu-west-1")}, resolved{global + ":5432", "eu-west-1", "aws", rdsiam.KindGlobalWriter}},
		{"global writer in GovCloud", global, 5432, []rdsiam.EndpointOption{region("us-gov-west-1")}, resolved{global + ":5432", "us-gov-west-1", "aws-us-gov", rdsiam.KindGlobalWriter}},
		{"global writer by its cluster", global, 5432, []rdsiam.EndpointOption{endpoint(cluster)}, resolved{cluster + ":5432", "us-east-1", "aws", rdsiam.KindCluster}},
		{"alias by its region", "db.example.org", 3306, []rdsiam.EndpointOption{region("cn-north-1")}, resolved{"db.example.org:3306", "cn-north-1", "aws-cn", rdsiam.KindOther}},
		{"alias in an unknown region", "db.example.org", 3306, []rdsiam.EndpointOption{region("zz-middle-3")}, resolved{"db.example.org:3306", "zz-middle-3", "aws", rdsiam.KindOther}},
		{"alias by its endpoint", "db.example.org:7", 3306, []rdsiam.EndpointOption{endpoint(cluster)}, resolved{cluster + ":3306", "us-east-1", "aws", rdsiam.KindCluster}},
		{"custom endpoint by its cluster", "x.cluster-custom-xyz.us-east-1.rds.amazonaws.com", 3306, []rdsiam.EndpointOption{endpoint(cluster)}, resolved{cluster + ":3306", "us-east-1", "aws", rdsiam.KindCluster}},
		{"tunnel", "127.0.0.1:5433", 5432, []rdsiam.EndpointOption{endpoint(cluster)}, resolved{cluster + ":5432", "us-east-1", "aws", rdsiam.KindCluster}},
		{"tunnel over IPv6", "[::1]:5433", 5432, []rdsiam.EndpointOption{endpoint(cluster + ":6000")}, resolved{cluster + ":6000", "us-east-1", "aws", rdsiam.KindCluster}},
		{"tunnel on localhost", "localhost:5433", 5432, []rdsiam.EndpointOption{endpoint(cluster)}, resolved{cluster + ":5432", "us-east-1", "aws", rdsiam.KindCluster}},
		{"tunnel with a name of its own", "bastion:a:b", 5432, []rdsiam.EndpointOption{endpoint(cluster)}, resolved{cluster + ":5432", "us-east-1", "aws", rdsiam.KindCluster}},
		{"tunnel to a global writer", "127.0.0.1:5433", 5432, []rdsiam.EndpointOption{endpoint(global), region("us-west-2")}, resolved{global + ":5432", "us-west-2", "aws", rdsiam.KindGlobalWriter}},
		{"last option counts", "db.example.org", 3306, []rdsiam.EndpointOption{region("us-east-1"), region("us-west-2")}, resolved{"db.example.org:3306", "us-west-2", "aws", rdsiam.KindOther}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rdsiam.ResolveEndpoint(tt.in, tt.port, tt.options...)
			if err != nil {
				t.Fatal(err)
			}
			if describe(got) != tt.want {
				t.Errorf("got %+v, want %+v", describe(got), tt.want)
			}
		})
	}
}

func TestResolveEndpointIgnoresTheEnvironment(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_DEFAULT_REGION", "us-east-1")
	for _, in := range []string{"db.example.org", "g.global-xyz.global.rds.amazonaws.com"} {
		if got, err := rdsiam.ResolveEndpoint(in, 5432); err == nil {
			t.Errorf("%s: resolved to %s in %s", in, got, got.Region())
		}
	}
}

func TestResolveEndpointErrors(t *testing.T) {
	const cluster = "c.cluster-xyz.us-east-1.rds.amazonaws.com"
	region, endpoint := rdsiam.WithRegion, rdsiam.WithEndpoint
	tests := []struct {
		name    string
		in      string
		port    uint16
		options []rdsiam.EndpointOption
		setting string
		texts   []string // in the error
	}{
		{"empty", "", 5432, nil, "endpoint", []string{"host is empty"}},
		{"dot", ".", 5432, nil, "endpoint", []string{"host is empty"}},
		{"port alone", ":5432", 5432, nil, "endpoint", []string{"host is empty"}},
		{"port alone with endpoint", ":5432", 5432, []rdsiam.EndpointOption{endpoint(cluster)}, "endpoint", []string{"host is empty"}},
		{"no port", cluster, 0, nil, "endpoint", []string{cluster, "port", "host:port"}},
		{"port zero", cluster + ":0", 5432, nil, "endpoint", []string{":0", "1 to 65535"}},
		{"port too large", cluster + ":65536", 5432, nil, "endpoint", []string{":65536", "1 to 65535"}},
		{"port negative", cluster + ":-1", 5432, nil, "endpoint", []string{":-1", "1 to 65535"}},
		{"port in words", cluster + ":postgres", 5432, nil, "endpoint", []string{":postgres", "1 to 65535"}},
		{"port signed", cluster + ":+5432", 5432, nil, "endpoint", []string{"1 to 65535"}},
		{"colon alone", cluster + ":", 5432, nil, "endpoint", []string{"host:port"}},
		{"two ports", cluster + ":1:2", 5432, nil, "endpoint", []string{"host:port"}},
		{"port of WithEndpoint", "127.0.0.1", 5432, []rdsiam.EndpointOption{endpoint(cluster + ":0")}, "WithEndpoint", []string{":0", "1 to 65535"}},
		{"no port for WithEndpoint", "127.0.0.1:5433", 0, []rdsiam.EndpointOption{endpoint(cluster)}, "WithEndpoint", []string{"port"}},
		{"IPv4", "10.0.0.1:5432", 5432, nil, "endpoint", []string{"10.0.0.1", "IP address", "WithEndpoint"}},
		{"IPv6", "2001:db8::1", 5432, nil, "endpoint", []string{"2001:db8::1", "IP address", "WithEndpoint"}},
		{"IPv6 ending in colons", "2001:db8::", 5432, nil, "endpoint", []string{"IP address"}},
		{"IPv6 in brackets", "[2001:DB8::1]:5432", 5432, nil, "endpoint", []string{"2001:db8::1", "IP address", "WithEndpoint"}},
		{"IP with a region", "10.0.0.1", 5432, []rdsiam.EndpointOption{region("us-east-1")}, "endpoint", []string{"IP address"}},
		{"IP as endpoint", "10.0.0.1", 5432, []rdsiam.EndpointOption{endpoint("10.0.0.1")}, "WithEndpoint", []string{"IP address"}},
		{"localhost with a region", "localhost:5433", 5432, []rdsiam.EndpointOption{region("us-east-1")}, "endpoint", []string{"localhost", "WithEndpoint"}},
		{"name in brackets", "[" + cluster + "]:5432", 5432, nil, "endpoint", []string{"host:port"}},
		{"bracket left open", "[::1", 5432, nil, "endpoint", []string{"host:port"}},
		{"text after bracket", "[::1]5432", 5432, nil, "endpoint", []string{"host:port"}},
		{"socket", "/var/run/postgresql", 5432, nil, "endpoint", []string{"/var/run/postgresql", "unix socket", "TCP"}},
		{"abstract socket", "@postgresql", 5432, nil, "endpoint", []string{"unix socket"}},
		{"socket with endpoint", "/tmp/mysql.sock", 3306, []rdsiam.EndpointOption{endpoint(cluster)}, "endpoint", []string{"unix socket"}},
		{"socket as endpoint", "127.0.0.1", 3306, []rdsiam.EndpointOption{endpoint("/tmp/mysql.sock")}, "WithEndpoint", []string{"host:port"}},
		{"unknown host", "db.example.org", 5432, nil, "endpoint", []string{"db.example.org", "WithEndpoint", "WithRegion"}},
		{"unknown host as endpoint", "127.0.0.1", 5432, []rdsiam.EndpointOption{endpoint("db.example.org")}, "WithEndpoint", []string{"db.example.org", "WithRegion"}},
		{"custom endpoint", "x.cluster-custom-xyz.us-east-1.rds.amazonaws.com", 5432, nil, "endpoint", []string{"custom endpoint", "cluster endpoint", "WithEndpoint"}},
		{"custom endpoint with its region", "x.cluster-custom-xyz.us-east-1.rds.amazonaws.com", 5432, []rdsiam.EndpointOption{region("us-east-1")}, "endpoint", []string{"custom endpoint"}},
		{"custom endpoint as endpoint", "127.0.0.1", 5432, []rdsiam.EndpointOption{endpoint("x.cluster-custom-xyz.us-east-1.rds.amazonaws.com")}, "WithEndpoint", []string{"custom endpoint"}},
		{"global writer", "g.global-xyz.global.rds.amazonaws.com", 5432, nil, "endpoint", []string{"global", "WithRegion", "WithEndpoint"}},
		{"global writer in a foreign partition", "g.global-xyz.global.rds.amazonaws.com", 5432, []rdsiam.EndpointOption{region("cn-north-1")}, "WithRegion", []string{"cn-north-1", "amazonaws.com"}},
		{"contradicting region", cluster, 5432, []rdsiam.EndpointOption{region("us-west-2")}, "WithRegion", []string{"us-west-2", cluster, "us-east-1"}},
		{"region contradicts WithEndpoint", "127.0.0.1", 5432, []rdsiam.EndpointOption{endpoint(cluster), region("us-west-2")}, "WithRegion", []string{"us-west-2", cluster, "us-east-1"}},
		{"empty region", cluster, 5432, []rdsiam.EndpointOption{region("")}, "WithRegion", []string{"us-east-1"}},
		{"availability zone", cluster, 5432, []rdsiam.EndpointOption{region("us-east-1a")}, "WithRegion", []string{"us-east-1a", "availability zone"}},
		{"region in upper case", cluster, 5432, []rdsiam.EndpointOption{region("US-EAST-1")}, "WithRegion", []string{"US-EAST-1"}},
		{"region with a path", cluster, 5432, []rdsiam.EndpointOption{region("us-east-1/x")}, "WithRegion", []string{"us-east-1/x"}},
		{"region that is too long", "db.example.org", 5432, []rdsiam.EndpointOption{region("us-" + strings.Repeat("e", 60) + "-1")}, "WithRegion", nil},
		{"empty endpoint", cluster, 5432, []rdsiam.EndpointOption{endpoint("")}, "WithEndpoint", []string{"host is empty"}},
		{"nil roots", cluster, 5432, []rdsiam.EndpointOption{rdsiam.WithRootCAs(nil)}, "WithRootCAs", []string{"nil"}},
		{"nil option", cluster, 5432, []rdsiam.EndpointOption{nil}, "EndpointOption", []string{"nil"}},
		{"DSQL FIPS", "abcdefghij0123456789klmnop.dsql-fips.us-east-1.api.aws", 5432, nil, "endpoint", []string{"DSQL", "CLUSTER.dsql.REGION.on.aws"}},
		{"DSQL with another region", "abcdefghij0123456789klmnop.dsql.us-east-1.on.aws", 5432, []rdsiam.EndpointOption{region("us-east-2")}, "WithRegion", []string{"us-east-1"}},
		{"DSQL behind PrivateLink", "vpce-0123.dsql-fnh4.us-east-1.vpce.amazonaws.com", 5432, []rdsiam.EndpointOption{region("us-east-1")}, "endpoint", []string{"DSQL", "WithEndpoint"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rdsiam.ResolveEndpoint(tt.in, tt.port, tt.options...)
			var config *rdsiam.ConfigError
			if !errors.As(err, &config) {
				t.Fatalf("got %v, %v; want a ConfigError", got, err)
			}
			if !got.IsZero() {
				t.Errorf("got endpoint %v beside the error", got)
			}
			if config.Setting != tt.setting {
				t.Errorf("got setting %q, want %q", config.Setting, tt.setting)
			}
			if config.Problem == "" || config.Fix == "" {
				t.Errorf("problem %q or fix %q is empty", config.Problem, config.Fix)
			}
			for _, text := range tt.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not say %q", err, text)
				}
			}
		})
	}
}

// A DSN in the place of a host is a common mistake, and it may carry a password.
func TestResolveEndpointErrorsHideDSNs(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:s3cret@db.example.org/app",
		"u:s3cret@tcp(db.example.org:3306)/app",
		"host=db.example.org password=s3cret",
		"password=s3cret",
	} {
		for name, resolve := range map[string]func() (rdsiam.Endpoint, error){
			"dialed":       func() (rdsiam.Endpoint, error) { return rdsiam.ResolveEndpoint(dsn, 5432) },
			"WithEndpoint": func() (rdsiam.Endpoint, error) { return rdsiam.ResolveEndpoint("h", 5432, rdsiam.WithEndpoint(dsn)) },
		} {
			if _, err := resolve(); err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s %q: got %v", name, dsn, err)
			}
		}
	}
}

func TestEndpointIsComparable(t *testing.T) {
	const host = "inst.xyz.us-east-1.rds.amazonaws.com"
	plain := mustResolve(t, host)
	pool := x509.NewCertPool()
	different := map[string]rdsiam.Endpoint{
		"zero":                {},
		"port":                mustResolve(t, host+":5433"),
		"tunnel":              mustResolve(t, "127.0.0.1", rdsiam.WithEndpoint(host)),
		"roots":               mustResolve(t, host, rdsiam.WithRootCAs(pool)),
		"caller verification": mustResolve(t, host, rdsiam.WithCallerVerification()),
	}
	seen := map[rdsiam.Endpoint]string{plain: "plain"}
	for name, e := range different {
		if other, ok := seen[e]; ok {
			t.Errorf("%s equals %s", name, other)
		}
		seen[e] = name
	}
	if mustResolve(t, host, rdsiam.WithRootCAs(pool)) != different["roots"] {
		t.Error("the same roots make different endpoints")
	}
	if mustResolve(t, host, rdsiam.WithEndpoint(host)) != plain {
		t.Error("WithEndpoint of the dialed host makes a different endpoint")
	}
}

func TestZeroEndpoint(t *testing.T) {
	var zero rdsiam.Endpoint
	if !zero.IsZero() || zero.String() != "" {
		t.Errorf("got %v, %q", zero.IsZero(), zero.String())
	}
	if mustResolve(t, "inst.xyz.us-east-1.rds.amazonaws.com").IsZero() {
		t.Error("a resolved endpoint is zero")
	}
}

func TestEndpointKindString(t *testing.T) {
	for kind, want := range map[rdsiam.EndpointKind]string{
		rdsiam.KindOther:         "other endpoint",
		rdsiam.KindInstance:      "instance endpoint",
		rdsiam.KindCluster:       "cluster endpoint",
		rdsiam.KindReader:        "reader endpoint",
		rdsiam.KindCustom:        "custom endpoint",
		rdsiam.KindShardGroup:    "shard group endpoint",
		rdsiam.KindProxy:         "proxy",
		rdsiam.KindProxyEndpoint: "proxy endpoint",
		rdsiam.KindGlobalWriter:  "global writer endpoint",
		rdsiam.KindDSQL:          "Aurora DSQL endpoint",
		200:                      "EndpointKind(200)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d: got %q, want %q", uint8(kind), got, want)
		}
	}
}

func FuzzResolveEndpoint(f *testing.F) {
	for _, seed := range []string{
		"inst.xyz.us-east-2.rds.amazonaws.com", "C.CLUSTER-XYZ.us-east-1.rds.amazonaws.com.:5433",
		"ep.endpoint.proxy-xyz.rds.cn-north-1.amazonaws.com.cn", "g.global-xyz.global.rds.amazonaws.com:1",
		"abcdefghij0123456789klmnop.dsql.us-east-1.on.aws", "[::1]:5432", "10.0.0.1", "/tmp", "db.example.org:65536", "",
		"in\u212at.xyz.us-east-1.rds.amazonaws.com", "a..b", "-a.b", "1.2.3",
	} {
		f.Add(seed, "us-east-1")
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, dialed, region string) {
		var options []rdsiam.EndpointOption
		if region != "" {
			options = append(options, rdsiam.WithRegion(region))
		}
		endpoint, err := rdsiam.ResolveEndpoint(dialed, 5432, options...)
		if err != nil {
			var config *rdsiam.ConfigError
			if !errors.As(err, &config) || !endpoint.IsZero() {
				t.Fatalf("got %v, %v", endpoint, err)
			}
			return
		}
		again, err := rdsiam.ResolveEndpoint(endpoint.String(), 0, options...)
		if err != nil || again != endpoint {
			t.Fatalf("%q resolves to %q, and that to %q, %v", dialed, endpoint, again, err)
		}
		if endpoint.Region() == "" || endpoint.Partition() == "" || endpoint.Port() == 0 {
			t.Fatalf("%q: incomplete %+v", dialed, describe(endpoint))
		}
		certificate := &x509.Certificate{DNSNames: []string{endpoint.Host()}}
		if err := certificate.VerifyHostname(endpoint.Host()); err != nil {
			t.Fatalf("%q: TLS could never verify it: %v", dialed, err)
		}
	})
}

func mustResolve(t testing.TB, dialed string, options ...rdsiam.EndpointOption) rdsiam.Endpoint {
	t.Helper()
	endpoint, err := rdsiam.ResolveEndpoint(dialed, 5432, options...)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint
}
