package rdsiamtest

import (
	"context"
	"net"
	"sync"
)

// dialTable tells the accepting side of a TCP connection what DialContext knows
// of its client. The zero table is empty.
type dialTable struct {
	// dialing is held for reading from before a connection can be accepted
	// until it is in the table, and for writing to look it up.
	dialing sync.RWMutex
	dialed  sync.Map // the client's local address, a string, to its dialed
}

// dialed is what DialContext knows of a connection.
type dialed struct {
	address  string
	logIn    *pendingLogin
	upstream *upstreamConn
}

func (s *Server) dialTCP(ctx context.Context, address string, upstream *upstreamConn) (net.Conn, error) {
	s.dials.dialing.RLock()
	defer s.dials.dialing.RUnlock()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, s.listener.Addr().Network(), s.listener.Addr().String())
	if err != nil {
		upstream.discard()
		return nil, err
	}
	client := &dialedConn{TCPConn: conn.(*net.TCPConn), closed: make(chan struct{})}
	s.dials.dialed.Store(conn.LocalAddr().String(), dialed{address, s.beginLogin(client.closed), upstream})
	return client, nil
}

// take returns what is known of the client at remote, if it came through
// DialContext.
func (t *dialTable) take(remote net.Addr) (dialed, bool) {
	t.dialing.Lock()
	defer t.dialing.Unlock()
	found, ok := t.dialed.LoadAndDelete(remote.String())
	if !ok {
		return dialed{}, false
	}
	return found.(dialed), true
}

// discard drops the clients that were never accepted.
func (t *dialTable) discard() {
	t.dialed.Range(func(_, found any) bool {
		found.(dialed).upstream.discard()
		return true
	})
	t.dialed.Clear()
}

// dialedConn is a client's end whose Close the server knows of at once. It has
// the methods of a TCP connection that drivers look for, such as SyscallConn.
type dialedConn struct {
	*net.TCPConn
	closing sync.Once
	closed  chan struct{}
}

// Close marks the end as closed first: another goroutine of the client may report
// its error as soon as the connection itself is.
func (c *dialedConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.TCPConn.Close()
}
