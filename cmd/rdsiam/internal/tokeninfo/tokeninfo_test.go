package tokeninfo_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/tokeninfo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	signature = "b9afe92b54e9107e31c37b65717b753d484b3be7952d850756acf291ee32e309"
	good      = "prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app%20user&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900" +
		"&X-Amz-SignedHeaders=host&X-Amz-Signature=" + signature
)

var signed = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestRead(t *testing.T) {
	text := strings.Replace(good, "&X-Amz-SignedHeaders", "&X-Amz-Security-Token=c2Vjcg%2B%3D&X-Amz-SignedHeaders", 1)
	got := tokeninfo.Read(" "+text+"\n", signed.Add(time.Minute))
	if len(got.Problems) != 0 || got.Refused() {
		t.Errorf("problems %+v", got.Problems)
	}
	got.Problems = nil
	want := tokeninfo.Info{Endpoint: "prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432", Kind: "cluster endpoint", User: "app user", Region: "us-east-1",
		AccessKeyID: "AKIDEXAMPLE", SessionToken: 8, Signed: signed, Expires: signed.Add(15 * time.Minute), Characters: len(text)}
	if got.Endpoint != want.Endpoint || got.Kind != want.Kind || got.User != want.User || got.Region != want.Region || got.AccessKeyID != want.AccessKeyID ||
		got.SessionToken != want.SessionToken || !got.Signed.Equal(want.Signed) || !got.Expires.Equal(want.Expires) || got.Characters != want.Characters {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// dsql returns a token of Aurora DSQL, with a port or "", in which pairs of texts are replaced.
func dsql(port string, replaced ...string) string {
	query := strings.NewReplacer("rds-db", "dsql", "connect&DBUser=app%20user", "DbConnect").Replace(good[strings.Index(good, "/?"):])
	return "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws" + port + strings.NewReplacer(replaced...).Replace(query)
}

func TestProblems(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	tests := []struct {
		name string
		text string
		at   time.Duration // after signing
		want string        // severity and problem, "" for none
	}{
		{"good to the last second", good, 15*time.Minute - time.Nanosecond, ""},
		{"expired", good, 15 * time.Minute, "error: it expired less than a second ago"},
		{"expired for long", good, 3 * time.Hour, "error: it expired 2 hours ago"},
		{"a clock that is five minutes off", good, -5 * time.Minute, ""},
		{"from the future", good, -5*time.Minute - time.Second, "error: it was signed 5 minutes in the future"},
		{"empty", " \n", 0, "error: there is no token: the input is empty"},
		{"a password", "hunter2", 0, "error: this is no token"},
		{"a link without parameters", "host:5432/?connect", 0, "error: this is no token"},
		{"bytes", "host:5432/?a=\xff\x1b[2J&b=c", 0, "error: this is no token: no token has a byte like the one at 14"},
		{"bytes in encoding", replace("rds-db%2F", "%1b%5b2J%2F"), 0, `error: it is signed for the service "\x1b[2J", not for rds-db`},
		{"something with many parameters", good + strings.Repeat("&a=b", 1000), 0, "error: this is no token: it has 1008 parameters"},
		{"quotes", `"` + good + `"`, 0, "error: the token is in quotes"},
		{"scheme", "https://" + good, 0, "error: the token begins with https://"},
		{"line break", replace("&X-Amz-Date", "\n&X-Amz-Date"), 0, "error: the token has white space inside"},
		{"encoded", strings.NewReplacer(":", "%3A", "/", "%2F", "?", "%3F", "=", "%3D", "&", "%26", "%", "%25").Replace(good), 0, "error: the token is percent-encoded as a whole"},
		{"cut", good[:strings.Index(good, "&X-Amz-Date")], 0, "error: the token ends too early or was cut: it lacks X-Amz-Date, X-Amz-Expires, X-Amz-SignedHeaders, X-Amz-Signature"},
		{"cut in the signature", good[:len(good)-3], 0, "error: the signature has 61 characters"},
		{"signature in capitals", replace(signature, strings.ToUpper(signature)), 0, "error: the signature has 64 characters, or others than it should"},
		{"twice", good + "&DBUser=app", 0, "error: the parameter DBUser is there twice"},
		{"foreign parameter", replace("&DBUser", "&x=1&DBUser"), 0, "warning: the parameter x does not belong to a token"},
		{"bad escape", replace("app%20user", "app%2"), 0, "error: the value of DBUser is not percent-encoded"},
		{"no user", replace("app%20user", ""), 0, "error: the token ends too early or was cut: it lacks DBUser"},
		{"scope", replace("%2Faws4_request", ""), 0, "error: X-Amz-Credential is not of the form"},
		{"service", replace("%2Frds-db%2F", "%2Frds%2F"), 0, "error: it is signed for the service rds, not for rds-db"},
		{"day", replace("20260102%2F", "20260101%2F"), 0, "error: the day in X-Amz-Credential, 20260101, is not that of X-Amz-Date"},
		{"region", replace("us-east-1%2F", "eu-west-1%2F"), 0, "error: it is signed for the region eu-west-1, and the host is in us-east-1"},
		{"no port", replace(":5432", ""), 0, "error: it does not begin with HOST:PORT"},
		{"no slash", replace("/?", "?"), 0, "warning: the slash before ? is missing"},
		{"capitals", replace("prod.", "PROD."), 0, "warning: the host is not in small letters"},
		{"alias", replace("prod.cluster-abc123.us-east-1.rds.amazonaws.com", "db.example.com"), 0, "error: it is signed for db.example.com:5432, and AWS accepts only names of RDS"},
		{"tunnel", replace("prod.cluster-abc123.us-east-1.rds.amazonaws.com", "127.0.0.1"), 0, "error: it is signed for 127.0.0.1:5432"},
		{"custom endpoint", replace("cluster-abc", "cluster-custom-abc"), 0, "error: it is signed for prod.cluster-custom-abc123"},
		{"global", replace("cluster-abc123.us-east-1", "global-abc123.global"), 0, ""},
		{"date", replace("20260102T030405Z", "20260102"), 0, "error: X-Amz-Date is not of the form"},
		{"long life", replace("Expires=900", "Expires=3600"), 0, "error: X-Amz-Expires asks for more than 15 minutes"},
		{"short life", replace("Expires=900", "Expires=60"), 0, "warning: X-Amz-Expires asks for less than 15 minutes"},
		{"no life", replace("Expires=900", "Expires=soon"), 0, "error: X-Amz-Expires is not a number"},
		{"DSQL", dsql(""), 0, ""},
		{"DSQL, after an hour", dsql("", "Expires=900", "Expires=7200"), time.Hour, ""},
		{"DSQL, more than a week", dsql("", "Expires=900", "Expires=604801"), 0, "error: X-Amz-Expires asks for more than 7 days"},
		{"DSQL, with a port", dsql(":5432"), 0, "error: it does not begin with HOST/; a token of Aurora DSQL names no port"},
		{"DSQL, with a user", dsql("", "Action=DbConnect", "Action=DbConnect&DBUser=app"), 0, "error: it names a user"},
		{"DSQL, another action", dsql("", "DbConnect", "DbConnectx"), 0, "error: its Action is DbConnectx"},
		{"DSQL, of RDS", dsql("", "%2Fdsql%2F", "%2Frds-db%2F"), 0, "error: it is signed for the service rds-db, not for dsql"},
		{"DSQL, region", dsql("", "us-east-1%2F", "eu-west-1%2F"), 0, "error: it is signed for the region eu-west-1, and the host is in us-east-1"},
		{"action", replace("=connect", "=disconnect"), 0, "error: its Action is disconnect, not connect"},
		{"algorithm", replace("AWS4-HMAC", "AWS4-ECDSA-P256"), 0, "error: X-Amz-Algorithm is AWS4-ECDSA-P256-SHA256"},
		{"headers", replace("Headers=host", "Headers=host%3Bx"), 0, "error: X-Amz-SignedHeaders is host;x, not host"},
		{"temporary key alone", replace("AKIDEXAMPLE", "ASIAEXAMPLE"), 0, "error: the access key is a temporary one"},
		{"decoded session token", good + "&X-Amz-Security-Token=c2Vjcg+=", 0, "error: the session token inside is not percent-encoded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := tokeninfo.Read(test.text, signed.Add(test.at))
			var got []string
			for _, p := range info.Problems {
				got = append(got, string(p.Severity)+": "+p.Problem)
				if p.Fix == "" || strings.Contains(p.Problem+p.Fix, signature) {
					t.Errorf("%+v", p)
				}
			}
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], test.want)) {
				t.Errorf("problems %q\nwant only %q…", got, test.want)
			}
			if info.Refused() != strings.HasPrefix(test.want, "error") {
				t.Errorf("Refused %t", info.Refused())
			}
		})
	}
}

func TestNothingSecretIsSaid(t *testing.T) {
	const secret = "correct-horse-battery-staple-correct-horse-battery-staple"
	for _, text := range []string{secret, secret + "?a=b", "host:1/?" + secret + "=1", "https://" + secret, secret + "://x",
		strings.Replace(good, "connect", secret, 1), strings.Replace(good, "20260102T030405Z", secret, 1), strings.Replace(good, "=host", "="+secret, 1)} {
		for _, p := range tokeninfo.Read(text, signed).Problems {
			if strings.Contains(p.Problem+p.Fix, secret) {
				t.Errorf("%+v", p)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add("%3FAction")
	f.Fuzz(func(t *testing.T, text string) {
		info := tokeninfo.Read(text, signed)
		for _, p := range info.Problems {
			if p.Problem == "" || p.Fix == "" || p.Severity == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
