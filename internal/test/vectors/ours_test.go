package vectors_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// What the last column of README.md says of a request.
const (
	same         = "same"
	sameButFor   = "same, but for " // and the name of a tool
	refusedByUs  = "no token"
	acceptedOnly = "only ours"
)

// Our token for each request is accepted, and has the signature and the parameters of every
// token that another tool made at that instant and that is accepted too.
func TestOurs(t *testing.T) {
	set, table := readRequests(t), readVerdicts(t)
	theirs := make(map[string][]vector) // accepted, by request
	for _, v := range readAll(t) {
		if v.want == rdsiamtest.ReasonAccepted {
			theirs[v.request.Name] = append(theirs[v.request.Name], v)
		}
	}
	for _, r := range set.Requests {
		t.Run(r.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(set.Time))
				signer, want := set.Credentials[r.Credentials], table[r.Name].ours
				token, err := ourToken(t, r, signer)
				if want == refusedByUs {
					var refusal *rdsiam.ConfigError
					if !errors.As(err, &refusal) {
						t.Errorf("error = %v, want a ConfigError", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				wantReason(t, newServer(t, r, signer, time.Now).Verify(t.Context(), r.User, token), rdsiamtest.ReasonAccepted)
				compare(t, token, theirs[r.Name], want)
			})
		})
	}
}

func ourToken(t *testing.T, r request, signer credentials) (string, error) {
	t.Helper()
	var options []rdsiam.EndpointOption
	if strings.Contains(r.Host, ".global.") || r.Server != "" {
		options = append(options, rdsiam.WithRegion(r.Region))
	}
	endpoint, err := rdsiam.ResolveEndpoint(r.address(), 0, options...)
	if err != nil {
		return "", err
	}
	login := rdsiam.Login{Endpoint: endpoint, User: r.User}
	token, err := login.Token(t.Context(), rdsiam.NewTokenSource(signer.provider()))
	return token.Reveal(), err
}

// compare takes the tokens apart: the order of the parameters is each tool's own, and the
// host may be written in upper case.
func compare(t *testing.T, token string, theirs []vector, want string) {
	t.Helper()
	if (len(theirs) == 0) != (want == acceptedOnly) {
		t.Fatalf("README.md says %q, and %d tokens of others are accepted", want, len(theirs))
	}
	different, ok := strings.CutPrefix(want, sameButFor)
	if !ok && want != same && want != acceptedOnly {
		t.Fatalf("README.md says %q, which means nothing", want)
	}
	if ok && !slices.ContainsFunc(theirs, func(v vector) bool { return v.tool == different }) {
		t.Errorf("README.md says %q, whose token is not accepted", want)
	}
	our := parse(t, token)
	for _, v := range theirs {
		their := parse(t, v.token)
		if our.address != strings.ToLower(their.address) {
			t.Errorf("%s: address %q, ours %q", v.tool, their.address, our.address)
		}
		if v.tool == different {
			if our.parameters.Get("X-Amz-Signature") == their.parameters.Get("X-Amz-Signature") {
				t.Errorf("%s: the same signature, README.md says that it differs", v.tool)
			}
			their.parameters.Set("X-Amz-Signature", our.parameters.Get("X-Amz-Signature"))
		}
		if !reflect.DeepEqual(our.parameters, their.parameters) {
			t.Errorf("%s: parameters %q, ours %q", v.tool, their.parameters, our.parameters)
		}
	}
	if address, _, _ := strings.Cut(token, "?"); !strings.HasSuffix(address, "/") {
		t.Error("our token has no slash before the query")
	}
}
