package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// client is a connection that was accepted.
type client struct {
	net.Conn
	server   *Server
	id       uint64
	admitted bool     // guarded by server.mu
	session  *session // guarded by server.mu; nil until it is logged in

	// unwatch keeps the end of the server from closing the client, and reports false where
	// it has done so.
	unwatch func() bool
}

// within gives the client so much time from now.
func (c *client) within(d time.Duration) { _ = c.SetDeadline(time.Now().Add(d)) }

// admit counts the client as one of those that are logged in.
func (c *client) admit() error {
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
	case errors.As(err, &refused):
		return err
	case errors.As(err, &network) && network.Timeout():
		return &refusal{refusedTimeout, errors.New("the client has not logged in in time")}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errLeft
	}
	return &refusal{refusedProtocol, err}
}
