package fleet

import (
	"math/rand/v2"
	"time"
)

// Retry is how long a connection waits after a login that failed: Base after the first,
// twice as long after each further one, Cap at most.
type Retry struct {
	Base, Cap time.Duration
	Jitter    bool // anything from nothing to that time, not just that time
}

// wait returns how long to wait after a number of failures.
func (r Retry) wait(failures int, chance *rand.Rand) time.Duration {
	d := r.Base
	for range failures - 1 {
		d = min(2*d, r.Cap)
	}
	if r.Jitter {
		return between(chance, 0, d)
	}
	return d
}
