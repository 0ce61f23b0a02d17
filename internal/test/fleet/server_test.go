package fleet_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/fleet"
)

// logIns shows a server tokens, one after the other, and returns how many it accepts.
func logIns(logIn func(string) error, tokens int, name string) (accepted int) {
	for n := range tokens {
		if logIn(fmt.Sprint(name, n)) == nil {
			accepted++
		}
	}
	return accepted
}

func TestThrottle(t *testing.T) {
	// Each accepted login takes 10 ms, so 20 of them are done in a fifth of a second.
	for _, test := range []struct {
		name   string
		server fleet.Server
		tries  int
		pause  time.Duration
		want   int // accepted of the tries after the pause
	}{
		{"in the same second", fleet.Server{NewTokens: 20}, 30, 0, 0},
		{"a moment before the second is over", fleet.Server{NewTokens: 20}, 30, 799 * time.Millisecond, 0},
		{"a second after the first", fleet.Server{NewTokens: 20}, 30, 800 * time.Millisecond, 20},
		{"refused ones count, and stay below", fleet.Server{NewTokens: 20, CountRefused: true}, 20, 800 * time.Millisecond, 20},
		{"refused ones count", fleet.Server{NewTokens: 20, CountRefused: true}, 30, 800 * time.Millisecond, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logIn := test.server.Start()
				if got := logIns(logIn, test.tries, "first"); got != 20 {
					t.Errorf("%d of the first %d accepted", got, test.tries)
				}
				time.Sleep(test.pause)
				if got := logIns(logIn, test.tries, "second"); got != test.want {
					t.Errorf("%d of the second %d accepted, want %d", got, test.tries, test.want)
				}
			})
		})
	}
}

func TestKnownTokens(t *testing.T) {
	for _, count := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			logIn := fleet.Server{NewTokens: 1, CountKnown: count}.Start()
			if logIn("known") != nil || logIn("unknown") == nil {
				t.Fatal("one new token a second")
			}
			if logIn("known") == nil {
				t.Error("a token is known at the very instant at which it gets known")
			}
			time.Sleep(time.Nanosecond)
			if err := logIn("known"); (err != nil) != count {
				t.Errorf("known tokens count: %v, and it got %v", count, err)
			}
			if logIn("unknown") == nil {
				t.Error("a token that was refused became known")
			}
		})
	}
}
