package fleet_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/fleet"
)

// small is a twentieth of the usual fleet, and of what the server lets in.
func small(change ...func(*fleet.Fleet)) fleet.Fleet {
	f := usual()
	f.Processes, f.Server.NewTokens = f.Processes/20, f.Server.NewTokens/20
	for _, c := range change {
		c(&f)
	}
	return f
}

func noReuse(f *fleet.Fleet) { f.Reuse = 0 }

func last(r fleet.Result) time.Duration { return r.Back[len(r.Back)-1] }

func TestReuseSparesNewTokens(t *testing.T) {
	reused, each := comeBack(t, small()), comeBack(t, small(noReuse))
	if len(reused.Back) != 500 || len(each.Back) != 500 {
		t.Fatalf("%d and %d of 500 connections are back", len(reused.Back), len(each.Back))
	}
	if reused.NewTokens != 25 {
		t.Errorf("%d new tokens of 25 processes that reuse theirs", reused.NewTokens)
	}
	if each.NewTokens < 100 {
		t.Errorf("%d new tokens of 500 logins that are seconds apart", each.NewTokens)
	}
	if 2*len(reused.Refused) > len(each.Refused) {
		t.Errorf("%d logins refused with reuse, %d without", len(reused.Refused), len(each.Refused))
	}
	if 3*last(reused) > 2*last(each) {
		t.Errorf("all back after %v with reuse, %v without", last(reused), last(each))
	}
}

// A fleet with fewer processes than new tokens are let in a second is not throttled if it
// reuses its tokens, however many connections it has.
func TestReuseBelowTheLimit(t *testing.T) {
	few := func(f *fleet.Fleet) { f.Processes, f.Connections, f.Retry = 8, 20, noJitter }
	f := small(few)
	f.Server.NewTokens = 160 // of the logins of one moment each counts
	if r := comeBack(t, f); len(r.Refused) != 0 || r.NewTokens != 8 {
		t.Errorf("%d logins refused, %d new tokens", len(r.Refused), r.NewTokens)
	}
}

// What is signed with the same credentials in the same second is the same token.
func TestSharedCredentials(t *testing.T) {
	shared := func(f *fleet.Fleet) { f.Shared = true }
	if r := comeBack(t, small(shared)); r.NewTokens > 2 || len(r.Back) != 500 {
		t.Errorf("%d new tokens with reuse, %d connections back", r.NewTokens, len(r.Back))
	}
	if r := comeBack(t, small(shared, noReuse)); r.NewTokens > 12 {
		t.Errorf("%d new tokens in the few seconds that it takes", r.NewTokens)
	}
}

// If known tokens counted, reuse would help nobody.
func TestReuseHelpsOnlyIfKnownTokensAreExempt(t *testing.T) {
	count := func(f *fleet.Fleet) { f.Server.CountKnown = true }
	for _, r := range []fleet.Result{comeBack(t, small(count)), comeBack(t, small(count, noReuse))} {
		if last(r) < 49*time.Second {
			t.Errorf("500 connections were back after %v, at 10 a second", last(r))
		}
	}
}

// A token that was signed before is given out until its minute is over, and then costs
// its process a second one.
func TestTokensFromBefore(t *testing.T) {
	r := comeBack(t, small(func(f *fleet.Fleet) { f.Warm, f.Reuse = time.Minute, time.Minute }))
	if r.NewTokens <= 25 || r.NewTokens > 40 {
		t.Errorf("%d new tokens of 25 processes", r.NewTokens)
	}
}

func TestNobodyIsBackBeforeTheServer(t *testing.T) {
	r := comeBack(t, small())
	if r.Back[0] < 0 || r.Back[0] > time.Second {
		t.Errorf("the first is back after %v", r.Back[0])
	}
	f := small(func(f *fleet.Fleet) { f.Down = 0 })
	if r := comeBack(t, f); r.Back[0] < 0 || len(r.Back) != 500 {
		t.Errorf("the first of %d is back after %v", len(r.Back), r.Back[0])
	}
}

func TestBusyServer(t *testing.T) {
	r := comeBack(t, small(func(f *fleet.Fleet) { f.Server.Logins = 50 }))
	if last(r) < 10*time.Second {
		t.Errorf("500 connections were back after %v, at 50 a second", last(r))
	}
}

func TestLimits(t *testing.T) {
	free := comeBack(t, small())
	every := comeBack(t, small(func(f *fleet.Fleet) { f.Limit.Every = 500 * time.Millisecond }))
	if last(every) < 19*500*time.Millisecond || 2*len(every.Refused) > len(free.Refused) {
		t.Errorf("2 logins a second: all back after %v, %d refused, %d without the limit", last(every), len(every.Refused), len(free.Refused))
	}
	// Each of a process's 20 logins takes 16 ms or more: dialing, TLS, authentication.
	one := comeBack(t, small(func(f *fleet.Fleet) { f.Limit.AtOnce, f.Retry, f.Server.NewTokens = 1, eachOne, 4000 }))
	if last(one) < 20*16*time.Millisecond {
		t.Errorf("one login at once: all back after %v", last(one))
	}
	scout := comeBack(t, small(func(f *fleet.Fleet) { f.Limit.Scout = true }))
	if 4*len(scout.Refused) > len(free.Refused) || len(scout.Back) != 500 {
		t.Errorf("one goes ahead: %d refused, %d without; %d are back", len(scout.Refused), len(free.Refused), len(scout.Back))
	}
}

func TestTheSameSeed(t *testing.T) {
	tiny := func(f *fleet.Fleet) { f.Processes, f.Server.NewTokens = 20, 10 }
	// A server that is busy answers at full milliseconds, in which a token gets known too.
	busy := func(f *fleet.Fleet) { f.Server.Logins = 1000 }
	for _, f := range []fleet.Fleet{small(tiny), small(busy)} {
		for range 5 {
			if !reflect.DeepEqual(comeBack(t, f), comeBack(t, f)) {
				t.Errorf("the same seed makes another fleet, at %+v", f.Server)
			}
		}
	}
	first := comeBack(t, small(tiny))
	if other := comeBack(t, small(tiny, func(f *fleet.Fleet) { f.Seed = 1 })); reflect.DeepEqual(first, other) {
		t.Error("another seed makes the same fleet")
	}
}

// What never ends is ended by the context.
func TestComeBackEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		f := small(func(f *fleet.Fleet) { f.Server.CountRefused, f.Limit.Scout = true, false })
		f.Retry = hammering
		r, err := f.ComeBack(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || len(r.Back) == 0 || len(r.Back) == 500 {
			t.Errorf("%d connections back, error %v", len(r.Back), err)
		}
	})
}
