package rdsiamtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// upstreamDialLimit is how long a client of a listener waits for the upstream.
	upstreamDialLimit = 10 * time.Second
	// upstreamFresh is how long a connection to the upstream may wait for its client to log
	// in. Real servers end one that says nothing after 10 seconds (MySQL) or a minute.
	upstreamFresh = 5 * time.Second
)

// upstreamConn is a connection to the upstream of a client that has yet to log in: it shows
// that the upstream can be reached. A nil one has nothing to give.
type upstreamConn struct {
	since time.Time

	mu   sync.Mutex
	conn net.Conn // guarded by mu; nil once it was taken
}

// dialUpstream returns nil for a server that is closed or has no upstream.
func (s *Server) dialUpstream(ctx context.Context) (*upstreamConn, error) {
	select {
	case <-s.ctx.Done():
		return nil, nil
	default:
	}
	if s.upstream == nil {
		return nil, nil
	}
	conn, err := s.upstream.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("the upstream of the rdsiamtest server: %w", err)
	}
	return &upstreamConn{since: time.Now(), conn: conn}, nil
}

// take returns the connection once, and nil afterwards and where it is not fresh.
func (u *upstreamConn) take() net.Conn {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	conn := u.conn
	u.conn = nil
	if conn != nil && time.Since(u.since) > upstreamFresh {
		conn.Close()
		return nil
	}
	return conn
}

// discard closes the connection unless it was taken.
func (u *upstreamConn) discard() {
	if conn := u.take(); conn != nil {
		conn.Close()
	}
}

// connectUpstream returns a connection to the upstream for the client's login.
func (c *clientConn) connectUpstream(ctx context.Context) (net.Conn, error) {
	if conn := c.upstream.take(); conn != nil {
		return conn, nil
	}
	return c.server.upstream.dial(ctx)
}

func (u *Upstream) dial(ctx context.Context) (net.Conn, error) {
	if u.dialContext != nil {
		return u.dialContext(ctx, u.Network, u.Address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, u.Network, u.Address)
}

// tlsConfig returns TLS with the name of the server, nil for none.
func (u *Upstream) tlsConfig() *tls.Config {
	if u.TLS == nil || u.TLS.ServerName != "" {
		return u.TLS
	}
	config := u.TLS.Clone()
	config.ServerName, _, _ = net.SplitHostPort(u.Address)
	return config
}
