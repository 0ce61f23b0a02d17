// Package hostname reads the names of RDS endpoints and the addresses that contain them. It
// does no I/O.
package hostname

import (
	"slices"
	"strings"
)

// Kind says what a name addresses.
type Kind uint8

// The kinds of endpoint.
const (
	Other Kind = iota
	Instance
	Cluster
	Reader
	Custom
	ShardGroup
	Proxy
	ProxyEndpoint
	GlobalWriter
	DSQL
)

// Name is what a name in the RDS grammar says.
type Name struct {
	Kind      Kind
	Region    string // empty for global writers, like Partition
	Partition string
	Domain    string // such as "amazonaws.com.cn"
}

// partitions lists the partitions of AWS with the DNS domain of their endpoints
// and the prefix of their region names, as in the partitions.json of the AWS
// SDKs. The commercial partition comes last and has no prefix of its own.
var partitions = [...]struct{ id, domain, regionPrefix string }{
	{"aws-us-gov", "amazonaws.com", "us-gov-"},
	{"aws-cn", "amazonaws.com.cn", "cn-"},
	{"aws-eusc", "amazonaws.eu", "eusc-"},
	{"aws-iso", "c2s.ic.gov", "us-iso-"},
	{"aws-iso-b", "sc2s.sgov.gov", "us-isob-"},
	{"aws-iso-e", "cloud.adc-e.uk", "eu-isoe-"},
	{"aws-iso-f", "csp.hci.ic.gov", "us-isof-"},
	{"aws", "amazonaws.com", ""},
}

const Commercial = "aws"

// Parse reads a lower-case host name by the grammar of RDS endpoints:
//
//	<name>.<kind and hash>.<region>.rds.<domain>
//	<name>.<kind and hash>.rds.<region>.<domain>
//	<cluster>.dsql.<region>.on.aws
//
// It reports false for any other name, such as an endpoint of DocumentDB or
// Neptune, which differ only in the service label.
func Parse(host string) (Name, bool) {
	if name, ok := parseDSQL(host); ok {
		return name, true
	}
	rest, domain, ok := cutDomain(host)
	if !ok {
		return Name{}, false
	}
	var room [5]string // what most names need
	labels := slices.AppendSeq(room[:0], strings.SplitSeq(rest, "."))
	if len(labels) < 4 {
		return Name{}, false
	}
	owner, tail := labels[:len(labels)-2], labels[len(labels)-2:]
	var region string
	switch {
	case isRDSLabel(tail[1]):
		region = tail[0]
	case isRDSLabel(tail[0]):
		region = tail[1]
	default:
		return Name{}, false
	}
	kind, ok := parseOwner(owner)
	if !ok {
		return Name{}, false
	}
	if kind == GlobalWriter {
		if region != "global" {
			return Name{}, false
		}
		return Name{Kind: kind, Domain: domain}, true
	}
	partition, ok := PartitionIn(domain, region)
	if !ok {
		return Name{}, false
	}
	return Name{Kind: kind, Region: region, Partition: partition, Domain: domain}, true
}

// parseOwner reads the labels in front of region and service: the name of the
// resource and the label that tells its kind. The hash in that label stands for
// an account in a region and never has a hyphen.
func parseOwner(labels []string) (Kind, bool) {
	label := labels[len(labels)-1]
	prefix := ""
	if i := strings.LastIndexByte(label, '-'); i >= 0 {
		prefix = label[:i]
	}
	switch {
	case len(labels) == 3 && labels[1] == "endpoint" && prefix == "proxy":
		return ProxyEndpoint, true
	case len(labels) != 2:
		return Other, false
	}
	switch prefix {
	case "":
		return Instance, true
	case "cluster":
		return Cluster, true
	case "cluster-ro":
		return Reader, true
	case "cluster-custom":
		return Custom, true
	case "shardgrp":
		return ShardGroup, true
	case "proxy":
		return Proxy, true
	case "global":
		return GlobalWriter, true
	}
	return Other, false
}

