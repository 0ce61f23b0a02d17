package rdsiamtest

import (
	"context"
	"net"
	"sync"
)

// dialTable tells the accepting side of a TCP connection what DialContext knows
// of its client. The zero table is empty.
type dialTable struct {
	// dialling is held for reading from before a connection can be accepted
	// until it is in the table, and for writing to look it up.
	dialling sync.RWMutex
	dialled  sync.Map // the client's local address, a string, to its dialled
}

// dialled is what DialContext knows of a connection.
type dialled struct {
	address string
	logIn   *pendingLogIn
}

func (s *Server) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	s.dials.dialling.RLock()
	defer s.dials.dialling.RUnlock()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, s.listener.Addr().Network(), s.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	client := &dialledConn{TCPConn: conn.(*net.TCPConn), closed: make(chan struct{})}
	s.dials.dialled.Store(conn.LocalAddr().String(), dialled{address, s.beginLogIn(client.closed)})
	return client, nil
}

// take returns what is known of the client at remote, if it came through
// DialContext.
func (t *dialTable) take(remote net.Addr) (dialled, bool) {
	t.dialling.Lock()
	defer t.dialling.Unlock()
	found, ok := t.dialled.LoadAndDelete(remote.String())
	if !ok {
		return dialled{}, false
	}
	return found.(dialled), true
}

// dialledConn is a client's end whose Close the server knows of at once. It has
// the methods of a TCP connection that drivers look for, such as SyscallConn.
type dialledConn struct {
	*net.TCPConn
	closing sync.Once
	closed  chan struct{}
}

// Close marks the end as closed first: another goroutine of the client may report
// its error as soon as the connection itself is.
func (c *dialledConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.TCPConn.Close()
}
