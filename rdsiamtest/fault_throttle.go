package rdsiamtest

import (
	"crypto/sha256"
	"sync"
	"time"
)

// tokenHistory knows which tokens have logged in. The zero history is empty.
type tokenHistory struct {
	mu      sync.Mutex
	seen    map[[sha256.Size]byte]time.Time // guarded by mu; when the token logged in first
	pruneAt int                             // guarded by mu; the size of seen at which old tokens are dropped
	recent  []time.Time                     // guarded by mu; first logins within the last second, while there is a limit
}

// admit reports whether a token may log in now with at most limit new tokens a second,
// and remembers it if so. A limit of zero is none.
func (h *tokenHistory) admit(token string, limit int) bool {
	now, sum := time.Now(), sha256.Sum256([]byte(token))
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.seen[sum]; ok {
		return true
	}
	if limit > 0 {
		for len(h.recent) > 0 && now.Sub(h.recent[0]) >= time.Second {
			h.recent = h.recent[1:]
		}
		if len(h.recent) >= limit {
			return false
		}
		h.recent = append(h.recent, now)
	}
	h.remember(sum, now)
	return true
}

func (h *tokenHistory) remember(sum [sha256.Size]byte, now time.Time) {
	if h.seen == nil {
		h.seen = make(map[[sha256.Size]byte]time.Time)
	}
	if len(h.seen) >= h.pruneAt {
		for old, first := range h.seen {
			if now.Sub(first) > tokenLifetime {
				delete(h.seen, old)
			}
		}
		h.pruneAt = max(1024, 2*len(h.seen))
	}
	h.seen[sum] = now
}
