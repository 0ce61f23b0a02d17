package fleet

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Server describes the server that a fleet comes back to.
//
// AWS documents the number of logins with IAM a second, and that those with the same
// token are not throttled. What it does not say is assumed: the second slides; a token
// is known to the server from the moment in which it has let somebody in for the first
// time, so that of two logins at once both count; after a failover the server knows no
// token; a refusal is immediate.
type Server struct {
	NewTokens    int  // logins a second that may have a token it does not know, at least 1
	CountKnown   bool // logins with a token that it knows count as well
	CountRefused bool // refused logins count as well
	Logins       int  // logins a second that it has the time to answer in whatever way, 0: any number
}

// authentication is how long the server takes to find a token good.
const authentication = 10 * time.Millisecond

var (
	errDown    = errors.New("connection refused")
	errRefused = errors.New("PAM authentication failed")
)

type server struct {
	Server
	up time.Time

	mu      sync.Mutex
	free    time.Time            // when it has answered all that came until now
	counted []time.Time          // the last NewTokens logins that count, a ring
	next    int                  // the oldest of counted
	known   map[string]time.Time // since when a token text is known
	back    []time.Duration
	refused []time.Duration
}

func newServer(s Server, up time.Time) *server {
	return &server{Server: s, up: up, counted: make([]time.Time, s.NewTokens), known: make(map[string]time.Time)}
}

// dial connects to the server, if it can be reached.
func (s *server) dial() error {
	if time.Now().Before(s.up) {
		return errDown
	}
	return nil
}

// logIn shows the server a token.
func (s *server) logIn(token string) error {
	time.Sleep(time.Until(s.turn()))
	if !s.admit(token) {
		return errRefused
	}
	time.Sleep(authentication)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.known[token]; !known {
		s.known[token] = time.Now()
	}
	s.back = append(s.back, time.Since(s.up))
	return nil
}

// turn returns when the server gets to answer a login that comes now.
func (s *server) turn() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.Logins == 0 {
		return now
	}
	if s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(time.Second / time.Duration(s.Logins))
	return s.free
}

// admit reports whether a login with token is below the limit.
func (s *server) admit(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	// Of two things at the same instant, either may be first. Not to know a token yet at
	// the instant at which it gets known makes both orders the same.
	if since, known := s.known[token]; known && since.Before(now) && !s.CountKnown {
		return true
	}
	admitted := now.Sub(s.counted[s.next]) >= time.Second
	if admitted || s.CountRefused {
		s.counted[s.next] = now
		s.next = (s.next + 1) % len(s.counted)
	}
	if !admitted {
		s.refused = append(s.refused, now.Sub(s.up))
	}
	return admitted
}

func (s *server) result() Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.back)
	return Result{Back: s.back, Refused: s.refused, NewTokens: len(s.known)}
}
