package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/token"
)

const good = "prod.abc123.us-east-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app%20user&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
	"&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900" +
	"&X-Amz-SignedHeaders=host&X-Amz-Signature=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func TestParse(t *testing.T) {
	got, err := token.Parse(good)
	signed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err != nil || got.Host != "prod.abc123.us-east-1.rds.amazonaws.com" || got.Port != "5432" || got.User != "app user" ||
		got.Region != "us-east-1" || got.AccessKeyID != "AKIDEXAMPLE" || !got.Signed.Equal(signed) || got.Lifetime != 15*time.Minute {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(got.Parameters) != 7 || got.Parameters[0].Name != token.Action || got.Parameters[6].Name != token.SignedHeaders {
		t.Errorf("parameters %+v", got.Parameters)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"20260102T030405Z", "20260102T030405.5Z", "X-Amz-Date does not have the form"},
		{"20260102T030405Z", "20260102T030405,5Z", "X-Amz-Date is not percent-encoded"},
		{"=900", "=%2B900", "X-Amz-Expires is not a number"},
		{"=900", "=0", "X-Amz-Expires is not a number"},
		{"=900", "=901", "X-Amz-Expires is not a number"},
		{"=900", "=9e2", "X-Amz-Expires is not a number"},
		{"=900", "=99999999999999999999", "X-Amz-Expires is not a number"},
		{"app%20user", "app+user", "DBUser is not percent-encoded"},
		{"app%20user", "app%2", "DBUser is not percent-encoded"},
		{"&DBUser", "&x=1&DBUser", "it has a parameter that tokens do not have"},
		{"&X-Amz-Expires=900", "", "X-Amz-Expires is missing"},
		{"&X-Amz-Expires=900", "&X-Amz-Expires=900&X-Amz-Expires=900", "X-Amz-Expires is given twice"},
		{"=connect", "=Connect", "Action is not connect"},
		{"20260102%2F", "20260103%2F", "X-Amz-Credential does not have the form"},
		{"rds-db", "rds", "X-Amz-Credential does not have the form"},
		{":5432", ":543210", "its port is not"},
		{"prod.", "pr od.", "it was changed on its way"},
		{"prod.", "https://prod.", "it was changed on its way"},
		{"?", "", "no query"},
		{"prod.", "@prod.", "it does not begin with host:port"},
	} {
		if _, err := token.Parse(strings.Replace(good, test.old, test.new, 1)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s in place of %s: got %v, want %s", test.new, test.old, err, test.want)
		}
	}
	if _, err := token.Parse(good + "\n"); err == nil {
		t.Error("a line feed at the end passes")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add(`"` + strings.ReplaceAll(good, "&", `&`) + `"`)
	f.Add("%3FAction")
	f.Fuzz(func(t *testing.T, text string) {
		parts := token.Read(text)
		if strict, err := token.Parse(text); err == nil {
			host, port, _ := parts.HostPort()
			if len(parts.Damage) > 0 || len(parts.Missing()) > 0 && strict.User != "" || host != strict.Host || port != strict.Port {
				t.Errorf("Parse gives %+v, Read %+v", strict, parts)
			}
		}
	})
}
