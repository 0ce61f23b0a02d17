// Package proxy is a listener on this machine in front of a database on RDS, for programs
// that cannot get tokens: whoever connects gets a login of its own at the database, with
// a token made for it.
//
//	engine, err := proxy.NewPostgreSQL(target) // or NewMySQL
//	server := proxy.NewServer(engine, proxy.Settings{Password: password})
//	listener, err := proxy.Listen("127.0.0.1:5432", engine, false)
//	err = server.Serve(ctx, listener)
//
// The engines speak the protocols: they check the client, log in, and say what of a
// session runs. What they have in common is here: accepting, limits, passing bytes on,
// ending without loss, counting.
package proxy

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/boundedlog"
)

const (
	// clientTime is what a client has for its part of the login.
	clientTime = 10 * time.Second
	// logInTime is what the login at the database may take.
	logInTime = 30 * time.Second
	// maxStrangers is how many clients may be there that have not shown yet that they may
	// log in, so that they cannot fill the process.
	maxStrangers = 256
)

// Engine speaks the protocol of one kind of database.
type Engine interface {
	// SocketName is what clients expect a unix socket to be called.
	SocketName() string

	// Example is a command that connects to address, host:port or the path of a socket.
	Example(address, user string) string

	// logIn logs the client in, here and at the database. It returns nil if there is no
	// session. Before the client learns why not, that is reported.
	logIn(ctx context.Context, c *client) *session

	// prepare begins what clients wait for otherwise.
	prepare(s *Server)

	// checkLogin logs in at the database and out again.
	checkLogin(ctx context.Context, counters *counters) error

	// endpoint is the database.
	endpoint() rdsiam.Endpoint

	// ready reports whether a client could be logged in, as far as that can be known here.
	ready(ctx context.Context) error
}

// Settings of a [Server].
type Settings struct {
	// Password is what clients log in with; empty lets in everybody who can connect.
	Password string
	// MaxConnections is how many clients may be logged in, 100 if it is zero.
	MaxConnections int
	// DrainTime is what running statements and transactions have left when the server is
	// stopped.
	DrainTime time.Duration
	// Log writes a line on what goes wrong. Nil means that nothing is written.
	Log func(text string)
}

// Server serves the clients of one listener. It is safe for concurrent use.
type Server struct {
	engine   Engine
	settings Settings
	password *password
	buffers  buffers
	counters *counters
	log      *boundedlog.Log
	ctx      context.Context // of Serve

	mu           sync.Mutex
	clients      map[*client]struct{} // guarded by mu
	strangers    *list.List           // guarded by mu: not proved yet, the oldest first
	maxStrangers int                  // guarded by mu
	admitted     int                  // guarded by mu
	lastID       uint64               // guarded by mu
	stopping     bool                 // guarded by mu
	cutting      bool                 // guarded by mu
	all          sync.WaitGroup
}

// NewServer returns a Server that is not yet serving.
func NewServer(engine Engine, settings Settings) (*Server, error) {
	if settings.MaxConnections == 0 {
		settings.MaxConnections = 100
	}
	if settings.Log == nil {
		settings.Log = func(string) {}
	}
	s := &Server{
		engine: engine, settings: settings, counters: newCounters(engine.endpoint(), settings.MaxConnections), log: boundedlog.New(settings.Log),
		clients: make(map[*client]struct{}), strangers: list.New(), maxStrangers: maxStrangers,
	}
	var err error
	s.password, err = newPassword(settings.Password)
	return s, err
}

// Serve accepts clients until ctx ends. Then it closes listener, ends idle sessions, gives
// the others DrainTime to finish what they are doing, and cuts what is left. Nothing of it
// runs any more when it returns, and everything is in the log. The error is nil unless
// sessions were cut.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	defer s.log.Close()
	unwatch := context.AfterFunc(ctx, func() { listener.Close() })
	defer unwatch()
	s.ctx = ctx
	s.engine.prepare(s)
	s.accept(ctx, listener)
	return s.drain()
}

