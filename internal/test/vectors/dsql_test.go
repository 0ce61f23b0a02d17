package vectors_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// dsqlRequest is what each tool was asked for, a token of Aurora DSQL.
type dsqlRequest struct {
	Name, Credentials, Host, Region, User string
	Expires                               int // seconds
}

// dsqlTools are the names of the files in testdata.
var dsqlTools = []string{"dsql-boto3", "dsql-signer"}

// dsqlVerdicts are those that are not accepted. AWS was not asked.
var dsqlVerdicts = map[string]rdsiamtest.Reason{
	"dsql-signer/host in upper case":       rdsiamtest.ReasonSignature, // signed as it is written
	"dsql-boto3/host with a trailing dot":  rdsiamtest.ReasonHost,
	"dsql-signer/host with a trailing dot": rdsiamtest.ReasonHost,
}

// eachDSQL calls do with every token.
func eachDSQL(t *testing.T, do func(t *testing.T, r dsqlRequest, signer credentials, token string, want rdsiamtest.Reason)) {
	t.Helper()
	set := readRequests(t)
	var requests []dsqlRequest
	readJSON(t, "testdata/dsql-requests.json", &requests)
	for _, tool := range dsqlTools {
		tokens := readVectors(t, tool).Tokens
		if len(tokens) != len(requests) {
			t.Errorf("%s has %d tokens of %d requests", tool, len(tokens), len(requests))
		}
		for _, r := range requests {
			want, ok := dsqlVerdicts[tool+"/"+r.Name]
			if !ok {
				want = rdsiamtest.ReasonAccepted
			}
			t.Run(tool+"/"+r.Name, func(t *testing.T) { do(t, r, set.Credentials[r.Credentials], tokens[r.Name], want) })
		}
	}
}

