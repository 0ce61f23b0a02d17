package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	workersAtMost  = 5
	between        = 100 * time.Millisecond // writes of a worker
	statementLimit = 3 * time.Second
	settled        = 3 * time.Second // without a failure: recovered
	longest        = 90 * time.Second
)

// pace is how long things take.
type pace struct {
	detection time.Duration // from the fault to the promotion
	names     time.Duration // from the promotion until the cluster's name leads to the new writer
	watched   time.Duration // after that, at least
	workers   int           // of each variant
}

// result is one failover.
type result struct {
	engine, fault string
	variants      []outcome
}

// outcome is what a variant went through. Times count from the promotion.
type outcome struct {
	variant    variant
	firstGood  time.Duration // the first write that succeeded, if recovered
	lastFailed time.Duration // zero if none failed
	failed     int
	logins     int
	recovered  bool
	lastError  error
}

// record is what the workers of a variant write down.
type record struct {
	mu         sync.Mutex
	promoted   time.Time // zero before
	failed     int
	firstGood  time.Time
	lastGood   time.Time
	lastFailed time.Time
	lastError  error
}

func (r *record) add(err error, ended time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
		r.lastFailed, r.lastError = ended, err
		return
	}
	r.lastGood = ended
	if r.firstGood.IsZero() && !r.promoted.IsZero() {
		r.firstGood = ended
	}
}

// begin forgets what was before the fault: on a busy machine a write may fail by itself.
func (r *record) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed, r.lastFailed, r.lastError = 0, time.Time{}, nil
}

func (r *record) promote(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.promoted = at
}

// recovered reports whether writes have succeeded for a while, and none has failed.
func (r *record) recovered(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Sub(r.lastGood) < settled && now.Sub(r.lastFailed) > settled && !r.firstGood.IsZero()
}

// measure starts a cluster, has all variants write to it, and lets the fault strike.
func measure(ctx context.Context, e *engine, f fault, p pace) (result, error) {
	c, err := startCluster(ctx, e, e.users())
	if err != nil {
		return result{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	var workers sync.WaitGroup
	var writers []writer
	defer func() {
		stop()
		workers.Wait()
		c.close() // a pool waits for connections that nobody answers
		for _, w := range writers {
			w.close()
		}
	}()
	records := make([]*record, len(e.variants))
	for i, v := range e.variants {
		records[i] = new(record)
		w, err := v.open(ctx, c, v.user)
		if err != nil {
			return result{}, fmt.Errorf("%s: %w", v.name, err)
		}
		writers = append(writers, w)
		// On a busy machine a login may take longer than it has.
		if err := eventually(ctx, func() bool { return w.fill(ctx) == nil }); err != nil {
			return result{}, fmt.Errorf("%s cannot log in: %w", v.name, err)
		}
		for range p.workers {
			workers.Go(func() { writeOn(ctx, w, records[i]) })
		}
	}
	for i, v := range e.variants {
		if err := eventually(ctx, records[i].written); err != nil {
			return result{}, fmt.Errorf("%s does not write before the fault: %w", v.name, errors.Join(err, records[i].lastFailure()))
		}
	}
	before := make([]int, len(e.variants))
	for i, v := range e.variants {
		before[i] = c.loginsOf(v.user)
		records[i].begin()
	}
	promoted, err := failOver(ctx, c, f, p, records)
	if err != nil {
		return result{}, err
	}
	all := func() bool {
		now := time.Now()
		for i, v := range e.variants {
			if v.recovers(f) && !v.bare && !records[i].recovered(now) {
				return false
			}
		}
		return true
	}
	watched := time.Now().Add(p.watched)
	// What does not recover is a result, not an error.
	_ = eventually(ctx, func() bool { return time.Now().After(watched) && all() })
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	r := result{engine: e.name, fault: f.name}
	for i, v := range e.variants {
		r.variants = append(r.variants, records[i].outcome(v, promoted, c.loginsOf(v.user)-before[i]))
	}
	return r, nil
}

// failOver lets the fault strike, promotes the second instance, and has the names follow.
func failOver(ctx context.Context, c *cluster, f fault, p pace, records []*record) (promoted time.Time, err error) {
	if err := f.strike(ctx, c); err != nil {
		return promoted, err
	}
	if err := pause(ctx, p.detection); err != nil {
		return promoted, err
	}
	if err := c.second.server.Load().Exec(ctx, c.engine.promote...); err != nil {
		return promoted, err
	}
	promoted = time.Now()
	for _, r := range records {
		r.promote(promoted)
	}
	if f.back != nil {
		if err := f.back(ctx, c); err != nil {
			return promoted, err
		}
	}
	// The old writer is back by then, and pools have found it.
	if err := pause(ctx, max(p.names-time.Since(promoted), time.Second)); err != nil {
		return promoted, err
	}
	c.writer.Store(&c.second)
	return promoted, nil
}

func (v variant) recovers(f fault) bool { return !slices.Contains(v.never, f.name) }

func writeOn(ctx context.Context, w writer, r *record) {
	for ctx.Err() == nil {
		statement, cancel := context.WithTimeout(ctx, statementLimit)
		err := w.write(statement)
		cancel()
		if ctx.Err() != nil {
			return
		}
		r.add(err, time.Now())
		_ = pause(ctx, between)
	}
}

func (r *record) written() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.lastGood.IsZero()
}

func (r *record) lastFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastError
}

func (r *record) outcome(v variant, promoted time.Time, logins int) outcome {
	recovered := r.recovered(time.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	o := outcome{variant: v, failed: r.failed, logins: logins, recovered: recovered, lastError: r.lastError}
	if !r.firstGood.IsZero() {
		o.firstGood = r.firstGood.Sub(promoted)
	}
	if !r.lastFailed.IsZero() {
		o.lastFailed = r.lastFailed.Sub(promoted)
	}
	return o
}

var errNever = errors.New("not within the time")

// eventually waits until ready.
func eventually(ctx context.Context, ready func() bool) error {
	for deadline := time.Now().Add(longest); !ready(); {
		if time.Now().After(deadline) {
			return errNever
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