// accept serves clients until ctx ends.
func (s *Server) accept(ctx context.Context, listener net.Listener) {
	const first, most = 5 * time.Millisecond, time.Second
	pause := first
	for {
		conn, err := listener.Accept()
		if err == nil {
			s.start(ctx, conn)
			pause = first
			continue
		}
		if ctx.Err() != nil {
			return
		}
		// Such as too many open files, which passes.
		s.log.Line("accept", fmt.Sprintf("cannot accept a client: %v", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, most)
		}
	}
}

// start serves a client in a goroutine of its own.
func (s *Server) start(ctx context.Context, conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		conn.Close()
		return
	}
	if s.strangers.Len() >= s.maxStrangers {
		oldest := s.strangers.Remove(s.strangers.Front()).(*client)
		oldest.end(errNoRoom)
	}
	s.lastID++
	c := &client{Conn: conn, server: s, id: s.lastID}
	c.ctx, c.end = context.WithCancelCause(ctx)
	c.unwatch = context.AfterFunc(c.ctx, func() { conn.Close() })
	s.clients[c] = struct{}{}
	c.stranger = s.strangers.PushBack(c)
	s.all.Go(func() {
		defer s.forget(c)
		s.serve(c)
	})
}

func (s *Server) forget(c *client) {
	c.Conn.Close()
	c.end(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.strangers.Remove(c.stranger)
	if c.admitted {
		s.admitted--
	}
}

// serve logs a client in and relays its session. The end of the server ends a login at
// once, and leaves a session to drain.
func (s *Server) serve(c *client) {
	s.counters.accepted.Inc()
	c.within(clientTime)
	session := s.engine.logIn(c.ctx, c)
	if session == nil {
		return
	}
	_ = c.SetDeadline(time.Time{})
	_ = session.server.SetDeadline(time.Time{})
	s.take(c, session)
	s.counters.open.Inc()
	defer s.counters.open.Dec()
	if err := session.relay(&s.buffers, &s.counters.moved); err != nil {
		c.report(&refusal{refusedProtocol, err})
	}
}

// take hands the session to drain and Cut, which may have come before it.
func (s *Server) take(c *client, session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.session = session
	if s.cutting {
		session.cut()
	} else if s.stopping {
		session.drain()
	}
}

// drain ends what Serve has begun.
func (s *Server) drain() error {
	s.stop()
	if n := s.busy(); n > 0 {
		s.log.Line("stop", fmt.Sprintf("stopping; connections that are doing something, %d now, have %v to finish", n, s.settings.DrainTime))
	}
	limit := time.AfterFunc(s.settings.DrainTime, s.Cut)
	defer limit.Stop()
	s.all.Wait()
	if cut := s.counters.cut.Load(); cut > 0 {
		if cut == 1 {
			return errors.New("1 connection was cut while it was doing something")
		}
		return fmt.Errorf("%d connections were cut while they were doing something", cut)
	}
	return nil
}

// stop ends the sessions that are idle, and lets the others end as soon as they are.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	var drained sync.WaitGroup
	for c := range s.clients {
		if c.session != nil {
			drained.Go(c.session.drain)
		}
	}
	drained.Wait()
}

// busy counts the sessions that stop has left.
func (s *Server) busy() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		if c.session != nil && !c.session.isOver() {
			n++
		}
	}
	return n
}

// Cut ends every session at once.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutting = true
	for c := range s.clients {
		if c.session == nil {
			c.Conn.Close()
			continue
		}
		s.all.Go(func() { // closing TLS can take a while
			if c.session.cut() {
				s.counters.cut.Add(1)
			}
		})
	}
}

// CheckLogin logs in at the database and out again, without a client.
func (s *Server) CheckLogin(ctx context.Context) error { return s.engine.checkLogin(ctx, s.counters) }

// Ready reports whether a client that connects now could be logged in, as far as that can
// be known without doing so.
func (s *Server) Ready(ctx context.Context) error {
	s.mu.Lock()
	stopping := s.stopping
	s.mu.Unlock()
	if stopping {
		return errors.New("the proxy is shutting down")
	}
	return s.engine.ready(ctx)
}