func newDSQLServer(t *testing.T, r dsqlRequest, signer credentials, now func() time.Time) *rdsiamtest.Server {
	t.Helper()
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	users := []string{r.User, otherUser}
	if r.User != "admin" {
		users = append(users, "admin")
	}
	return rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithCertificateAuthority(ca), rdsiamtest.WithClock(now),
		rdsiamtest.WithIAMUser(users...), rdsiamtest.WithEndpoint(strings.ToLower(r.Host)),
		rdsiamtest.WithIdentity(rdsiamtest.Identity{Credentials: signer.aws(),
			Policies: []string{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dsql:DbConnect*", "Resource": "arn:aws:dsql:*:123456789012:cluster/*"}}`}}))
}

func TestDSQLVerdicts(t *testing.T) {
	instant := readRequests(t).Time
	eachDSQL(t, func(t *testing.T, r dsqlRequest, signer credentials, token string, want rdsiamtest.Reason) {
		now := instant
		server := newDSQLServer(t, r, signer, func() time.Time { return now })
		wantReason(t, server.Verify(t.Context(), r.User, token), want)
		if want != rdsiamtest.ReasonAccepted {
			return
		}
		// It lives as long as it says, unlike one of RDS.
		now = instant.Add(time.Duration(r.Expires)*time.Second - time.Nanosecond)
		wantReason(t, server.Verify(t.Context(), r.User, token), rdsiamtest.ReasonAccepted)
		now = instant.Add(time.Duration(r.Expires) * time.Second)
		wantReason(t, server.Verify(t.Context(), r.User, token), rdsiamtest.ReasonExpired)
	})
}

// Our token has the signature and the parameters of those of the others.
func TestDSQLOurs(t *testing.T) {
	instant := readRequests(t).Time
	compared := 0
	eachDSQL(t, func(t *testing.T, r dsqlRequest, signer credentials, theirs string, want rdsiamtest.Reason) {
		if r.Expires != 900 || want != rdsiamtest.ReasonAccepted {
			return // ours live for 15 minutes
		}
		compared++
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(instant))
			endpoint, err := rdsiam.ResolveEndpoint(r.Host, 5432)
			if err != nil {
				t.Fatal(err)
			}
			token, err := rdsiam.Login{Endpoint: endpoint, User: r.User}.Token(t.Context(), rdsiam.NewTokenSource(signer.provider()))
			if err != nil {
				t.Fatal(err)
			}
			our, their := parse(t, token.Reveal()), parse(t, theirs)
			if our.address != strings.ToLower(their.address) || !reflect.DeepEqual(our.parameters, their.parameters) {
				t.Errorf("ours %v, theirs %v", our, their)
			}
			if !token.Expires().Equal(instant.Add(15 * time.Minute)) {
				t.Errorf("expires %v", token.Expires())
			}
		})
	})
	if compared < 15 {
		t.Errorf("%d compared", compared)
	}
}

// A token of another tool is known to live as long as it says.
func TestDSQLNewToken(t *testing.T) {
	instant := readRequests(t).Time
	eachDSQL(t, func(t *testing.T, r dsqlRequest, _ credentials, text string, _ rdsiamtest.Reason) {
		if got := rdsiam.NewToken(text, time.Time{}).Expires(); !got.Equal(instant.Add(time.Duration(r.Expires) * time.Second)) {
			t.Errorf("expires %v", got)
		}
	})
}

// Nothing about a token can be changed.
func TestDSQLTampering(t *testing.T) {
	instant := readRequests(t).Time
	const oldest, tooLong = "X-Amz-Expires=900", "X-Amz-Expires=604801"
	replace := func(old, by string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, by, 1) }
	}
	eachDSQL(t, func(t *testing.T, r dsqlRequest, signer credentials, token string, want rdsiamtest.Reason) {
		if want != rdsiamtest.ReasonAccepted || r.Expires != 900 {
			return
		}
		server := newDSQLServer(t, r, signer, func() time.Time { return instant })
		other, user := "admin", otherUser
		if r.User == "admin" {
			other, user = otherUser, "admin"
		}
		for _, test := range []struct {
			name   string
			change func(string) string
			user   string
			want   rdsiamtest.Reason
		}{
			{"a user with another action", nil, other, rdsiamtest.ReasonUser},
			{"the port", replace("/?", ":5432/?"), user, rdsiamtest.ReasonPort},
			{"another cluster", func(s string) string { return "x" + s }, user, rdsiamtest.ReasonHost},
			{"a user", replace("/?", "/?DBUser=app&"), user, rdsiamtest.ReasonMalformed},
			{"the other action", func(s string) string {
				if r.User == "admin" {
					return strings.Replace(s, "Action=DbConnectAdmin", "Action=DbConnect", 1)
				}
				return strings.Replace(s, "Action=DbConnect", "Action=DbConnectAdmin", 1)
			}, user, rdsiamtest.ReasonUser},
			{"the other action and its user", func(s string) string {
				if r.User == "admin" {
					return strings.Replace(s, "Action=DbConnectAdmin", "Action=DbConnect", 1)
				}
				return strings.Replace(s, "Action=DbConnect", "Action=DbConnectAdmin", 1)
			}, other, rdsiamtest.ReasonSignature},
			{"no action of DSQL", replace("Action=DbConnect", "Action=DbDrop"), user, rdsiamtest.ReasonMalformed},
			{"the service of RDS", replace("%2Fdsql%2F", "%2Frds-db%2F"), user, rdsiamtest.ReasonMalformed},
			{"another service", replace("%2Fdsql%2F", "%2Fs3%2F"), user, rdsiamtest.ReasonMalformed},
			{"a token of RDS", func(s string) string {
				return strings.NewReplacer("%2Fdsql%2F", "%2Frds-db%2F", "Action=DbConnectAdmin", "Action=connect&DBUser="+r.User, "Action=DbConnect", "Action=connect&DBUser=app").Replace(s)
			}, user, rdsiamtest.ReasonMalformed},
			{"more than a week", replace(oldest, tooLong), user, rdsiamtest.ReasonExpiresParameter},
			{"a longer life", replace(oldest, "X-Amz-Expires=901"), user, rdsiamtest.ReasonSignature},
			{"another region", replace("%2F"+r.Region+"%2F", "%2Fus-west-2%2F"), user, rdsiamtest.ReasonRegion},
			{"no signature", func(s string) string { return without(s, "X-Amz-Signature") }, user, rdsiamtest.ReasonMalformed},
			{"no expiry", func(s string) string { return without(s, "X-Amz-Expires") }, user, rdsiamtest.ReasonMalformed},
		} {
			changed := token
			if test.change != nil {
				if changed = test.change(token); changed == token {
					t.Errorf("%s: changes nothing", test.name)
				}
			}
			if got := reasonOf(t, server.Verify(t.Context(), test.user, changed)); got != test.want {
				t.Errorf("%s: verdict %q, want %q", test.name, got, test.want)
			}
		}
		// No byte can be changed.
		for i := range len(token) {
			by := byte('x')
			if token[i]|0x20 == by {
				by = 'y'
			}
			if server.Verify(t.Context(), r.User, token[:i]+string(by)+token[i+1:]) == nil {
				t.Errorf("accepted with another byte at %d, behind %s", i, token[max(0, i-10):i])
			}
		}
	})
}