// dsqlDomain is that of the clusters of Aurora DSQL.
const dsqlDomain = "on.aws"

// parseDSQL reads CLUSTER.dsql.REGION.on.aws. The names that PrivateLink makes have a suffix
// behind dsql, of which AWS gives two forms.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/privatelink-managing-clusters.html
func parseDSQL(host string) (Name, bool) {
	rest, ok := strings.CutSuffix(host, "."+dsqlDomain)
	if !ok {
		return Name{}, false
	}
	labels := strings.Split(rest, ".")
	if len(labels) != 3 || !consistsOf(labels[0], isLowerOrDigit) || !isDSQLLabel(labels[1]) {
		return Name{}, false
	}
	region := labels[2]
	if partition := PartitionOf(region); !IsRegion(region) || partition != Commercial && partition != "" {
		return Name{}, false
	}
	return Name{Kind: DSQL, Region: region, Partition: Commercial, Domain: dsqlDomain}, true
}

func isDSQLLabel(label string) bool {
	suffix, ok := strings.CutPrefix(label, "dsql-")
	return label == "dsql" || ok && consistsOf(suffix, isLowerOrDigit)
}

func isLowerOrDigit(c byte) bool { return isLower(c) || isDigit(c) }

// NamesDSQL reports whether host is a name of AWS for Aurora DSQL, also one that no cluster
// has: that of an interface of PrivateLink, or of the API.
func NamesDSQL(host string) bool {
	return IsAWS(host) && slices.ContainsFunc(strings.Split(host, "."), func(label string) bool {
		return label == "dsql" || strings.HasPrefix(label, "dsql-")
	})
}

func isRDSLabel(label string) bool { return label == "rds" || label == "rds-fips" }

// IsAWS reports whether host is in a domain that AWS gives names in, where nobody
// can have an alias for a database.
func IsAWS(host string) bool {
	_, _, ok := cutDomain(host)
	return ok || strings.HasSuffix(host, ".on.aws") || strings.HasSuffix(host, ".api.aws")
}

func cutDomain(host string) (rest, domain string, ok bool) {
	for _, p := range partitions {
		if rest, ok := strings.CutSuffix(host, "."+p.domain); ok {
			return rest, p.domain, true
		}
	}
	return "", "", false
}

// PartitionIn returns the partition of a region whose endpoints are in domain.
// A region that no published rule knows takes the partition of the domain, so that
// new regions work; one that belongs to another domain is no region here.
func PartitionIn(domain, region string) (string, bool) {
	if !IsRegion(region) {
		return "", false
	}
	known := PartitionOf(region)
	last := ""
	for _, p := range partitions {
		if p.domain != domain {
			continue
		}
		if p.id == known {
			return known, true
		}
		last = p.id
	}
	return last, known == ""
}

// PartitionOf returns the partition of a region, or "" if no rule of the AWS SDKs
// covers the region.
func PartitionOf(region string) string {
	for _, p := range partitions {
		if p.regionPrefix != "" && strings.HasPrefix(region, p.regionPrefix) {
			return p.id
		}
	}
	area, rest, _ := strings.Cut(region, "-")
	switch area {
	case "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx":
		if strings.Count(rest, "-") == 1 {
			return Commercial
		}
	}
	return ""
}

// IsRegion reports whether text has the form of a region name: words of letters
// and a number, such as us-east-1 or us-gov-west-1.
func IsRegion(text string) bool {
	if len(text) > MaxLabel {
		return false
	}
	area, rest, _ := strings.Cut(text, "-")
	if len(area) < 2 || !consistsOf(area, isLower) {
		return false
	}
	i := strings.LastIndexByte(rest, '-')
	if i < 0 || !consistsOf(rest[i+1:], isDigit) {
		return false
	}
	for word := range strings.SplitSeq(rest[:i], "-") {
		if !consistsOf(word, isLower) {
			return false
		}
	}
	return true
}
