package fleet

import (
	"context"
	"sync"
	"time"
)

// Limit is what an option of the library could do about a throttle: hold logins back in
// each process, which knows nothing of the others. The zero Limit does nothing.
type Limit struct {
	AtOnce int           // logins under way
	Every  time.Duration // from the beginning of one login to that of the next
	Scout  bool          // one connection tries until it is in, the others wait for it
}

// limiter applies a Limit to the logins of one process.
type limiter struct {
	every  time.Duration
	slots  chan struct{} // nil: any number
	scouts chan struct{} // room for one, nil: all try
	in     chan struct{} // closed when the scout is in

	mu   sync.Mutex
	next time.Time
}

func newLimiter(l Limit) *limiter {
	limiter := &limiter{every: l.Every, in: make(chan struct{})}
	if l.AtOnce > 0 {
		limiter.slots = make(chan struct{}, l.AtOnce)
	}
	if l.Scout {
		limiter.scouts = make(chan struct{}, 1)
	}
	return limiter
}

// scout returns when a connection may begin to try. The caller calls in when it is back.
func (l *limiter) scout(ctx context.Context) (in func()) {
	in = func() {}
	if l.scouts == nil {
		return in
	}
	select {
	case l.scouts <- struct{}{}:
		return func() { close(l.in) }
	default:
	}
	select {
	case <-l.in:
	case <-ctx.Done():
	}
	return in
}

// wait returns when a login may begin. The caller calls done when it has ended.
func (l *limiter) wait(ctx context.Context) (done func()) {
	done = func() {}
	if l.slots != nil {
		l.slots <- struct{}{}
		done = func() { <-l.slots }
	}
	sleepUntil(ctx, l.turn())
	return done
}

func (l *limiter) turn() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	turn := time.Now()
	if turn.Before(l.next) {
		turn = l.next
	}
	l.next = turn.Add(l.every)
	return turn
}
