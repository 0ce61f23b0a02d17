package fleet_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestRetry(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for failures, want := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 6: 3200 * time.Millisecond, 7: 5 * time.Second, 1000: 5 * time.Second,
	} {
		if got := noJitter.Wait(failures, chance); got != want {
			t.Errorf("%v after %d failures, want %v", got, failures, want)
		}
		if got := eachOne.Wait(failures, chance); got != time.Second {
			t.Errorf("%v after %d failures, want always a second", got, failures)
		}
	}
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		got := jitter.Wait(7, chance)
		least, most = min(least, got), max(most, got)
	}
	if least < 0 || least > 100*time.Millisecond || most < 4900*time.Millisecond || most >= 5*time.Second {
		t.Errorf("with jitter from %v to %v", least, most)
	}
}
