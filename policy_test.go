package rdsiam_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

const dbID = "db-12ABC34DEFG5HIJ6KLMNOP78QR"

func TestUserARN(t *testing.T) {
	tests := []struct {
		name                                         string
		partition, region, account, resource, dbUser string
		want                                         string
	}{
		{"instance", "aws", "us-west-2", "123456789012", dbID, "david_lu", "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/david_lu"},
		{"cluster", "aws", "us-west-2", "123456789012", "cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I", "jane_doe", "arn:aws:rds-db:us-west-2:123456789012:dbuser:cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/jane_doe"},
		{"proxy", "aws", "us-west-2", "123456789012", "prx-0abc12def", "app", "arn:aws:rds-db:us-west-2:123456789012:dbuser:prx-0abc12def/app"},
		{"China", "aws-cn", "cn-north-1", "123456789012", dbID, "u", "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:" + dbID + "/u"},
		{"GovCloud", "aws-us-gov", "us-gov-west-1", "123456789012", dbID, "u", "arn:aws-us-gov:rds-db:us-gov-west-1:123456789012:dbuser:" + dbID + "/u"},
		{"unknown region of an unknown partition", "aws-new", "zz-middle-3", "123456789012", dbID, "u", "arn:aws-new:rds-db:zz-middle-3:123456789012:dbuser:" + dbID + "/u"},
		{"wildcards and variables", "aws", "us-west-2", "123456789012", dbID, "a*b?c${aws:username}$", "arn:aws:rds-db:us-west-2:123456789012:dbuser:" + dbID + "/a${*}b${?}c${$}{aws:username}${$}"},
		{"other signs", "aws", "us-west-2", "123456789012", dbID, `é <a&b>/"\:`, "arn:aws:rds-db:us-west-2:123456789012:dbuser:" + dbID + `/é <a&b>/"\:`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arn, err := rdsiam.NewUserARN(tt.partition, tt.region, tt.account, tt.resource, tt.dbUser)
			if err != nil {
				t.Fatal(err)
			}
			if arn.String() != tt.want {
				t.Errorf("got %s, want %s", arn, tt.want)
			}
		})
	}
	if text := (rdsiam.UserARN{}).String(); text != "" {
		t.Errorf("the zero UserARN prints %q", text)
	}
}

func TestNewUserARNErrors(t *testing.T) {
	tests := []struct {
		name                                         string
		partition, region, account, resource, dbUser string
		setting                                      string
	}{
		{"no region", "aws", "", "123456789012", dbID, "u", "region"},
		{"region with a wildcard", "aws", "us-*-1", "123456789012", dbID, "u", "region"},
		{"region of another partition", "aws-cn", "us-east-1", "123456789012", dbID, "u", "partition"},
		{"GovCloud region in aws", "aws", "us-gov-west-1", "123456789012", dbID, "u", "partition"},
		{"no partition", "", "zz-middle-3", "123456789012", dbID, "u", "partition"},
		{"partition of another cloud", "gcp", "zz-middle-3", "123456789012", dbID, "u", "partition"},
		{"partition with a wildcard", "aws-*", "zz-middle-3", "123456789012", dbID, "u", "partition"},
		{"account of 11 digits", "aws", "us-east-1", "12345678901", dbID, "u", "account id"},
		{"account of 13 digits", "aws", "us-east-1", "1234567890123", dbID, "u", "account id"},
		{"account with hyphens", "aws", "us-east-1", "1234-5678-90", dbID, "u", "account id"},
		{"account wildcard", "aws", "us-east-1", "*", dbID, "u", "account id"},
		{"name of the database", "aws", "us-east-1", "123456789012", "sre-testing", "u", "resource id"},
		{"id without text", "aws", "us-east-1", "123456789012", "db-", "u", "resource id"},
		{"id with a hyphen", "aws", "us-east-1", "123456789012", "db-a-b", "u", "resource id"},
		{"id wildcard", "aws", "us-east-1", "123456789012", "db-*", "u", "resource id"},
		{"kind alone", "aws", "us-east-1", "123456789012", "cluster", "u", "resource id"},
		{"no user", "aws", "us-east-1", "123456789012", dbID, "", "user"},
		{"user with NUL", "aws", "us-east-1", "123456789012", dbID, "a\x00b", "user"},
		{"user with a line feed", "aws", "us-east-1", "123456789012", dbID, "a\nb", "user"},
		{"user with DEL", "aws", "us-east-1", "123456789012", dbID, "a\x7fb", "user"},
		{"user with U+0085", "aws", "us-east-1", "123456789012", dbID, "a\u0085b", "user"},
		{"user outside Latin-1", "aws", "us-east-1", "123456789012", dbID, "пользователь", "user"},
		{"user not UTF-8", "aws", "us-east-1", "123456789012", dbID, "\xff", "user"},
		{"user with U+FFFD", "aws", "us-east-1", "123456789012", dbID, "\ufffd", "user"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arn, err := rdsiam.NewUserARN(tt.partition, tt.region, tt.account, tt.resource, tt.dbUser)
			var config *rdsiam.ConfigError
			if !errors.As(err, &config) || arn != (rdsiam.UserARN{}) {
				t.Fatalf("got %v, %v; want a ConfigError", arn, err)
			}
			if config.Setting != tt.setting || config.Problem == "" || config.Mend == "" {
				t.Errorf("got %+v, want setting %q", config, tt.setting)
			}
		})
	}
}

