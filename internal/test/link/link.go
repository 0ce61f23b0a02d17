// Package link connects to servers by a network that can be broken: packets vanish, and
// nobody learns of it.
package link

import (
	"context"
	"net"
	"sync"
	"time"
)

// Link is a way to a server. The zero value works. It is safe for concurrent use.
type Link struct {
	mutex  sync.Mutex
	frozen bool           // guarded by mutex
	conns  map[*conn]bool // guarded by mutex: those that are open
}

// Freeze breaks every connection for good: what is sent is lost, and nothing arrives. New
// ones find nobody until Thaw.
func (l *Link) Freeze() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.frozen = true
	for c := range l.conns {
		c.freeze()
	}
}

// Thaw lets new connections through again.
func (l *Link) Thaw() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.frozen = false
}

// Dial connects to a TCP address.
func (l *Link) Dial(ctx context.Context, address string) (net.Conn, error) {
	if l.isFrozen() {
		<-ctx.Done() // nobody answers the first packet
		return nil, ctx.Err()
	}
	var dialer net.Dialer
	dialed, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: dialed, link: l, lost: make(chan struct{}), closed: make(chan struct{})}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.conns == nil {
		l.conns = make(map[*conn]bool)
	}
	l.conns[c] = true
	if l.frozen { // meanwhile
		c.freeze()
	}
	return c, nil
}

func (l *Link) isFrozen() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.frozen
}

// conn is a connection that can be frozen.
type conn struct {
	net.Conn
	link *Link

	once         sync.Once
	lost, closed chan struct{}

	mutex    sync.Mutex
	deadline time.Time
}

func (c *conn) freeze() {
	c.once.Do(func() { close(c.lost); c.Conn.SetReadDeadline(time.Unix(1, 0)) })
}

// Read waits for its deadline or for Close once the connection is frozen.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	select {
	case <-c.lost:
	default:
		return n, err
	}
	for {
		c.mutex.Lock()
		deadline := c.deadline
		c.mutex.Unlock()
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return 0, err
		}
		select {
		case <-c.closed:
			return 0, net.ErrClosed
		case <-time.After(50 * time.Millisecond): // the deadline may have been moved
		}
	}
}

// Write loses what is written once the connection is frozen.
func (c *conn) Write(p []byte) (int, error) {
	select {
	case <-c.lost:
		return len(p), nil
	default:
		return c.Conn.Write(p)
	}
}

func (c *conn) SetDeadline(t time.Time) error {
	return c.remember(t, c.Conn.SetDeadline)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	return c.remember(t, c.Conn.SetReadDeadline)
}

func (c *conn) remember(t time.Time, set func(time.Time) error) error {
	c.mutex.Lock()
	c.deadline = t
	c.mutex.Unlock()
	select {
	case <-c.lost:
		return nil
	default:
		return set(t)
	}
}

func (c *conn) Close() error {
	c.link.mutex.Lock()
	if c.link.conns[c] {
		delete(c.link.conns, c)
		close(c.closed)
	}
	c.link.mutex.Unlock()
	return c.Conn.Close()
}
