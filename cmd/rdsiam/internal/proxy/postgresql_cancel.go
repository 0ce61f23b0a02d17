package proxy

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// cancels finds the session that a cancel request means. The zero value is empty.
type cancels struct {
	mu       sync.Mutex
	sessions map[cancelKey]*pgconn.HijackedConn // guarded by mu
}

type cancelKey struct {
	processID uint32
	secret    string
}

// add makes a session known until the function that it returns is called.
func (c *cancels) add(upstream *postgresUpstream) (remove func()) {
	key := cancelKey{upstream.PID, string(upstream.SecretKey)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		c.sessions = make(map[cancelKey]*pgconn.HijackedConn)
	}
	c.sessions[key] = upstream.HijackedConn
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.sessions, key)
	}
}

// find returns the session that a request names.
func (c *cancels) find(request *pgproto3.CancelRequest) (session *pgconn.HijackedConn, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, ok = c.sessions[cancelKey{request.ProcessID, string(request.SecretKey)}]
	return session, ok
}

// cancelAt asks the very server that has the session, through TLS, and returns when the
// server has taken it. The client is never told how that went: it has no answer in the
// protocol.
func cancelAt(ctx context.Context, session *pgconn.HijackedConn) {
	ctx, cancel := context.WithTimeout(ctx, logInTime)
	defer cancel()
	if conn, err := pgconn.Construct(session); err == nil {
		_ = conn.CancelRequest(ctx)
	}
}
