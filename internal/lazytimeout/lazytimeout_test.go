package lazytimeout_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/lazytimeout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEndsAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := lazytimeout.New(t.Context(), time.Minute)
		defer ctx.End()
		time.Sleep(time.Hour) // nobody has used it yet
		used := time.Now()
		if deadline, ok := ctx.Deadline(); !ok || !deadline.Equal(used.Add(time.Minute)) {
			t.Errorf("the deadline is %v, %v", deadline.Sub(used), ok)
		}
		if err := ctx.Err(); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		if waited := time.Since(used); waited != time.Minute || ctx.Err() != context.DeadlineExceeded {
			t.Errorf("ended after %v with %v", waited, ctx.Err())
		}
	})
}

func TestEndsWithItsParent(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	ctx := lazytimeout.New(parent, time.Minute)
	defer ctx.End()
	if got := ctx.Value(key{}); got != "value" {
		t.Errorf("got %v", got)
	}
	cancel()
	<-ctx.Done()
	if ctx.Err() != context.Canceled {
		t.Error(ctx.Err())
	}
}

func TestEnd(t *testing.T) {
	for name, use := range map[string]func(context.Context){"used": func(ctx context.Context) { ctx.Done() }, "never used": func(context.Context) {}} {
		t.Run(name, func(t *testing.T) {
			ctx := lazytimeout.New(t.Context(), time.Minute)
			use(ctx)
			ctx.End()
			ctx.End()
			if ctx.Err() != context.Canceled {
				t.Error(ctx.Err())
			}
		})
	}
}

// Package context knows its own contexts, also inside others, and needs no goroutine to
// end one with another.
func TestDerivedContextNeedsNoGoroutine(t *testing.T) {
	ctx := lazytimeout.New(t.Context(), time.Minute)
	defer ctx.End()
	before := runtime.NumGoroutine()
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	if after := runtime.NumGoroutine(); after != before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
	ctx.End()
	if derived.Err() != context.Canceled {
		t.Errorf("the derived context has not ended: %v", derived.Err())
	}
}

func TestIsCheapWhereNobodyWaits(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { lazytimeout.New(context.Background(), time.Minute).End() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
