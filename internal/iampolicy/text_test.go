package iampolicy_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

func TestReadText(t *testing.T) {
	tests := []struct {
		text string
		want iampolicy.Text
	}{
		{"", iampolicy.Text{}},
		{"app", iampolicy.Text{Literal: "app"}},
		{"a${*}b${?}c${$}{d}", iampolicy.Text{Literal: "a*b?c${d}"}},
		{"a$b$", iampolicy.Text{Literal: "a$b$"}},
		{"$${*}", iampolicy.Text{Literal: "$*"}},
		{"a*", iampolicy.Text{Wildcard: true}},
		{"a?${aws:username}", iampolicy.Text{Wildcard: true, Variable: true, Undefined: []string{"aws:username"}}},
		{"${aws:username, 'app'}", iampolicy.Text{Variable: true}},
		{"${aws:username, ''}", iampolicy.Text{Variable: true}},
		{"${ aws:username , 'app' }", iampolicy.Text{Variable: true}},
	}
	for _, tt := range tests {
		if got, err := iampolicy.ReadText(tt.text); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	var problem *iampolicy.ParseError
	for _, text := range []string{"a${b", "${a b}", "${a*b}", "${a?b}", "${a${b}", "${a'b}", `${a"b}`, "${}", "${ }", "${a, '}", "${a, 'x}", "${a, x'}", "${a,}"} {
		if got, err := iampolicy.ReadText(text); !errors.As(err, &problem) {
			t.Errorf("%s: got %+v, %v; want a ParseError", text, got, err)
		}
	}
}

func TestEscape(t *testing.T) {
	for _, text := range []string{"", "app", "a*b?c${aws:username}$", "${*}"} {
		if got, err := iampolicy.ReadText(iampolicy.Escape(text)); err != nil || !got.IsLiteral() || got.Literal != text {
			t.Errorf("%q: escaped and read %+v, %v", text, got, err)
		}
	}
}

func TestActionMatches(t *testing.T) {
	for text, want := range map[string]bool{
		"rds-db:connect": true, "RDS-DB:Connect": true, "rds-db:*": true, "*": true, "rds-db:c?nnect": true,
		"rds:connect": false, "rds-db:connects": false, "": false,
	} {
		if got := iampolicy.ActionMatches(text, connect); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

func TestKnowsKey(t *testing.T) {
	for key, want := range map[string]bool{
		"aws:username": true, "AWS:PrincipalTag/Team": true, "aws:SourceIp": false, "": false,
		"aws:userid": true, "aws:PrincipalArn": true, "aws:PrincipalAccount": true, "aws:ResourceTag/team": false, "aws:PrincipalTagging": false,
	} {
		if got := iampolicy.KnowsKey(key); got != want {
			t.Errorf("%q: got %t", key, got)
		}
	}
}

// The keys of which the RDS user guide says that logins do not have them, those of other
// services and those of templates; not those that identity providers put into a session.
func TestLacksKey(t *testing.T) {
	for key, want := range map[string]bool{
		"aws:SourceIp": true, "aws:SourceVpc": true, "aws:SourceVpce": true, "aws:VpcSourceIp": true, "aws:UserAgent": true, "aws:Referer": true, "AWS:REFERER": true,
		"ec2:ResourceTag/a": true, "rds:db-tag/a": true, "AWS::Region": true, "var.region": true, "": true,
		"aws:username": false, "aws:CurrentTime": false, "aws:MultiFactorAuthPresent": false, "aws:ResourceTag/a": false,
		"saml:sub": false, "identitystore:UserId": false, "cognito-identity.amazonaws.com:sub": false,
	} {
		if got := iampolicy.LacksKey(key); got != want {
			t.Errorf("%q: got %t", key, got)
		}
	}
}
