package vectors_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Every token is accepted or refused as README.md says, at the instant of its signing.
func TestVerdicts(t *testing.T) {
	instant := readRequests(t).Time
	for _, v := range readAll(t) {
		t.Run(v.tool+"/"+v.request.Name, func(t *testing.T) {
			server := newServer(t, v.request, v.signer, func() time.Time { return instant })
			wantReason(t, server.Verify(t.Context(), v.request.User, v.token), v.want)
		})
	}
}

// authority is shared by all servers: none is connected to, and keys take time to make.
var authority = sync.OnceValues(rdsiamtest.NewCertificateAuthority)

// otherUser is allowed on every server too, so that a token is refused for its user and
// not for the lack of an account or of a policy.
const otherUser = "other_user"

// newServer starts the server that a request is for.
func newServer(t *testing.T, r request, signer credentials, now func() time.Time) *rdsiamtest.Server {
	t.Helper()
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	options := []rdsiamtest.Option{
		rdsiamtest.WithInMemory(), rdsiamtest.WithCertificateAuthority(ca), rdsiamtest.WithClock(now),
		rdsiamtest.WithIAMUser(r.User, otherUser),
		rdsiamtest.WithIdentity(rdsiamtest.Identity{
			Credentials: signer.aws(),
			Policies: []string{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
				"Action": "rds-db:connect", "Resource": "arn:*:rds-db:*:123456789012:dbuser:*/*"}}`},
		}),
	}
	if r.Server != "" {
		options = append(options, rdsiamtest.WithEndpoint(r.Server))
	} else {
		options = append(options, rdsiamtest.WithEndpoint(r.address()), rdsiamtest.WithRegion(r.Region))
	}
	return rdsiamtest.StartPostgreSQL(t, options...)
}

func wantReason(t *testing.T, err error, want rdsiamtest.Reason) {
	t.Helper()
	if got := reasonOf(t, err); got != want {
		t.Errorf("verdict %q (%v), want %q", got, err, want)
	}
}

// reasonOf returns the reason in what Verify returned.
func reasonOf(t *testing.T, err error) rdsiamtest.Reason {
	t.Helper()
	if err == nil {
		return rdsiamtest.ReasonAccepted
	}
	var refusal *rdsiamtest.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("Verify: %v", err)
	}
	return refusal.Reason
}

// parsed is a token taken apart: what is left when the order does not count.
type parsed struct {
	address    string // without the slash
	parameters url.Values
}

func parse(t *testing.T, token string) parsed {
	t.Helper()
	address, query, ok := strings.Cut(token, "?")
	parameters, err := url.ParseQuery(query)
	if !ok || err != nil {
		t.Fatalf("not a token: %v", err)
	}
	return parsed{strings.TrimSuffix(address, "/"), parameters}
}
