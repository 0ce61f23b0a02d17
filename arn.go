package rdsiam

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/rdsiam/rdsiam/internal/hostname"
	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// Resource is an instance, cluster or proxy as IAM policies name it: not by its
// name, but by the id that AWS gave it.
type Resource struct {
	// ID is DbiResourceId (db-…) of an instance, DbClusterResourceId (cluster-…)
	// for every endpoint and instance of an Aurora or Multi-AZ cluster, the last
	// part of DBProxyArn (prx-…) for a proxy. A database that was restored has
	// a new one, and so has each cluster of a global database.
	ID string

	Region    string // such as "us-east-1"; see [Endpoint.Region]
	AccountID string // the AWS account of the database, 12 digits

	// Partition is that of the region, such as "aws", and may be left out for
	// the regions that this package knows.
	Partition string
}

// UserARN names a database user as an IAM policy does:
// arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/david_lu.
// UserARNs are comparable values. The zero UserARN names nobody; [Resource.User],
// [Resource.UserPattern] and [ParseUserARN] make valid ones.
type UserARN struct {
	resource Resource
	user     string // as a policy spells it
}

// User returns the ARN of one database user, spelled exactly as in the database.
// Characters that mean something in policies stand for themselves. IAM cannot
// express names with characters outside Latin-1 or with control characters;
// these are refused, and so are names that no database keeps as they are: with
// spaces at an end, or of more than 128 characters. The error is a [*ConfigError].
func (r Resource) User(name string) (UserARN, error) {
	if problem := checkUserName(name); problem != nil {
		return UserARN{}, problem
	}
	return r.userARN(iampolicy.Escape(name))
}

// UserPattern returns the ARN of every database user that a pattern of the policy
// language matches: * and ? are wildcards, and policy variables such as
// ${aws:PrincipalTag/dbuser} stand for their value, which differs for each
// identity. A pattern with neither is the same as [Resource.User]. The error is a
// [*ConfigError].
func (r Resource) UserPattern(pattern string) (UserARN, error) {
	text, err := iampolicy.ReadText(pattern)
	if err != nil {
		return UserARN{}, configError("user-pattern-form", "user pattern", pattern,
			err.Error(),
			"write variables as ${aws:username}, and a dollar sign as ${$}")
	}
	if text.IsLiteral() {
		return r.User(text.Literal)
	}
	if problem := checkUserText("user pattern", pattern); problem != nil {
		return UserARN{}, problem
	}
	return r.userARN(pattern)
}

// userARN takes a user as a policy spells it.
func (r Resource) userARN(user string) (UserARN, error) {
	r.Partition = cmp.Or(r.Partition, hostname.PartitionOf(r.Region))
	problem := cmp.Or(
		checkRegion(r.Region), checkPartition(r.Partition, r.Region), checkAccountID(r.AccountID), checkResourceID(r.ID))
	if problem != nil {
		return UserARN{}, problem
	}
	return UserARN{r, user}, nil
}

// ParseUserARN reads an ARN as it stands in policies; wildcards and policy variables
// are allowed for the user only. The error is a [*ConfigError].
func ParseUserARN(text string) (UserARN, error) {
	resource, user, problem := cutUserARN(text)
	if problem == nil && resource.Partition == "" {
		problem = checkPartition("", resource.Region)
	}
	if problem != nil {
		return UserARN{}, problem
	}
	return resource.UserPattern(user)
}

// String returns the ARN as a policy spells it, with the characters *, ? and $ of a
// name escaped, and "" for the zero UserARN.
func (a UserARN) String() string { return a.spelled(a.user) }

// Resource returns the instance, cluster or proxy, with its partition.
func (a UserARN) Resource() Resource { return a.resource }

// User returns the name of the database user. It reports false for a pattern, which
// has no name, and for the zero UserARN.
func (a UserARN) User() (name string, ok bool) {
	text, err := iampolicy.ReadText(a.user)
	return text.Literal, err == nil && text.Literal != ""
}

func (a UserARN) spelled(user string) string {
	if a == (UserARN{}) {
		return ""
	}
	r := a.resource
	return "arn:" + r.Partition + ":" + service + ":" + r.Region + ":" + r.AccountID + ":" + dbuser + ":" + r.ID + "/" + user
}

// service and dbuser are fixed parts of the ARN of a database user.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrdsiamauthentication.html
const (
	service  = "rds-db"
	dbuser   = "dbuser"
	arnParts = 6
)

