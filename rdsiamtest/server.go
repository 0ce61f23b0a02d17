// Package rdsiamtest runs database servers that log in the way Amazon RDS does,
// for tests: a PostgreSQL or MySQL server in the test's own process that asks
// for an IAM token and really checks it.
//
//	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
//
// A server has an RDS host name, a certificate authority of its own, an account
// table, and AWS identities with IAM policies. It checks the signature, host,
// port, region, user, age and credentials of each token by itself, evaluates
// rds-db:connect, and refuses with the SQLSTATE and the text that RDS sends.
// Those texts say nothing about the reason; [Server.Logins] gives it to a test.
//
// # Connecting
//
// A server is independent of drivers. Give the driver the DSN from [Server.DSN],
// the credentials from [Server.Credentials] for signing, [Server.RootCAs] as the
// roots, and two functions in place of the network: [Server.DialContext], and
// for drivers that look up names before dialing, [Server.LookupHost]. See the
// example of [StartPostgreSQL].
//
// # What it answers
//
// After the login a server answers SELECT of constants, parameters,
// current_user and version(), and accepts SET and the transaction statements. A
// PostgreSQL server also answers SHOW of what it reports, and refuses unknown
// parameters of the connection string as PostgreSQL does.
// [WithUpstream] hands the logged-in connection to a real server instead.
//
// # Bad days
//
// [Server.SetFaults], [Server.DropConnections] and [Server.SetCertificateAuthority]
// make a running server throttle, stall, cut connections, take no writes or change its
// certificates.
//
// # Time
//
// With [WithInMemory] everything works inside a testing/synctest bubble, so that
// a test of token expiry takes no time.
package rdsiamtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
)

// TB is the part of [testing.TB] that [StartPostgreSQL] and [StartMySQL] need.
// It is declared here so that programs can use this package without linking
// package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	settings
	endpoints    []endpoint
	certificates certificateTable
	identities   identityTable
	log          log
	faults       atomic.Pointer[faultsInForce] // never nil
	tokens       tokenHistory

	listener net.Listener // nil in memory
	dials    dialTable
	sessions pgrelay.Sessions

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool                     // guarded by mu
	conns  map[*clientConn]struct{} // guarded by mu; open connections
	new    strangers                // guarded by mu
}

// StartPostgreSQL starts a PostgreSQL server that is closed at the end of the
// test. A bad option fails the test.
func StartPostgreSQL(tb TB, options ...Option) *Server {
	tb.Helper()
	return started(tb, postgreSQL, options)
}

// StartMySQL starts a MySQL server that is closed at the end of the test. A bad
// option fails the test.
func StartMySQL(tb TB, options ...Option) *Server {
	tb.Helper()
	return started(tb, mySQL, options)
}

func started(tb TB, engine engine, options []Option) *Server {
	tb.Helper()
	s, err := newServer(engine, 0, options)
	if err != nil {
		tb.Fatalf("%v", err)
		return nil
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// NewPostgreSQL starts a PostgreSQL server for a program that is not a test. The
// caller closes it. Of more than 256 clients that are logging in, the oldest is cut.
func NewPostgreSQL(options ...Option) (*Server, error) {
	return newServer(postgreSQL, programHistory, options)
}

// NewMySQL starts a MySQL server for a program that is not a test. The caller
// closes it. Of more than 256 clients that are logging in, the oldest is cut.
func NewMySQL(options ...Option) (*Server, error) {
	return newServer(mySQL, programHistory, options)
}

// newServer starts a server that keeps as many logins as history says, 0 is all.
func newServer(engine engine, history int, options []Option) (*Server, error) {
	settings, err := newSettings(engine, options)
	if err != nil {
		return nil, fmt.Errorf("rdsiamtest: %w", err)
	}
	s := &Server{settings: settings, log: log{limit: history}, conns: make(map[*clientConn]struct{})}
	if history > 0 { // a program's
		s.new.limit = programStrangers
	}
	s.SetFaults(Faults{})
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.prepare(); err != nil {
		s.cancel()
		return nil, fmt.Errorf("rdsiamtest: %w", err)
	}
	return s, nil
}

// prepare makes what the settings ask for and starts listening.
func (s *Server) prepare() error {
	var err error
	if s.endpoints, err = s.resolveEndpoints(); err != nil {
		return err
	}
	s.certificates.setAuthority(s.authority)
	if err := s.issueCertificates(); err != nil {
		return err
	}
	if err := s.prepareIdentities(); err != nil {
		return err
	}
	if s.inMemory {
		if s.ownListener != nil {
			return errors.New("WithListener and WithInMemory contradict each other: leave one out")
		}
		return nil
	}
	if s.listener = s.ownListener; s.listener == nil {
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	s.wg.Go(s.accept)
	return nil
}

// acceptRetry is how long a listener that has failed is left alone.
const acceptRetry = 50 * time.Millisecond

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// The process may have run out of files, and will have some again.
			select {
			case <-time.After(acceptRetry):
				continue
			case <-s.ctx.Done():
				return
			}
		}
		s.start(s.newClientConn(conn), s.identify)
	}
}

// identify tells a client of DialContext from others. For those it fails where the upstream
// cannot be reached: a server that is stopped takes no clients.
func (s *Server) identify(c *clientConn) error {
	known, ok := s.dials.take(c.RemoteAddr())
	if !ok {
		known.logIn = s.beginLogin(nil)
	}
	c.dialed, c.upstream = known.address, known.upstream
	c.logIn.Store(known.logIn)
	if ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, upstreamDialLimit)
	defer cancel()
	var err error
	c.upstream, err = s.dialUpstream(ctx)
	return err
}

// start serves conn in a goroutine of the server; before runs first, in that
// goroutine, and resets the connection where it fails. It reports whether the
// server still takes connections.
func (s *Server) start(conn *clientConn, before func(*clientConn) error) bool {
	oldest, ok := s.serve(conn, before)
	if oldest != nil {
		s.record(Login{Time: s.clock(), Reason: ReasonNoRoom, Detail: "it was the oldest of those that had not logged in yet"})
		oldest.Close()
	}
	return ok
}

// serve is start without what makes room: it returns the client that has to.
func (s *Server) serve(conn *clientConn, before func(*clientConn) error) (oldest *clientConn, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		conn.upstream.discard()
		return nil, false
	}
	s.conns[conn] = struct{}{}
	oldest = s.new.add(conn)
	s.wg.Go(func() {
		defer s.finish(conn)
		if before != nil && before(conn) != nil {
			conn.reset()
			return
		}
		switch s.engine {
		case postgreSQL:
			s.servePostgreSQL(s.ctx, conn)
		case mySQL:
			s.serveMySQL(s.ctx, conn)
		}
	})
	return oldest, true
}

func (s *Server) finish(conn *clientConn) {
	conn.Close()
	conn.upstream.discard()
	s.endLogin(conn.logIn.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.new.remove(conn)
}

// Close stops listening, ends every session and waits until nothing of the
// server runs any more. Further calls do nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.cancel()
	if s.listener != nil {
		s.listener.Close()
	}
	s.wg.Wait()
	s.dials.discard()
	return nil
}
