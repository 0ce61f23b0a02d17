package rdsiam

import (
	"slices"
	"strings"
)

// rdsName is what a name in the RDS grammar says.
type rdsName struct {
	kind      EndpointKind
	region    string // empty for global writers and DSQL, like partition
	partition string
	domain    string // such as "amazonaws.com.cn"
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

const commercialPartition = "aws"

// parseRDSName reads a lower-case host name by the grammar of RDS endpoints:
//
//	<name>.<kind and hash>.<region>.rds.<domain>
//	<name>.<kind and hash>.rds.<region>.<domain>
//	<cluster>.dsql.<region>.on.aws
//
// It reports false for any other name, such as an endpoint of DocumentDB or
// Neptune, which differ only in the service label.
func parseRDSName(host string) (rdsName, bool) {
	if isDSQLName(host) {
		return rdsName{kind: KindDSQL}, true
	}
	rest, domain, ok := cutDomain(host)
	if !ok {
		return rdsName{}, false
	}
	var room [5]string // what most names need
	labels := slices.AppendSeq(room[:0], strings.SplitSeq(rest, "."))
	if len(labels) < 4 {
		return rdsName{}, false
	}
	owner, tail := labels[:len(labels)-2], labels[len(labels)-2:]
	var region string
	switch {
	case isRDSLabel(tail[1]):
		region = tail[0]
	case isRDSLabel(tail[0]):
		region = tail[1]
	default:
		return rdsName{}, false
	}
	kind, ok := parseOwner(owner)
	if !ok {
		return rdsName{}, false
	}
	if kind == KindGlobalWriter {
		if region != "global" {
			return rdsName{}, false
		}
		return rdsName{kind: kind, domain: domain}, true
	}
	partition, ok := partitionIn(domain, region)
	if !ok {
		return rdsName{}, false
	}
	return rdsName{kind: kind, region: region, partition: partition, domain: domain}, true
}

// parseOwner reads the labels in front of region and service: the name of the
// resource and the label that tells its kind. The hash in that label stands for
// an account in a region and never has a hyphen.
func parseOwner(labels []string) (EndpointKind, bool) {
	label := labels[len(labels)-1]
	prefix := ""
	if i := strings.LastIndexByte(label, '-'); i >= 0 {
		prefix = label[:i]
	}
	switch {
	case len(labels) == 3 && labels[1] == "endpoint" && prefix == "proxy":
		return KindProxyEndpoint, true
	case len(labels) != 2:
		return KindOther, false
	}
	switch prefix {
	case "":
		return KindInstance, true
	case "cluster":
		return KindCluster, true
	case "cluster-ro":
		return KindReader, true
	case "cluster-custom":
		return KindCustom, true
	case "shardgrp":
		return KindShardGroup, true
	case "proxy":
		return KindProxy, true
	case "global":
		return KindGlobalWriter, true
	}
	return KindOther, false
}

// isDSQLName is lenient about what stands in front of the service label, because
// the name is only recognized in order to be refused.
func isDSQLName(host string) bool {
	if !strings.HasSuffix(host, ".aws") {
		return false
	}
	labels := strings.Split(host, ".")
	n := len(labels)
	if n < 5 || labels[n-2] != "on" && labels[n-2] != "api" {
		return false
	}
	service, region := labels[n-4], labels[n-3]
	return (service == "dsql" || strings.HasPrefix(service, "dsql-")) && isRegion(region)
}

func isRDSLabel(label string) bool { return label == "rds" || label == "rds-fips" }

// isAWSName reports whether host is in a domain that AWS gives names in, where nobody
// can have an alias for a database.
func isAWSName(host string) bool {
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

// partitionIn returns the partition of a region whose endpoints are in domain.
// A region that no published rule knows takes the partition of the domain, so that
// new regions work; one that belongs to another domain is no region here.
func partitionIn(domain, region string) (string, bool) {
	if !isRegion(region) {
		return "", false
	}
	known := partitionOf(region)
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

// partitionOf returns the partition of a region, or "" if no rule of the AWS SDKs
// covers the region.
func partitionOf(region string) string {
	for _, p := range partitions {
		if p.regionPrefix != "" && strings.HasPrefix(region, p.regionPrefix) {
			return p.id
		}
	}
	area, rest, _ := strings.Cut(region, "-")
	switch area {
	case "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx":
		if strings.Count(rest, "-") == 1 {
			return commercialPartition
		}
	}
	return ""
}

// isRegion reports whether text has the form of a region name: words of letters
// and a number, such as us-east-1 or us-gov-west-1.
func isRegion(text string) bool {
	if len(text) > maxLabel {
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
