package main

import (
	"context"
	"runtime"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// phase is one kind of trouble. It lasts for a while, then comes a rest.
type phase struct {
	name  string
	lasts time.Duration
	rest  time.Duration
	begin func(context.Context) error // nil: nothing
	end   func(context.Context) error // nil: nothing
}

func (l *lab) phases(lasts time.Duration) []phase {
	rest := lasts / 2
	faults := func(f rdsiamtest.Faults) func(context.Context) error {
		return func(context.Context) error { l.setFaults(f); return nil }
	}
	credentials := func(mode providerMode) func(context.Context) error {
		return func(context.Context) error { l.provider.set(mode); return nil }
	}
	freeze := func(context.Context) error { l.link.Freeze(); return nil }
	thaw := func(context.Context) error { l.link.Thaw(); return nil }
	return []phase{
		{name: "nothing", lasts: lasts, rest: 0},
		{name: "provider fails, shorter than a credential's life", lasts: lasts, rest: rest,
			begin: credentials(failing), end: credentials(well)},
		{name: "provider fails, longer than a credential's life", lasts: credentialLife + lasts, rest: rest,
			begin: credentials(failing), end: credentials(well)},
		{name: "provider hangs", lasts: lasts, rest: rest, begin: credentials(hanging), end: credentials(well)},
		{name: "provider hangs until credentials are old", lasts: credentialLife/2 + lasts, rest: rest,
			begin: credentials(hanging), end: credentials(well)},
		{name: "servers restart", lasts: lasts, rest: rest, begin: l.restart},
		{name: "failover", lasts: lasts, rest: rest, begin: l.failOver},
		{name: "throttle of 3 new tokens a second", lasts: lasts, rest: rest,
			begin: faults(rdsiamtest.Faults{NewTokensPerSecond: 3}), end: faults(rdsiamtest.Faults{})},
		{name: "servers' clock 10 minutes ahead", lasts: lasts, rest: rest,
			begin: faults(rdsiamtest.Faults{ClockOffset: 10 * time.Minute}), end: faults(rdsiamtest.Faults{})},
		{name: "servers' clock 10 minutes behind", lasts: lasts, rest: rest,
			begin: faults(rdsiamtest.Faults{ClockOffset: -10 * time.Minute}), end: faults(rdsiamtest.Faults{})},
		{name: "another certificate authority", lasts: lasts, rest: rest, begin: l.changeCertificates},
		{name: "half-open sockets", lasts: lasts, rest: rest, begin: freeze, end: thaw},
	}
}

// run makes the trouble and counts what the crowd sees of it.
func (c *crowd) run(ctx context.Context, p phase) (result, error) {
	r := result{phase: p.name, before: weigh()}
	c.take() // what belongs to the phase before
	if p.begin != nil {
		if err := p.begin(ctx); err != nil {
			return r, err
		}
	}
	if err := sleep(ctx, p.lasts); err != nil {
		return r, err
	}
	if p.end != nil {
		if err := p.end(ctx); err != nil {
			return r, err
		}
	}
	over := time.Now()
	r.during = c.take()
	if err := sleep(ctx, p.rest); err != nil {
		return r, err
	}
	r.after = c.take()
	for kind := range r.recovered {
		if last := r.after[kind].lastRefused; last.After(over) {
			r.recovered[kind] = last.Sub(over)
		}
	}
	r.weight = weigh()
	return r, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// weight is what the process holds.
type weight struct {
	goroutines int
	heap       uint64
}

func weigh() weight {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return weight{runtime.NumGoroutine(), m.HeapAlloc}
}
