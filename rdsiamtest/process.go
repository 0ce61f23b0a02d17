package rdsiamtest

import (
	"errors"
	"fmt"
	"net"
)

// WithListener makes the server accept clients from listener, one of TCP, which it closes
// when it is closed itself: for programs that need a port of their choice. The default is
// a free port of 127.0.0.1.
func WithListener(listener net.Listener) Option {
	return func(s *settings) error {
		if listener == nil {
			return errors.New("nil listener: leave WithListener out for the default")
		}
		if network := listener.Addr().Network(); network != "tcp" {
			return fmt.Errorf("WithListener: the network of the listener is %q: give one of net.Listen(\"tcp\", …)", network)
		}
		s.ownListener = listener
		return nil
	}
}

// WithObserver calls observe with each try to log in, as soon as it is in
// [Server.Logins], for programs that print them. It is called in the goroutine that
// serves the client, concurrently for several clients, and must not close the server.
func WithObserver(observe func(Login)) Option {
	return func(s *settings) error {
		if observe == nil {
			return errors.New("nil observer: leave WithObserver out")
		}
		s.observe = observe
		return nil
	}
}
