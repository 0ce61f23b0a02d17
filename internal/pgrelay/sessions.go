// Package pgrelay is what a front between a PostgreSQL client and a server, of
// which each logs in in its own way, needs besides pgconn and pgproto3: sessions
// that a cancel request finds, messages that are read without those behind them,
// and the relay of what comes after the logins.
package pgrelay

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Sessions finds the session that a cancel request means. The zero value is
// empty. Its methods are safe for concurrent use.
type Sessions struct {
	mu       sync.Mutex
	lastID   uint32
	sessions map[uint32]session
}

type session struct {
	secretKey []byte
	cancel    func(context.Context)
}

// Add returns what the client of a session is told to name in a cancel request,
// its BackendKeyData. cancel must stop what the session is doing and return when
// ctx ends; the CancelRequest method of the [pgconn.PgConn] that logged in at the
// server does that, also after Hijack. Remove ends it.
//
// [pgconn.PgConn]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgconn#PgConn.CancelRequest
func (s *Sessions) Add(cancel func(context.Context)) *pgproto3.BackendKeyData {
	secretKey := make([]byte, 4) // as long as in protocol 3.0
	rand.Read(secretKey)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = make(map[uint32]session)
	}
	s.lastID++
	s.sessions[s.lastID] = session{secretKey, cancel}
	return &pgproto3.BackendKeyData{ProcessID: s.lastID, SecretKey: secretKey}
}

// Remove forgets the session with this key.
func (s *Sessions) Remove(key *pgproto3.BackendKeyData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, key.ProcessID)
}

// Cancel obeys a request that names a session and its secret key, and ignores
// any other.
func (s *Sessions) Cancel(ctx context.Context, request *pgproto3.CancelRequest) {
	s.mu.Lock()
	session, ok := s.sessions[request.ProcessID]
	s.mu.Unlock()
	if ok && bytes.Equal(session.secretKey, request.SecretKey) {
		session.cancel(ctx)
	}
}