// cutUserARN takes an ARN apart without looking into the parts that vary.
func cutUserARN(text string) (r Resource, user string, problem *ConfigError) {
	refuse := func(code, problem string) (Resource, string, *ConfigError) {
		return Resource{}, "", configError(code, "ARN", text, problem,
			"write arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE_ID/USER")
	}
	parts := cutARN(text)
	if len(parts) != arnParts || parts[0] != "arn" {
		return refuse("arn-form", "not an ARN, which has six parts between colons and begins with arn")
	}
	if parts[2] == "dsql" {
		return refuse("arn-service", "an ARN of Aurora DSQL, whose policies name clusters and no users; this library reads those of "+service)
	}
	if parts[2] != service {
		return refuse("arn-service", "an ARN of the service "+parts[2]+", but logins are allowed on those of "+service)
	}
	rest, ok := strings.CutPrefix(parts[5], dbuser+":")
	if !ok {
		return refuse("arn-user", "does not name a database user, which is dbuser, a colon, the resource id, a slash and the name")
	}
	id, user, ok := strings.Cut(rest, "/")
	if !ok {
		return refuse("arn-user", "has no user after the resource id")
	}
	return Resource{ID: id, Region: parts[3], AccountID: parts[4], Partition: parts[1]}, user, nil
}

// cutARN splits at the first five colons that are not inside a policy variable.
func cutARN(text string) []string {
	var parts []string
	start, inVariable := 0, false
	for i := 0; i < len(text) && len(parts) < arnParts-1; i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			inVariable = true
		case text[i] == '}':
			inVariable = false
		case text[i] == ':' && !inVariable:
			parts, start = append(parts, text[start:i]), i+1
		}
	}
	return append(parts, text[start:])
}

func checkRegion(region string) *ConfigError {
	if hostname.IsRegion(region) {
		return nil
	}
	return configError("resource-region", "Resource.Region", region,
		"not the name of a region, which looks like us-east-1",
		"give the region of the database")
}

func checkPartition(partition, region string) *ConfigError {
	known := hostname.PartitionOf(region)
	switch {
	case known != "" && partition != known:
		return configError("partition-contradicts-region", "Resource.Partition", partition,
			"the region "+region+" is in the partition "+known,
			"correct one of them")
	case !isPartition(partition):
		return configError("resource-partition", "Resource.Partition", partition,
			"not a partition of AWS, such as aws, aws-cn or aws-us-gov",
			"give the partition of the region")
	}
	return nil
}

func isPartition(text string) bool {
	return text == hostname.Commercial ||
		strings.HasPrefix(text, "aws-") && consistsOf(text, lower+"-")
}

func checkAccountID(id string) *ConfigError {
	if len(id) == 12 && consistsOf(id, digits) {
		return nil
	}
	return configError("resource-account", "Resource.AccountID", id,
		"not 12 digits",
		"give the id of the AWS account that owns the database")
}

// dsqlIDLength is that of the id of a cluster of Aurora DSQL.
// https://docs.aws.amazon.com/aurora-dsql/latest/APIReference/API_GetCluster.html
const dsqlIDLength = 26

func checkResourceID(text string) *ConfigError {
	kind, id, _ := strings.Cut(text, "-")
	if (kind == "db" || kind == "cluster" || kind == "prx") && consistsOf(id, alphanumeric) {
		return nil
	}
	if len(text) == dsqlIDLength && consistsOf(text, digits+lower) {
		return configError("resource-of-dsql", "Resource.ID", text,
			"the id of a cluster of Aurora DSQL, whose policies name no database user",
			"allow dsql:DbConnect, for the user admin dsql:DbConnectAdmin, on arn:aws:dsql:REGION:ACCOUNT:cluster/"+text)
	}
	return configError("resource-id", "Resource.ID", text,
		"not of the form db-…, cluster-… or prx-… followed by letters and digits",
		"give DbiResourceId, DbClusterResourceId or the last part of DBProxyArn, not the name of the database")
}

const (
	digits       = "0123456789"
	lower        = "abcdefghijklmnopqrstuvwxyz"
	alphanumeric = digits + lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// consistsOf reports whether text is not empty and has only characters of set.
func consistsOf(text, set string) bool { return text != "" && strings.Trim(text, set) == "" }

// maxUserName is what MariaDB allows, in characters; MySQL allows 32, PostgreSQL 63
// bytes.
const maxUserName = 128

func checkUserName(name string) *ConfigError {
	if utf8.RuneCountInString(name) > maxUserName {
		return configError("user-too-long", "user", string([]rune(name)[:maxUserName])+"…",
			"longer than 128 characters, which no database has",
			"give the name of the database user")
	}
	return checkUserText("user", name)
}

func checkUserText(setting, text string) *ConfigError {
	refuse := func(code, problem, fix string) *ConfigError {
		return configError(code, setting, text, problem, fix)
	}
	switch {
	case text == "":
		return refuse("user-empty", "the database user is empty", "name the user")
	case strings.ContainsFunc(text, isOutsidePolicies):
		return refuse("user-characters",
			"has a character that IAM policies cannot hold (allowed: U+0020 to U+00FF without control characters)",
			"use a database user with a plainer name")
	case strings.HasPrefix(text, " ") || strings.HasSuffix(text, " "):
		return refuse("user-spaces", "begins or ends with a space, which databases drop and policies do not",
			"leave the space out")
	}
	return nil
}

// isOutsidePolicies reports characters that no policy should have: control characters and
// those outside Latin-1. Invalid UTF-8 ranges as U+FFFD.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func isOutsidePolicies(r rune) bool {
	return r < ' ' || 0x7f <= r && r < 0xa0 || r > 0xff
}
