package clients_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// refusal is a login that must fail.
type refusal struct {
	name   string
	change func(*testing.T, *lab, *login) // of a login that would succeed
	code   string                         // SQLSTATE
	text   string                         // of the server, as the client must show it
	reason rdsiamtest.Reason              // of rdsiamtest
	// real is what the verifier says when a real server asks it, and "" where none does.
	real rdsiamtest.Reason
}

// proveLogins logs in with a token of rdsiam. who is a statement that returns the current
// user followed by suffix.
func (l *lab) proveLogins(t *testing.T, c client, who, suffix string) {
	for _, user := range []string{app, odd} {
		t.Run("as "+user, func(t *testing.T) {
			l.announce(t)
			got, ok := c.logIn(t, l, login{user: user, token: l.token(t, user), statement: who})
			if want := user + suffix; !ok || got != want {
				t.Errorf("%q, want %q", got, want)
			}
			last := l.lastLogin(t)
			if !last.Accepted || last.User != user {
				t.Errorf("the verifier says %+v", last)
			}
			if !l.real && !last.TLS {
				t.Error("logged in without TLS")
			}
		})
	}
}

func (l *lab) proveRefusals(t *testing.T, c client, refusals []refusal) {
	for _, refusal := range refusals {
		t.Run(refusal.name, func(t *testing.T) {
			l.announce(t)
			in := login{user: app, token: l.token(t, app), statement: "SELECT 'logged in'"}
			refusal.change(t, l, &in)
			before := len(l.verifier.Logins())
			output, ok := c.logIn(t, l, in)
			if ok {
				t.Fatalf("logged in: %q", output)
			}
			if want := c.says(refusal.code, refusal.text); !strings.Contains(output, want) {
				t.Errorf("the client says %q, want %q", output, want)
			}
			want := refusal.reason
			if l.real {
				want = refusal.real
			}
			l.wantVerdict(t, before, want)
		})
	}
}

// wantVerdict checks that the verifier was asked once since there were before logins, or
// not at all if the reason is "".
func (l *lab) wantVerdict(t *testing.T, before int, want rdsiamtest.Reason) {
	t.Helper()
	var got []rdsiamtest.Reason
	for _, logIn := range l.verifier.Logins()[before:] {
		got = append(got, logIn.Reason)
	}
	if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || got[0] != want) {
		t.Errorf("the verifier says %q, want %q", got, want)
	}
}

// announce names the server for the summary of the tests.
func (l *lab) announce(t *testing.T) {
	if l.real {
		t.Logf("server: %s", l.name)
	}
}

func (l *lab) lastLogin(t *testing.T) rdsiamtest.Login {
	t.Helper()
	logIns := l.verifier.Logins()
	if len(logIns) == 0 {
		t.Fatal("the verifier saw no login")
	}
	return logIns[len(logIns)-1]
}

// wrongTokens are refusals that look the same whatever the reason.
func wrongTokens(code, textForApp, textForForbidden string) []refusal {
	return []refusal{
		{"expired", func(t *testing.T, l *lab, _ *login) { l.setClockAhead(t, 15*time.Minute) },
			code, textForApp, rdsiamtest.ReasonExpired, rdsiamtest.ReasonExpired},
		{"of another user", func(t *testing.T, l *lab, in *login) { in.token = l.token(t, odd) },
			code, textForApp, rdsiamtest.ReasonUser, rdsiamtest.ReasonUser},
		{"forged", func(_ *testing.T, _ *lab, in *login) { in.token = forged(in.token) },
			code, textForApp, rdsiamtest.ReasonSignature, rdsiamtest.ReasonSignature},
		{"a password", func(_ *testing.T, _ *lab, in *login) { in.token = "a password" },
			code, textForApp, rdsiamtest.ReasonMalformed, rdsiamtest.ReasonMalformed},
		{"not allowed by policy", func(t *testing.T, l *lab, in *login) { in.user, in.token = forbidden, l.token(t, forbidden) },
			code, textForForbidden, rdsiamtest.ReasonPolicy, rdsiamtest.ReasonPolicy},
	}
}

func asUser(user string) func(*testing.T, *lab, *login) {
	return func(t *testing.T, l *lab, in *login) { in.user, in.token = user, l.token(t, user) }
}

func withoutTLS(_ *testing.T, _ *lab, in *login) { in.plaintext = true }

// proveVerification makes sure that the client sends no token to a server whose certificate
// is not that of the endpoint: what else these tests show rests on it.
func proveVerification(t *testing.T, start startVerifier, find findClient) {
	c := find(t)
	for name, mode := range map[string]rdsiamtest.TLSMode{
		"another name":      rdsiamtest.WrongName,
		"another authority": rdsiamtest.UnknownAuthority,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, start, rdsiamtest.WithTLSMode(mode))
			output, ok := c.logIn(t, l, login{user: app, token: l.token(t, app), statement: "SELECT 'logged in'"})
			if ok || !strings.Contains(strings.ToLower(output), "certificate") {
				t.Errorf("the client says %q, want an error about the certificate", output)
			}
			for _, logIn := range l.verifier.Logins() {
				if logIn.PasswordReceived {
					t.Error("the token was sent")
				}
			}
		})
	}
}
