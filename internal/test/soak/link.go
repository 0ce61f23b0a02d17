package main

import (
	"context"
	"net"
	"sync"
	"time"
)

type linkMode int32

const (
	open   linkMode = iota
	frozen          // packets vanish: nothing arrives, and nobody learns of it
)

// links knows the connections that are open, so that they can be cut at the end.
type links struct {
	mutex sync.Mutex
	conns map[*linkConn]bool
}

// setLink freezes every connection, open or new, or thaws them. What was written to a
// frozen connection is lost, so that it never works again.
func (l *lab) setLink(mode linkMode) {
	l.link.Store(int32(mode))
	l.opened.mutex.Lock()
	defer l.opened.mutex.Unlock()
	for conn := range l.opened.conns {
		if mode == frozen {
			conn.freeze()
		}
	}
}

// dial returns a function that connects to where d serves at the moment.
func (l *lab) dial(d *database) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		if linkMode(l.link.Load()) == frozen {
			<-ctx.Done() // nobody answers the first packet
			return nil, ctx.Err()
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", *d.address.Load())
		if err != nil {
			return nil, err
		}
		return l.opened.add(conn), nil
	}
}

func (l *links) add(conn net.Conn) *linkConn {
	c := &linkConn{Conn: conn, links: l, lost: make(chan struct{}), closed: make(chan struct{})}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.conns == nil {
		l.conns = make(map[*linkConn]bool)
	}
	l.conns[c] = true
	return c
}

// linkConn is a connection that can be frozen.
type linkConn struct {
	net.Conn
	links *links

	once         sync.Once
	lost, closed chan struct{}

	mutex    sync.Mutex
	deadline time.Time
}

func (c *linkConn) freeze() {
	c.once.Do(func() { close(c.lost); c.Conn.SetReadDeadline(time.Unix(1, 0)) })
}

// Read waits for its deadline or for Close once the connection is frozen.
func (c *linkConn) Read(p []byte) (int, error) {
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

func (c *linkConn) SetDeadline(t time.Time) error {
	return c.remember(t, c.Conn.SetDeadline)
}

func (c *linkConn) SetReadDeadline(t time.Time) error {
	return c.remember(t, c.Conn.SetReadDeadline)
}

func (c *linkConn) remember(t time.Time, set func(time.Time) error) error {
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

func (c *linkConn) Close() error {
	c.links.mutex.Lock()
	if c.links.conns[c] {
		delete(c.links.conns, c)
		close(c.closed)
	}
	c.links.mutex.Unlock()
	return c.Conn.Close()
}
