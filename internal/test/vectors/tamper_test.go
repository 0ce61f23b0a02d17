package vectors_test

import (
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// minimumOfTamperings is how many apply to every vector.
const minimumOfTamperings = 60

// Every accepted token is refused, for the right reason, once anything is changed about it.
func TestTampering(t *testing.T) {
	instant := readRequests(t).Time
	for _, v := range readAll(t) {
		if v.want != rdsiamtest.ReasonAccepted {
			continue
		}
		t.Run(v.tool+"/"+v.request.Name, func(t *testing.T) {
			now := instant
			server := newServer(t, v.request, v.signer, func() time.Time { return now })
			identities, applied := server.Identities(), 0
			for _, tampering := range tamperings() {
				l := login{v, v.request.User, instant, v.signer.SecretAccessKey}
				want := tampering.change(&l)
				if want == "" {
					continue
				}
				applied++
				now = l.now
				identities[0].Credentials.SecretAccessKey = l.secret
				if err := server.SetIdentities(identities...); err != nil {
					t.Fatal(err)
				}
				if got := reasonOf(t, server.Verify(t.Context(), l.user, l.token)); got != want {
					t.Errorf("%s: verdict %q, want %q", tampering.name, got, want)
				}
			}
			if applied < minimumOfTamperings {
				t.Errorf("%d tamperings, want at least %d", applied, minimumOfTamperings)
			}
		})
	}
}

// No byte of a token can be changed, and none left out at its end.
func TestTamperingWithEveryByte(t *testing.T) {
	instant := readRequests(t).Time
	for _, v := range readAll(t) {
		if v.request.Name != "session token" {
			continue
		}
		t.Run(v.tool, func(t *testing.T) {
			server := newServer(t, v.request, v.signer, func() time.Time { return instant })
			refused := func(token string) bool { return server.Verify(t.Context(), v.request.User, token) != nil }
			for i := range len(v.token) {
				other := byte('x')
				if v.token[i]|0x20 == other { // x and X are one in a host name
					other = 'y'
				}
				if !refused(v.token[:i] + string(other) + v.token[i+1:]) {
					t.Errorf("byte %d can be changed to %q", i, other)
				}
				if !refused(v.token[:i]) {
					t.Errorf("the first %d bytes are enough", i)
				}
			}
		})
	}
}
