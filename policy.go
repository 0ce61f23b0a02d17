package rdsiam

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// UserARN names one database user as an IAM policy does. UserARNs are comparable
// values, always valid when made by [NewUserARN]; the zero UserARN names nobody.
type UserARN struct {
	partition  string
	region     string
	accountID  string
	resourceID string
	user       string
}

// NewUserARN returns the ARN that a policy has to allow so that its owner may log
// in as user:
//
//   - partition is that of the region, such as "aws"; see [Endpoint.Partition];
//   - accountID is the AWS account of the database, 12 digits;
//   - resourceID is not the name of the database but the id that AWS gave it:
//     DbiResourceId (db-…) of an instance, DbClusterResourceId (cluster-…) for every
//     endpoint of a cluster, the last part of DBProxyArn (prx-…) for a proxy;
//   - user is spelt exactly as in the database. Characters that have a meaning
//     in policies stand for themselves.
//
// The error is a [*ConfigError].
//
// See "Creating and using an IAM policy for IAM database access" in the Amazon RDS
// user guide.
func NewUserARN(partition, region, accountID, resourceID, user string) (UserARN, error) {
	arn := UserARN{partition, region, accountID, resourceID, user}
	if err := arn.validate(); err != nil {
		return UserARN{}, err
	}
	return arn, nil
}

func (a UserARN) validate() error {
	known := partitionOf(a.region)
	switch {
	case !isRegion(a.region):
		return &ConfigError{
			Setting: "region", Value: a.region,
			Problem: "not the name of a region, which looks like us-east-1",
			Mend:    "give the region of the database",
		}
	case known != "" && known != a.partition:
		return &ConfigError{
			Setting: "partition", Value: a.partition,
			Problem: "the region " + a.region + " is in the partition " + known,
			Mend:    "correct one of them",
		}
	case !isPartition(a.partition):
		return &ConfigError{
			Setting: "partition", Value: a.partition,
			Problem: "not a partition of AWS, such as aws, aws-cn or aws-us-gov",
			Mend:    "give the partition of the region",
		}
	case len(a.accountID) != 12 || !consistsOf(a.accountID, isDigit):
		return &ConfigError{
			Setting: "account id", Value: a.accountID,
			Problem: "not 12 digits",
			Mend:    "give the id of the AWS account that owns the database",
		}
	case !isResourceID(a.resourceID):
		return &ConfigError{
			Setting: "resource id", Value: a.resourceID,
			Problem: "not of the form db-…, cluster-… or prx-… followed by letters and digits",
			Mend:    "give DbiResourceId, DbClusterResourceId or the last part of DBProxyArn, not the name of the database",
		}
	case a.user == "":
		return &ConfigError{Setting: "user", Problem: "the database user is empty", Mend: "name the user"}
	case strings.ContainsFunc(a.user, isOutsidePolicies):
		return &ConfigError{
			Setting: "user", Value: a.user,
			Problem: "has a character that IAM policies cannot hold (allowed: U+0020 to U+00FF without control characters)",
			Mend:    "use a database user with a plainer name",
		}
	}
	return nil
}

// escapePolicy makes wildcards and the sign of policy variables stand for themselves.
var escapePolicy = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// String returns the ARN as a policy spells it, such as
// "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/david_lu",
// and "" for the zero UserARN.
func (a UserARN) String() string {
	if a == (UserARN{}) {
		return ""
	}
	return "arn:" + a.partition + ":rds-db:" + a.region + ":" + a.accountID + ":dbuser:" + a.resourceID + "/" + escapePolicy.Replace(a.user)
}

// policyVersion is the only version of the policy language with variables, which
// escaped user names need.
const policyVersion = "2012-10-17"

type policyDocument struct {
	Version   string
	Statement []policyStatement
}

type policyStatement struct {
	Effect   string
	Action   string
	Resource []string
}

// PolicyDocument returns an IAM policy, as JSON text, that allows logging in as
// these users and nothing else. The same users in any order give the same text.
// No user, or the zero UserARN among them, is a [*ConfigError].
func PolicyDocument(users ...UserARN) ([]byte, error) {
	if len(users) == 0 {
		return nil, &ConfigError{
			Setting: "PolicyDocument",
			Problem: "no user is given, and IAM refuses a statement without a resource",
			Mend:    "give at least one UserARN",
		}
	}
	resources := make([]string, len(users))
	for i, user := range users {
		if user == (UserARN{}) {
			return nil, &ConfigError{Setting: "PolicyDocument", Problem: "the zero UserARN names nobody", Mend: "make it with NewUserARN"}
		}
		resources[i] = user.String()
	}
	slices.Sort(resources)
	document := policyDocument{Version: policyVersion, Statement: []policyStatement{
		{Effect: "Allow", Action: "rds-db:connect", Resource: slices.Compact(resources)},
	}}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

func isPartition(text string) bool {
	return text == commercialPartition ||
		strings.HasPrefix(text, "aws-") && consistsOf(text, func(b byte) bool { return isLower(b) || b == '-' })
}

func isResourceID(text string) bool {
	kind, id, _ := strings.Cut(text, "-")
	return (kind == "db" || kind == "cluster" || kind == "prx") && consistsOf(id, isAlphanumeric)
}

func isAlphanumeric(b byte) bool { return isLower(b) || isDigit(b) || 'A' <= b && b <= 'Z' }

// isOutsidePolicies tells of characters that a policy may not have (invalid UTF-8
// among them, which ranges as U+FFFD), and of the control characters that it may
// have but no name in it should.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func isOutsidePolicies(r rune) bool {
	return r < ' ' || 0x7f <= r && r < 0xa0 || r > 0xff
}