func TestPolicyDocument(t *testing.T) {
	arn := func(resource, user string) rdsiam.UserARN {
		t.Helper()
		arn, err := rdsiam.NewUserARN("aws", "us-west-2", "123456789012", resource, user)
		if err != nil {
			t.Fatal(err)
		}
		return arn
	}
	const want = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "rds-db:connect",
      "Resource": [
        "arn:aws:rds-db:us-west-2:123456789012:dbuser:cluster-B/<a&b>",
        "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-A/a${*}",
        "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-A/b"
      ]
    }
  ]
}
`
	for _, arns := range [][]rdsiam.UserARN{
		{arn("db-A", "b"), arn("cluster-B", "<a&b>"), arn("db-A", "a*"), arn("db-A", "b")},
		{arn("cluster-B", "<a&b>"), arn("db-A", "a*"), arn("db-A", "b")},
	} {
		got, err := rdsiam.PolicyDocument(arns...)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPolicyDocumentErrors(t *testing.T) {
	for name, arns := range map[string][]rdsiam.UserARN{"no user": nil, "zero": {{}}} {
		text, err := rdsiam.PolicyDocument(arns...)
		var config *rdsiam.ConfigError
		if !errors.As(err, &config) || text != nil {
			t.Errorf("%s: got %s, %v", name, text, err)
		}
	}
}

// Whatever a user is called, the policy is valid JSON and has no wildcard or
// variable of the user's making.
func FuzzPolicyDocument(f *testing.F) {
	f.Add("david_lu")
	f.Add("a*b?c${aws:username}$$")
	f.Add("\u2028<>&\"\\")
	f.Fuzz(func(t *testing.T, user string) {
		arn, err := rdsiam.NewUserARN("aws", "us-west-2", "123456789012", dbID, user)
		if err != nil {
			return
		}
		text, err := rdsiam.PolicyDocument(arn)
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ Statement []struct{ Resource []string } }
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&document); err != nil {
			t.Fatal(err)
		}
		resource, _ := strings.CutPrefix(document.Statement[0].Resource[0], "arn:aws:rds-db:us-west-2:123456789012:dbuser:"+dbID+"/")
		rest := strings.NewReplacer("${*}", "", "${?}", "", "${$}", "").Replace(resource)
		if strings.ContainsAny(rest, "*?$") {
			t.Fatalf("%q became %q", user, resource)
		}
		if got := strings.NewReplacer("${*}", "*", "${?}", "?", "${$}", "$").Replace(resource); got != user {
			t.Fatalf("%q became %q, which stands for %q", user, resource, got)
		}
	})
}
