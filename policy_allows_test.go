package rdsiam_test

import (
	"testing"
)

// denying is a policy that allows every login and denies those for which a condition holds.
func denying(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rds-db:connect","Resource":"*"},` +
		`{"Sid":"Guard","Effect":"Deny","Action":"*","Resource":"*","Condition":` + condition + `}]}`
}

// denials are conditions of ordinary guard rails under which IAM refuses a login from nowhere
// in particular, or may.
var denials = map[string]string{
	"another address":       `{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`,
	"another network":       `{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`,
	"another organization":  `{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`,
	"without MFA":           `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`,
	"another region":        `{"StringNotEqualsIfExists":{"aws:RequestedRegion":["us-east-1","eu-west-1"]}}`,
	"no network":            `{"Null":{"aws:SourceVpc":"true"}}`,
	"none of no values":     `{"ForAllValues:StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`,
	"old credentials":       `{"DateLessThan":{"aws:TokenIssueTime":"2026-11-01T00:00:00Z"}}`,
	"data perimeter":        `{"StringNotEqualsIfExists":{"aws:SourceVpc":"vpc-1"},"NotIpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"}}`,
	"no operator of IAM":    `{"StringDiffers":{"aws:username":"app"}}`,
	"any address, if known": `{"IpAddressIfExists":{"aws:SourceIp":"0.0.0.0/0"}}`,
}

func TestAllowsCountsWhatMayDeny(t *testing.T) {
	app := mustUser(t, database(nil), "app")
	for name, condition := range denials {
		if mustParse(t, denying(condition)).Allows(app) {
			t.Errorf("%s: allowed in spite of a Deny with %s", name, condition)
		}
	}
	for name, condition := range map[string]string{
		"an address":             `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`,
		"a network":              `{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`,
		"this region":            `{"StringNotEquals":{"aws:RequestedRegion":"us-west-2"}}`,
		"a key of another API":   `{"StringEquals":{"s3:prefix":"x"}}`,
		"some network":           `{"Null":{"aws:SourceVpc":"false"}}`,
		"one of no values":       `{"ForAnyValue:StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`,
		"undecided and not true": `{"StringEquals":{"aws:PrincipalOrgID":"o-1","aws:SourceVpc":"vpc-1"}}`,
	} {
		if !mustParse(t, denying(condition)).Allows(app) {
			t.Errorf("%s: refused by a Deny with %s", name, condition)
		}
	}
}

func TestShortARNsMatch(t *testing.T) {
	app := mustUser(t, database(nil), "app")
	for arn, want := range map[string]bool{
		"arn:aws:rds-db:us-west-2:*": true, "arn:aws:rds-db:*": true,
		"arn:aws:rds-db:us-east-1:*": false, "arn:aws:rds:*": false,
	} {
		policy := mustParse(t, allowing(`"Action":"rds-db:connect","Resource":"`+arn+`"`))
		if got := policy.Allows(app); got != want {
			t.Errorf("%s: allows %t", arn, got)
		}
	}
}

// Editors of Windows begin a file with a byte order mark.
func TestParsePolicyWithByteOrderMark(t *testing.T) {
	if !mustParse(t, "\ufeff"+allowing(`"Action":"rds-db:connect","Resource":"*"`)).Allows(mustUser(t, database(nil), "app")) {
		t.Error("not read")
	}
}
