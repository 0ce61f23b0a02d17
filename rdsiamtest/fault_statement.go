package rdsiamtest

import (
	"errors"
	"net"
	"time"
)

// errCanceled says that the client asked to cancel its statement while it was delayed.
var errCanceled = errors.New("statement canceled")

// DelayStatement holds up what a client asks after an answer, once for all the pieces of
// it. It reports whether the client canceled that meanwhile, and returns net.ErrClosed if
// the client went.
func (c *clientConn) DelayStatement() (canceled bool, err error) {
	held := c.pause(answering)
	if held.canceled = c.newDelay(); held.canceled == nil {
		return false, nil
	}
	err = c.server.wait(held)
	if errors.Is(err, errCanceled) {
		return true, nil
	}
	return false, err
}

// newDelay returns what cancelStatement closes, nil if there is no answer since the last
// delay.
func (c *clientConn) newDelay() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.answered.Swap(false) {
		return nil
	}
	c.delayed = make(chan struct{})
	return c.delayed
}

// cancelStatement ends the delay of a statement. Without one there is nothing to cancel:
// what the server answers by itself it answers at once.
func (c *clientConn) cancelStatement() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.delayed != nil {
		close(c.delayed)
		c.delayed = nil
	}
}

// The last that a client says in its session, which nothing holds up: pgx waits for the
// server to have heard it.
const (
	postgresGoodbye = "X\x00\x00\x00\x04"
	mysqlGoodbye    = "\x01\x00\x00\x00\x01"
)

// delayedConn delays what a client asks whose session is handed to an upstream.
type delayedConn struct {
	net.Conn // with the client, in clear
	client   *clientConn
	goodbye  string
}

func (c delayedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 || string(b[:n]) == c.goodbye {
		return n, err
	}
	// A statement that is canceled goes on to the upstream, as the request to cancel does.
	if _, gone := c.client.DelayStatement(); gone != nil {
		return 0, gone
	}
	return n, err
}

// SetReadDeadline ends the delay, too: [mysqlwire.Splice] sets one when the upstream is
// gone, which a client must not learn later for it.
func (c delayedConn) SetReadDeadline(t time.Time) error {
	c.client.answered.Store(false) // no other begins
	c.client.cancelStatement()
	return c.Conn.SetReadDeadline(t)
}
