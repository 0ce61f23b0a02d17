package rdsiamtest

import "time"

const (
	// goneGrace ends the wait for a server that is kept from noticing that its
	// client is gone, for instance by its upstream.
	goneGrace = 5 * time.Second
	// outsideGrace is how long a client whose end cannot be seen may turn out to
	// be gone.
	outsideGrace = 500 * time.Millisecond
)

// pendingLogin is a connection whose login is neither recorded nor given up.
type pendingLogin struct {
	gone <-chan struct{} // closed when the client has closed its end; nil if that cannot be seen
	over chan struct{}   // closed when it is no longer pending
}

// beginLogin is called before the client has its connection, so that nothing the
// client does can come before it.
func (s *Server) beginLogin(gone <-chan struct{}) *pendingLogin {
	p := &pendingLogin{gone: gone, over: make(chan struct{})}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.log.pending == nil {
		s.log.pending = make(map[*pendingLogin]bool)
	}
	s.log.pending[p] = true
	return p
}

// endLogin may be called more than once. What is recorded is recorded before.
func (s *Server) endLogin(p *pendingLogin) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.log.pending[p] {
		delete(s.log.pending, p)
		close(p.over)
	}
}

// settleLogins waits for the logins whose clients are gone, or may be.
func (s *Server) settleLogins() {
	var gone, outside []*pendingLogin
	s.log.mu.Lock()
	for p := range s.log.pending {
		if p.gone == nil {
			outside = append(outside, p)
			continue
		}
		select {
		case <-p.gone:
			gone = append(gone, p)
		default:
		}
	}
	s.log.mu.Unlock()
	s.awaitLogins(gone, goneGrace)
	s.awaitLogins(outside, outsideGrace)
}

func (s *Server) awaitLogins(pending []*pendingLogin, grace time.Duration) {
	if len(pending) == 0 {
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for _, p := range pending {
		select {
		case <-p.over:
		case <-timer.C:
			return
		case <-s.ctx.Done():
			return
		}
	}
}
