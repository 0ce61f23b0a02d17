package rdsiamtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// guard is a policy that allows every login but those for which a condition holds.
func guard(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Open","Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Sid":"Guard","Effect":"Deny","Action":"*","Resource":"*","Condition":` + condition + `}]}`
}

// permanent and temporary are credentials of an IAM user and of a role.
var (
	permanent = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	temporary = aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "session"}
)

// logInBy logs in as app and returns what the server noted.
func logInBy(t *testing.T, identity rdsiamtest.Identity) rdsiamtest.Login {
	t.Helper()
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"), rdsiamtest.WithIdentity(identity))
	err := server.Verify(t.Context(), "app", tokenFor(t, server, "app"))
	got := lastLogin(t, server)
	if got.Accepted != (err == nil) {
		t.Fatalf("login = %+v, error %v", got, err)
	}
	return got
}

// A Deny for which IAM refuses, or may refuse, the login of an identity refuses it here, and the
// note says which statement it was and whether it was certain.
func TestDenyWithCondition(t *testing.T) {
	const certain, undecided, allowed = `statement "Guard" denies`, `statement "Guard" may deny`, `statement "Open" allows`
	with := func(key, value string) map[string]string { return map[string]string{key: value} }
	tests := []struct {
		condition   string
		credentials aws.Credentials
		context     map[string]string
		want        string
	}{
		{`{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, temporary, nil, certain},
		{`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, temporary, nil, allowed},
		{`{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`, temporary, nil, certain},
		{`{"Null":{"aws:SourceVpc":"true"}}`, temporary, nil, certain},
		{`{"ForAllValues:StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`, temporary, nil, certain},
		{`{"StringNotEqualsIfExists":{"aws:RequestedRegion":"eu-west-1"}}`, temporary, nil, certain},
		{`{"StringNotEqualsIfExists":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}`, temporary, nil, allowed},
		{`{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, temporary, nil, undecided},
		{`{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, temporary, with("aws:PrincipalOrgID", "o-1"), allowed},
		{`{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, temporary, with("aws:principalorgid", "o-2"), certain},
		{`{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, temporary, with("aws:PrincipalOrgID", ""), certain},
		{`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`, temporary, nil, undecided},
		{`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`, temporary, with("aws:MultiFactorAuthPresent", "true"), allowed},
		{`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`, temporary, with("aws:MultiFactorAuthPresent", "false"), certain},
		{`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`, permanent, nil, certain},
		{`{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`, permanent, nil, allowed},
		{`{"DateLessThan":{"aws:TokenIssueTime":"2026-11-01T00:00:00Z"}}`, temporary, nil, undecided},
		{`{"DateLessThan":{"aws:TokenIssueTime":"2026-11-01T00:00:00Z"}}`, temporary, with("aws:TokenIssueTime", "2026-10-31T23:59:59Z"), certain},
		{`{"DateLessThan":{"aws:TokenIssueTime":"2026-11-01T00:00:00Z"}}`, temporary, with("aws:TokenIssueTime", "2026-11-01T00:00:01Z"), allowed},
		{`{"DateLessThan":{"aws:TokenIssueTime":"2026-11-01T00:00:00Z"}}`, permanent, nil, allowed},
		{`{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`, temporary, nil, certain},
		{`{"NumericLessThan":{"aws:EpochTime":"1577836800"}}`, temporary, nil, allowed},
		{`{"StringNotEqualsIfExists":{"aws:SourceVpc":"vpc-1"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false","aws:ViaAWSService":"false"}}`, temporary, nil, certain},
		{`{"StringNotLike":{"aws:username":"*"}}`, temporary, nil, certain},
		{`{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/rdsiamtest"}}`, temporary, nil, allowed},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:sts::*:assumed-role/*"}}`, temporary, nil, allowed},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/path/app"}}`, temporary, with("aws:PrincipalArn", "arn:aws:iam::123456789012:role/path/app"), certain},
		{`{"StringEquals":{"aws:ResourceTag/env":"prod"}}`, temporary, nil, undecided},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.condition, test.credentials.AccessKeyID, test.context), func(t *testing.T) {
			got := logInBy(t, rdsiamtest.Identity{Credentials: test.credentials, Context: test.context, Policies: []string{guard(test.condition)}})
			if got.Accepted != (test.want == allowed) || !strings.HasPrefix(got.Detail, test.want) {
				t.Errorf("accepted = %t, %q; want %q", got.Accepted, got.Detail, test.want)
			}
			if test.want == undecided && !strings.Contains(got.Detail, "which is undecided") {
				t.Errorf("detail = %q", got.Detail)
			}
		})
	}
}

// Of several policies the note counts the one that decided.
func TestWhichPolicyDecided(t *testing.T) {
	got := logInBy(t, rdsiamtest.Identity{Credentials: temporary, Policies: []string{allowConnect("other"), allowConnect("app")}})
	if want := "policy 2, statement 1 allows rds-db:connect on arn:aws:rds-db:us-east-1:123456789012:dbuser:db-RDSIAMTEST0123456789ABCDEF/app"; got.Detail != want {
		t.Errorf("detail = %q\n   want %q", got.Detail, want)
	}
}
