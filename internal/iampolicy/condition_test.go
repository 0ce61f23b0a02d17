package iampolicy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// login is a request of which this much is known: the keys of Context have a value; other tags
// of the principal do not exist, nor does aws:SourceVpc, and aws:PrincipalOrgID is not known.
var login = iampolicy.Request{Action: connect, Resource: appARN, Context: map[string]string{
	"aws:username":             "app",
	"aws:PrincipalTag/team":    "sre",
	"aws:PrincipalTag/owner":   "app",
	"aws:PrincipalTag/empty":   "",
	"aws:PrincipalArn":         "arn:aws:iam::123456789012:user/app",
	"aws:MultiFactorAuthAge":   "3600",
	"aws:EpochTime":            "1800000000",
	"aws:CurrentTime":          "2026-12-01T03:00:00Z",
	"aws:ViaAWSService":        "false",
	"aws:PrincipalTag/address": "10.0.0.1",
}, Absent: []string{"aws:PrincipalTag/"}}

// The rows follow "Condition operators", "Single-valued vs. multivalued context keys",
// "Conditions with multiple context keys or values" and "Policy variables with no value" of the
// IAM user guide.
var conditionRows = []struct {
	condition string
	want      iampolicy.Truth
	why       string // what the notes of an Allow that does not match say
}{
	// A key that exists.
	{`{"StringEquals":{"aws:PrincipalTag/team":"sre"}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"AWS:principaltag/Team":"sre"}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"aws:PrincipalTag/team":"dev"}}`, iampolicy.No, "condition StringEquals aws:PrincipalTag/team does not hold"},
	{`{"StringEquals":{"aws:PrincipalTag/team":"SRE"}}`, iampolicy.No, "does not hold"},
	{`{"StringEquals":{"aws:PrincipalTag/team":["*","?re","s*"]}}`, iampolicy.No, "does not hold"},
	{`{"StringEquals":{"aws:PrincipalTag/empty":""}}`, iampolicy.Yes, ""},
	{`{"StringNotEquals":{"aws:PrincipalTag/team":"dev"}}`, iampolicy.Yes, ""},
	{`{"StringNotEquals":{"aws:PrincipalTag/team":"sre"}}`, iampolicy.No, "does not hold"},
	{`{"StringEqualsIgnoreCase":{"aws:PrincipalTag/team":"SRE"}}`, iampolicy.Yes, ""},
	{`{"StringEqualsIgnoreCase":{"aws:PrincipalTag/team":"DEV"}}`, iampolicy.No, "does not hold"},
	{`{"StringNotEqualsIgnoreCase":{"aws:PrincipalTag/team":"SRE"}}`, iampolicy.No, "does not hold"},
	{`{"StringNotEqualsIgnoreCase":{"aws:PrincipalTag/team":"DEV"}}`, iampolicy.Yes, ""},
	{`{"StringLike":{"aws:PrincipalTag/team":"s?e"}}`, iampolicy.Yes, ""},
	{`{"StringLike":{"aws:PrincipalTag/team":"d*"}}`, iampolicy.No, "does not hold"},
	{`{"StringNotLike":{"aws:PrincipalTag/team":"s*"}}`, iampolicy.No, "does not hold"},
	{`{"StringNotLike":{"aws:PrincipalTag/team":"d*"}}`, iampolicy.Yes, ""},
	{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/app"}}`, iampolicy.Yes, ""},
	{`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}`, iampolicy.Yes, ""},
	{`{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/app"}}`, iampolicy.No, "does not hold"},
	{`{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/other"}}`, iampolicy.Yes, ""},
	{`{"Bool":{"aws:ViaAWSService":"false"}}`, iampolicy.Yes, ""},
	{`{"Bool":{"aws:ViaAWSService":false}}`, iampolicy.Yes, ""},
	{`{"Bool":{"aws:ViaAWSService":"true"}}`, iampolicy.No, "does not hold"},
	{`{"Bool":{"aws:username":"true"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"NumericLessThan":{"aws:MultiFactorAuthAge":"3601"}}`, iampolicy.Yes, ""},
	{`{"NumericLessThan":{"aws:MultiFactorAuthAge":3600}}`, iampolicy.No, "does not hold"},
	{`{"NumericLessThanEquals":{"aws:MultiFactorAuthAge":"3600.0"}}`, iampolicy.Yes, ""},
	{`{"NumericEquals":{"aws:MultiFactorAuthAge":"3600"}}`, iampolicy.Yes, ""},
	{`{"NumericNotEquals":{"aws:MultiFactorAuthAge":"3600"}}`, iampolicy.No, "does not hold"},
	{`{"NumericGreaterThan":{"aws:MultiFactorAuthAge":"3600"}}`, iampolicy.No, "does not hold"},
	{`{"NumericGreaterThanEquals":{"aws:MultiFactorAuthAge":"3600"}}`, iampolicy.Yes, ""},
	{`{"NumericLessThan":{"aws:MultiFactorAuthAge":"NaN"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"NumericEquals":{"aws:username":"1"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"DateLessThan":{"aws:CurrentTime":"2026-12-01T04:00:00+01:00"}}`, iampolicy.No, "does not hold"},
	{`{"DateLessThanEquals":{"aws:CurrentTime":"2026-12-01T04:00:00+01:00"}}`, iampolicy.Yes, ""},
	{`{"DateGreaterThan":{"aws:CurrentTime":"2026-12-01"}}`, iampolicy.Yes, ""},
	{`{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-12-01T03:00Z"}}`, iampolicy.Yes, ""},
	{`{"DateEquals":{"aws:EpochTime":"2027-01-15T08:00:00Z"}}`, iampolicy.Yes, ""},
	{`{"DateNotEquals":{"aws:EpochTime":1800000000}}`, iampolicy.No, "does not hold"},
	{`{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"IpAddress":{"aws:PrincipalTag/address":"10.0.0.0/8"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"BinaryEquals":{"aws:username":"YXBw"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"Null":{"aws:PrincipalTag/team":"false"}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:PrincipalTag/team":false}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:PrincipalTag/team":"true"}}`, iampolicy.No, "condition Null aws:PrincipalTag/team does not hold"},
	{`{"StringEqualsIfExists":{"aws:PrincipalTag/team":"dev"}}`, iampolicy.No, "does not hold"},
	{`{"StringNotEqualsIfExists":{"aws:PrincipalTag/team":"dev"}}`, iampolicy.Yes, ""},
	{`{"ForAnyValue:StringEquals":{"aws:PrincipalTag/team":["dev","sre"]}}`, iampolicy.Yes, ""},
	{`{"ForAnyValue:StringEquals":{"aws:PrincipalTag/team":"dev"}}`, iampolicy.No, "does not hold"},
	{`{"ForAllValues:StringLike":{"aws:PrincipalTag/team":"s*"}}`, iampolicy.Yes, ""},
	{`{"ForAllValues:StringLike":{"aws:PrincipalTag/team":"d*"}}`, iampolicy.No, "does not hold"},
	{`{"ForAllValues:StringEquals":{"aws:PrincipalTag/empty":"x"}}`, iampolicy.Yes, ""},
	{`{"ForAnyValue:StringEquals":{"aws:PrincipalTag/empty":""}}`, iampolicy.No, "no value"},
	// A wildcard of ArnLike stays between two of the five colons that divide an ARN.
	{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:*:user/app"}}`, iampolicy.No, "does not hold"},
	{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:*:*:user/app"}}`, iampolicy.No, "does not hold"},
	{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"ArnLike":{"aws:PrincipalArn":"arn:*:*:*:*:*"}}`, iampolicy.Yes, ""},
	{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:i*2:user/app:*"}}`, iampolicy.No, "does not hold"},
	{`{"StringLike":{"aws:PrincipalArn":"arn:aws:i*/app"}}`, iampolicy.Yes, ""},
	// Several values: any of them, or none of them. Several keys and operators: all of them.
	{`{"StringEquals":{"aws:PrincipalTag/team":["dev","sre"]}}`, iampolicy.Yes, ""},
	{`{"StringNotEquals":{"aws:PrincipalTag/team":["dev","sre"]}}`, iampolicy.No, "does not hold"},
	{`{"StringNotEquals":{"aws:PrincipalTag/team":["dev","ops"]}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"aws:PrincipalTag/team":"sre","aws:username":"other"}}`, iampolicy.No, "aws:username does not hold"},
	{`{"StringEquals":{"aws:PrincipalTag/team":"sre"},"StringLike":{"aws:username":"o*"}}`, iampolicy.No, "StringLike aws:username"},
	{`{"StringEquals":{"aws:PrincipalTag/team":"sre"},"StringLike":{"aws:username":"a*"}}`, iampolicy.Yes, ""},
	// A key that does not exist.
	{`{"StringEquals":{"aws:PrincipalTag/none":"sre"}}`, iampolicy.No, "aws:PrincipalTag/none has no value"},
	{`{"StringNotEquals":{"aws:PrincipalTag/none":"sre"}}`, iampolicy.Yes, ""},
	{`{"StringNotLike":{"aws:PrincipalTag/none":"*"}}`, iampolicy.Yes, ""},
	{`{"ArnNotLike":{"aws:PrincipalTag/none":"*"}}`, iampolicy.Yes, ""},
	{`{"NumericNotEquals":{"aws:PrincipalTag/none":1}}`, iampolicy.Yes, ""},
	{`{"NumericLessThan":{"aws:PrincipalTag/none":1}}`, iampolicy.No, "no value"},
	{`{"Bool":{"aws:PrincipalTag/none":"false"}}`, iampolicy.No, "no value"},
	{`{"BoolIfExists":{"aws:PrincipalTag/none":"false"}}`, iampolicy.Yes, ""},
	{`{"StringEqualsIfExists":{"aws:PrincipalTag/none":"sre"}}`, iampolicy.Yes, ""},
	{`{"StringNotEqualsIfExists":{"aws:PrincipalTag/none":"sre"}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:PrincipalTag/none":"true"}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:PrincipalTag/none":true}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:PrincipalTag/none":"false"}}`, iampolicy.No, "does not hold"},
	{`{"ForAllValues:StringLike":{"aws:PrincipalTag/none":"d*"}}`, iampolicy.Yes, ""},
	{`{"ForAllValues:StringNotEquals":{"aws:PrincipalTag/none":"d"}}`, iampolicy.Yes, ""},
	{`{"ForAllValues:StringEqualsIfExists":{"aws:PrincipalTag/none":"d"}}`, iampolicy.Yes, ""},
	{`{"ForAnyValue:StringEquals":{"aws:PrincipalTag/none":"dev"}}`, iampolicy.No, "no value"},
	{`{"ForAnyValue:StringNotEquals":{"aws:PrincipalTag/none":"dev"}}`, iampolicy.No, "no value"},
	{`{"ForAnyValue:StringEqualsIfExists":{"aws:PrincipalTag/none":"dev"}}`, iampolicy.Undecided, "no value"},
	// A key that is documented not to exist at logins, and one of another service.
	{`{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, iampolicy.No, "condition key aws:SourceIp has no value at this login"},
	{`{"IpAddressIfExists":{"aws:SourceIp":"0.0.0.0/0"}}`, iampolicy.Yes, ""},
	{`{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"aws:SourceVpc":5}}`, iampolicy.No, "aws:SourceVpc"},
	{`{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:SourceVpc":"true"}}`, iampolicy.Yes, ""},
	{`{"Null":{"aws:SourceVpc":"false"}}`, iampolicy.No, "does not hold"},
	{`{"StringLike":{"s3:prefix":"*"}}`, iampolicy.No, "s3:prefix"},
	{`{"StringNotLike":{"s3:prefix":"*"}}`, iampolicy.Yes, ""},
	// A key of which it is not known whether it exists.
	{`{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, iampolicy.Undecided, "condition StringEquals aws:PrincipalOrgID: the value of the key is not known"},
	{`{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, iampolicy.Undecided, "not known"},
	{`{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}`, iampolicy.Undecided, "not known"},
	{`{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}`, iampolicy.Undecided, "not known"},
	{`{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, iampolicy.Undecided, "not known"},
	{`{"ForAnyValue:StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, iampolicy.Undecided, "not known"},
	{`{"Null":{"aws:PrincipalOrgID":"true"}}`, iampolicy.Undecided, "not known"},
	{`{"StringEquals":{"saml:sub":"x"}}`, iampolicy.Undecided, "not known"},
	{`{"StringEquals":{"aws:PrincipalOrgID":"o-1","aws:username":"other"}}`, iampolicy.No, "aws:username does not hold"},
	{`{"StringEquals":{"aws:PrincipalOrgID":"o-1","aws:username":"app"}}`, iampolicy.Undecided, "not known"},
	// An operator that IAM does not have.
	{`{"NullIfExists":{"aws:PrincipalTag/none":"true"}}`, iampolicy.Undecided, "condition NullIfExists aws:PrincipalTag/none: IAM has no such operator"},
	{`{"ForAnyValue:ForAllValues:StringEquals":{"aws:PrincipalTag/team":"sre"}}`, iampolicy.Undecided, "no such operator"},
	{`{"stringequals":{"aws:SourceVpc":"vpc-1"}}`, iampolicy.Undecided, "no such operator"},
	// Variables: with a value, without one, and with one that is not known.
	{`{"StringEquals":{"aws:PrincipalTag/owner":"${aws:username}"}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"aws:PrincipalTag/empty":"${aws:PrincipalTag/none}"}}`, iampolicy.No, "does not hold"},
	{`{"StringEquals":{"aws:PrincipalTag/empty":"${aws:PrincipalTag/none, ''}"}}`, iampolicy.Yes, ""},
	{`{"StringNotEquals":{"aws:PrincipalTag/empty":"${aws:PrincipalTag/none}"}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"aws:username":"${aws:PrincipalOrgID}"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"StringNotEquals":{"aws:username":"${aws:PrincipalOrgID}"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"StringEquals":{"aws:username":["${aws:PrincipalOrgID}","app"]}}`, iampolicy.Yes, ""},
	{`{"StringEquals":{"aws:username":"x${aws:PrincipalOrgID}"}}`, iampolicy.No, "does not hold"},
	{`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam:${aws:PrincipalOrgID}"}}`, iampolicy.Undecided, "cannot be decided"},
	{`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:sts:${aws:PrincipalOrgID}"}}`, iampolicy.No, "does not hold"},
}

// What holds allows and denies, what does not hold neither, and what is undecided refuses
// either way.
func TestConditions(t *testing.T) {
	const denyIf = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Sid":"Guard","Effect":"Deny","Action":"*","Resource":"*","Condition":%s}]}`
	for _, row := range conditionRows {
		t.Run(row.condition, func(t *testing.T) {
			got := evaluate(t, login, allow(`"Resource":"*","Condition":`+row.condition))
			if got.Allowed != (row.want == iampolicy.Yes) {
				t.Errorf("Allow: allowed = %t (%s; %q)", got.Allowed, got.Reason, got.Notes)
			}
			if notes := strings.Join(got.Notes, "; "); !strings.Contains(notes, row.why) || row.why == "" && notes != "" {
				t.Errorf("Allow: notes = %q, want %q", notes, row.why)
			}
			if undecided := strings.Contains(strings.Join(got.Notes, ""), "is undecided: "); undecided != (row.want == iampolicy.Undecided) {
				t.Errorf("Allow: notes = %q", got.Notes)
			}
			got = evaluate(t, login, fmt.Sprintf(denyIf, row.condition))
			if got.Allowed != (row.want == iampolicy.No) {
				t.Errorf("Deny: allowed = %t (%s; %q)", got.Allowed, got.Reason, got.Notes)
			}
			if row.want == iampolicy.Undecided && !strings.Contains(got.Reason, `statement "Guard" may deny `) {
				t.Errorf("Deny: reason = %q", got.Reason)
			}
		})
	}
}

func TestKnowsOperator(t *testing.T) {
	for name, want := range map[string]bool{
		"StringEquals": true, "NumericLessThanEqualsIfExists": true, "ForAllValues:StringLike": true, "ForAnyValue:ArnLikeIfExists": true, "Null": true,
		"NullIfExists": false, "ForAllValues:Null": false, "ForAnyValue:ForAllValues:StringLike": false, "stringequals": false, "StringDiffers": false,
		"NumericNotLessThan": false, "DateLike": false, "": false,
	} {
		policy, err := iampolicy.Parse(allow(`"Resource":"*","Condition":{"` + name + `":{"aws:username":"x"}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := policy.Statement[0].Conditions()[0].KnowsOperator(); got != want {
			t.Errorf("%q: got %t", name, got)
		}
	}
}

// A Deny that is certain is the reason, also after one that is not.
func TestReasonOfADeny(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":[
		{"Sid":"Maybe","Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
		{"Sid":"Other","Effect":"Deny","Action":"s3:*","Resource":"*"}%s]}`
	const certain = `,{"Effect":"Deny","Action":"*","Resource":"*"}`
	for more, want := range map[string]string{
		"":      `policy 2, statement "Maybe" may deny rds-db:connect on ` + appARN + `, which is undecided: condition Bool aws:SecureTransport: the value of the key is not known`,
		certain: `policy 2, statement 3 denies rds-db:connect on ` + appARN,
	} {
		got := evaluate(t, login, allow(`"Resource":"*"`), fmt.Sprintf(policy, more))
		if got.Allowed || got.Reason != want {
			t.Errorf("reason = %q\n    want %q", got.Reason, want)
		}
	}
}

// A variable without a value matches no resource; under NotResource pages of AWS differ.
func TestVariablesOfADeny(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*",%s}]}`
	for element, allowed := range map[string]bool{
		`"Resource":"arn:aws:rds-db:*:*:dbuser:*/${aws:PrincipalTag/none}"`:      true,
		`"Resource":"arn:aws:rds-db:*:*:dbuser:*/${aws:userid}"`:                 false,
		`"Resource":"arn:aws:rds-db:*:*:dbuser:*/x${aws:userid}"`:                true,
		`"Resource":"arn:aws:rds-db:*:*:dbuser:*/${aws:username}"`:               false,
		`"NotResource":"arn:aws:rds-db:*:*:dbuser:*/${aws:PrincipalTag/none}"`:   false,
		`"NotResource":"arn:aws:rds-db:*:*:dbuser:*/${aws:userid}"`:              false,
		`"NotResource":"arn:aws:rds-db:*:*:dbuser:*/${aws:username}"`:            true,
		`"Resource":"arn:aws:rds-db:*"`:                                          false,
		`"Resource":"arn:aws:*:us-east-1:123456789012:dbuser:db-ABCDEFGHIJKL*"`:  false,
		`"Resource":"arn:aws:rds-db:us-*:dbuser:db-ABCDEFGHIJKL01234/app:x"`:     true,
		`"Resource":"arn:aws:rds*:123456789012:dbuser:db-ABCDEFGHIJKL01234:app"`: true,
		`"Resource":"arn:aws:rds-db:*:dbuser:db-ABCDEFGHIJKL01234/app"`:          false,
		`"Resource":"arn:aws:rds-db:*:dbuser:*:*"`:                               true,
	} {
		if got := evaluate(t, login, fmt.Sprintf(policy, element)); got.Allowed != allowed {
			t.Errorf("%s: %+v", element, got)
		}
	}
}
