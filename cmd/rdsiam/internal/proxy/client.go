package proxy

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
)

// client is a connection that was accepted.
type client struct {
	net.Conn
	server   *Server
	id       uint64
	stranger *list.Element // guarded by server.mu; in server.strangers, or was
	admitted bool          // guarded by server.mu
	session  *session      // guarded by server.mu; nil until it is logged in

	// ctx ends with the server, or by end where the client has to make room. unwatch keeps
	// that from closing the client, and reports false where it has done so.
	ctx     context.Context
	end     context.CancelCauseFunc
	unwatch func() bool
}

// within gives the client so much time from now.
func (c *client) within(d time.Duration) { _ = c.SetDeadline(time.Now().Add(d)) }

// prove is called when the client has shown that it may log in. From then on it does not
// have to make room for others.
func (c *client) prove() error {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ctx.Err() != nil {
		return context.Canceled
	}
	s.strangers.Remove(c.stranger)
	return nil
}

// admit counts the client, which has proved itself, as one of those that are logged in.
func (c *client) admit() error {
	if err := c.prove(); err != nil {
		return err
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admitted >= s.settings.MaxConnections {
		return &refusal{refusedLimit, fmt.Errorf("%d clients are connected, as many as --max-connections allows", s.admitted)}
	}
	s.admitted++
	c.admitted = true
	return nil
}

// keep is called before the client learns that it is logged in. From then on the end of the
// server leaves it to drain. The error is [context.Canceled] where that comes too late.
func (c *client) keep() error {
	if !c.unwatch() {
		return context.Canceled
	}
	return nil
}

// tell writes what ends the login.
func (c *client) tell(b []byte) error {
	if _, err := c.Write(b); err != nil {
		return errLeft
	}
	return nil
}

// report counts and logs why a client has no session any more. It is called before the
// client learns that: what a client has seen is in the log.
func (c *client) report(err error) {
	interrupted := errors.Is(err, errLeft) || errors.Is(err, context.Canceled)
	var refused *refusal
	switch {
	case errors.As(err, &refused): // also one that was decided before the end of ctx
	case interrupted && errors.Is(context.Cause(c.ctx), errNoRoom):
		refused = &refusal{refusedRoom, errNoRoom}
	case errors.Is(err, errLeft):
		c.server.counters.refuse(refusedLeft)
		return
	case interrupted && c.ctx.Err() != nil:
		c.log("stop", "the proxy was stopped while the client was logging in")
		return
	default:
		c.log("login", errortext.Of(err))
		return
	}
	c.server.counters.refuse(refused.reason)
	c.log(string(refused.reason), refused.Error())
}

func (c *client) log(kind, text string) {
	c.server.log.Line(kind, fmt.Sprintf("client %d: %s", c.id, text))
}

// errNoRoom is why the oldest of those that have not proved themselves is sent away.
var errNoRoom = errors.New("the client was the oldest of those that have not logged in yet, and made room for another")

// refusal is the error of a client that was turned away, with what is counted.
type refusal struct {
	reason refusedReason
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// wrongUser is the refusal of a client that wants to be somebody else.
func wrongUser(asked, user string) error {
	return &refusal{refusedUser, fmt.Errorf("the client wants to log in as %q, and this proxy logs in as %q only; name that user, or start another proxy", asked, user)}
}

// errLeft is the error of a client that ended the connection before it was logged in, which
// is not worth a word: it has tried whether somebody listens, or fetches a password.
var errLeft = errors.New("the client has left")

// clientError is what an error of reading from or writing to a client means.
func clientError(err error) error {
	var refused *refusal
	var network net.Error
	switch {
	case errors.As(err, &refused), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &network) && network.Timeout():
		return &refusal{refusedTimeout, errors.New("the client has not logged in in time")}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errLeft
	}
	return &refusal{refusedProtocol, err}
}
