package rdsiamtest

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// clientConn is the server's end of a connection, where most faults take place.
type clientConn struct {
	net.Conn
	server  *Server
	dialed  string // host:port the client asked DialContext for, "" when it came by the listener from outside
	logIn   atomic.Pointer[pendingLogin]
	tlsMode TLSMode

	upstream *upstreamConn // nil: there is none

	closing sync.Once
	closed  chan struct{}
	wasCut  atomic.Bool // closed by a fault
	spliced atomic.Bool // the session is handed to an upstream

	place *list.Element // guarded by server.mu

	limit    time.Time   // for the login; used by the serving goroutine alone
	answered atomic.Bool // something was sent since the client was heard last

	mu      sync.Mutex
	sent    int64          // guarded by mu; bytes that count for faults
	under   *faultsInForce // guarded by mu; the faults that sent counts for
	delayed chan struct{}  // guarded by mu; ends the last delay of a statement, nil once it was closed
}

func (s *Server) newClientConn(conn net.Conn) *clientConn {
	return &clientConn{Conn: conn, server: s, closed: make(chan struct{})}
}

// begin waits as long as the faults want, and then gives the login its time.
func (c *clientConn) begin(timeout time.Duration) error {
	if err := c.wait(accepting); err != nil {
		return err
	}
	c.tlsMode = c.server.tlsModeNow()
	c.limit = time.Now().Add(timeout)
	return c.SetDeadline(c.limit)
}

// beginSession ends the login.
func (c *clientConn) beginSession() {
	c.server.mu.Lock()
	c.server.new.remove(c)
	c.server.mu.Unlock()
	c.limit = time.Time{}
	c.SetDeadline(c.limit)
}

// pause is the wait for the delay at a point.
func (c *clientConn) pause(delay func(Faults) time.Duration) pause {
	p := pause{delay: delay, limit: c.limit, oneEnd: c.closed}
	if logIn := c.logIn.Load(); logIn != nil {
		p.otherEnd = logIn.gone
	}
	return p
}

func (c *clientConn) wait(delay func(Faults) time.Duration) error {
	return c.server.wait(c.pause(delay))
}

// ReadOnly reports whether the server takes no writes now.
func (c *clientConn) ReadOnly() bool { return c.server.faults.Load().ReadOnly }

// left reports whether the client is known to be closing its end.
func (c *clientConn) left() bool {
	logIn := c.logIn.Load()
	if logIn == nil {
		return false
	}
	select {
	case <-logIn.gone: // nil where it cannot be known
		return true
	default:
		return false
	}
}

// judge checks the token of a login, as slowly and as strictly as the faults want.
func (c *clientConn) judge(r loginRequest) (verified, *Refusal) {
	err := c.wait(checkingToken)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return verified{}, &Refusal{ReasonTimeout, "the answer to the token was delayed for longer than a login may take"}
	case err != nil:
		return verified{}, &Refusal{ReasonAbandoned, "the client ended the connection while its token was being checked"}
	}
	return c.server.judge(r)
}

// faultBehind names the fault behind a login that looks abandoned.
func (c *clientConn) faultBehind(refusal *Refusal) *Refusal {
	if refusal != nil && refusal.Reason == ReasonAbandoned && c.wasCut.Load() {
		return &Refusal{ReasonCut, "by Faults.CutAfter or DropConnections"}
	}
	return refusal
}

// Write sends what CutAfter allows.
func (c *clientConn) Write(b []byte) (int, error) {
	allowed, cut := c.count(len(b))
	if !cut {
		c.answered.Store(true)
		return c.Conn.Write(b)
	}
	n := 0
	if allowed > 0 {
		n, _ = c.Conn.Write(b[:allowed])
	}
	c.cut()
	return n, fmt.Errorf("cut by the faults after %d bytes: %w", n, net.ErrClosed)
}

// beginSplice marks a session that is handed to an upstream, read-only or not. It reports
// false if that is no longer what the faults want.
func (c *clientConn) beginSplice(readOnly bool) bool {
	c.spliced.Store(true)
	return c.ReadOnly() == readOnly || !c.cut()
}

// count counts bytes that are about to be sent. It returns how many of them may be, and
// whether the connection is to be cut then.
func (c *clientConn) count(n int) (allowed int, cut bool) {
	faults := c.server.faults.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under != faults {
		c.sent, c.under = 0, faults
	}
	c.sent += int64(n)
	over := c.sent - max(faults.CutAfter, 0)
	if faults.CutAfter == 0 || over < 0 {
		return n, false
	}
	return int(max(0, int64(n)-over)), true
}

// cut closes the connection as a fault does, without an end of TLS or of the session. It
// reports whether it was open.
func (c *clientConn) cut() bool {
	select {
	case <-c.closed:
		return false
	default:
	}
	c.wasCut.Store(true)
	c.Close()
	return true
}

// reset closes the connection as the machine of a stopped server does: what the client
// sends is answered with a reset.
func (c *clientConn) reset() {
	if conn, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = conn.SetLinger(0) // it is closed either way
	}
	c.Close()
}

// Close wakes up a pause when nothing more can be sent.
func (c *clientConn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() { close(c.closed) })
	return err
}

// clientHost returns the client's address as a real server names it in error
// texts.
func (c *clientConn) clientHost() string {
	if addr, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return addr.IP.String()
	}
	return "127.0.0.1"
}
