package rdsiamtest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestNewTokensPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		number := 0
		newToken := func() string { // dated earlier each time: another token
			number++
			r := goodRequest(server, "app")
			r.date = r.date.Add(-time.Duration(number) * 10 * time.Second)
			return r.sign(t)
		}
		verify := func(what, token string, want rdsiamtest.Reason) {
			t.Helper()
			got := rdsiamtest.ReasonAccepted
			var refusal *rdsiamtest.Refusal
			if errors.As(server.Verify(t.Context(), "app", token), &refusal) {
				got = refusal.Reason
			}
			if got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		old := newToken()
		verify("without a limit", old, rdsiamtest.ReasonAccepted)
		server.SetFaults(rdsiamtest.Faults{NewTokensPerSecond: 2})
		verify("known from before the limit", old, rdsiamtest.ReasonAccepted)
		first := newToken()
		verify("first new one", first, rdsiamtest.ReasonAccepted)
		time.Sleep(600 * time.Millisecond)
		verify("second new one", newToken(), rdsiamtest.ReasonAccepted)
		third := newToken()
		verify("third new one", third, rdsiamtest.ReasonThrottled)
		verify("the third again", third, rdsiamtest.ReasonThrottled)
		verify("used again", first, rdsiamtest.ReasonAccepted)
		verify("a bad one", "not a token", rdsiamtest.ReasonMalformed)
		time.Sleep(400 * time.Millisecond)
		verify("a second after the first", third, rdsiamtest.ReasonAccepted)
		verify("the window has moved by one only", newToken(), rdsiamtest.ReasonThrottled)
		server.SetFaults(rdsiamtest.Faults{})
		verify("without the limit again", newToken(), rdsiamtest.ReasonAccepted)
	})
}

// A server that runs for long does not remember every token that it has seen.
func TestOldTokensAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var history rdsiamtest.TokenHistory
		for n := range 5000 {
			history.Admit(string(rune(n)), 0)
			if old := n - 890; old >= 0 && !history.Knows(string(rune(old))) {
				t.Fatalf("token %d was forgotten, which can log in for 10 seconds", old)
			}
			time.Sleep(time.Second)
		}
		if n := history.Seen(); n > 2048 {
			t.Errorf("%d tokens are remembered, of which 900 can log in", n)
		}
	})
}

// RDS Proxy says in its own words that it throttles.
func TestThrottleOfAProxy(t *testing.T) {
	const proxy = "p.proxy-abc123.us-east-1.rds.amazonaws.com"
	options := []rdsiamtest.Option{rdsiamtest.WithIAMUser("app", "other"), rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(proxy)}
	throttled := rdsiamtest.Faults{NewTokensPerSecond: 1}
	t.Run("PostgreSQL", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := rdsiamtest.StartPostgreSQL(t, options...)
			server.SetFaults(throttled)
			connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app"))).Close(t.Context())
			_, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "other", tokenFor(t, server, "other")))
			wantPgError(t, err, "28000", "The IAM authentication failed because of too many competing requests.")
		})
	})
	t.Run("MySQL", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, options...)
			server.SetFaults(throttled)
			if err := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app"))).PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := openMySQL(t, mysqlConfig(t, server, "other", tokenFor(t, server, "other"))).PingContext(t.Context())
			if refusal := mysqlRefusal(t, err); refusal.Number != 1040 || refusal.Message != "IAM authentication rate limit exceeded" {
				t.Errorf("got %v", refusal)
			}
		})
	})
}
