package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlGreeting is what the server said of itself last: clients are greeted with its version
// and capabilities before the server is connected to for them. The zero value knows nothing.
type mysqlGreeting struct {
	mu    sync.Mutex
	known *mysqlwire.Greeting // guarded by mu
	try   *mysqlTry           // guarded by mu: the last one to learn it
}

// mysqlTry is a login to learn the greeting, which many may wait for.
type mysqlTry struct {
	done  chan struct{}
	err   error     // once it is done
	ended time.Time // once it is done
}

// mysqlTryAgain is how long the error of a try stands for every client that comes.
const mysqlTryAgain = time.Second

// mysqlOptionalMetadata would let a client change the form of results
// (CLIENT_OPTIONAL_RESULTSET_METADATA), which then could not be followed.
const mysqlOptionalMetadata mysqlwire.Capabilities = 1 << 25

// offered is what clients are offered of a server's capabilities.
func offered(g mysqlwire.Greeting) mysqlwire.Capabilities {
	return g.Relayed().Capabilities &^ mysqlOptionalMetadata
}

func (g *mysqlGreeting) set(known mysqlwire.Greeting) {
	known.Capabilities = offered(known)
	known.Plugin = mysqlwire.CachingSHA2
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = &known
}

func (g *mysqlGreeting) get() (known mysqlwire.Greeting, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		return known, false
	}
	return *g.known, true
}

// unknownMySQL is what clients are greeted with when the server cannot be asked: they prove
// their password, to learn why.
var unknownMySQL = mysqlwire.Greeting{
	Version: "8.0.0-rdsiam-proxy", Collation: 45, Status: mysqlwire.Autocommit, Plugin: mysqlwire.CachingSHA2,
	Capabilities: mysqlwire.ClientLongPassword | mysqlwire.ClientLongFlag | mysqlwire.ClientConnectWithDB | mysqlwire.ClientProtocol41 |
		mysqlwire.ClientTransactions | mysqlwire.ClientSecureConnection | mysqlwire.ClientPluginAuth | mysqlwire.ClientLongAnswer,
}

// learned returns what to greet clients with. While that is not known, it is learned by a
// login, one at a time however many clients come. The error is why it is still not known.
func (m *MySQL) learned(ctx context.Context, s *Server) (mysqlwire.Greeting, error) {
	for {
		if known, ok := m.greeting.get(); ok {
			return known, nil
		}
		try := m.learn(s)
		select {
		case <-try.done:
		case <-ctx.Done():
			return unknownMySQL, context.Canceled
		}
		if _, ok := m.greeting.get(); !ok {
			return unknownMySQL, try.err
		}
	}
}

// learn begins a try, unless one is running or has just failed. It belongs to the server: a
// client that leaves must not end what others wait for.
func (m *MySQL) learn(s *Server) *mysqlTry {
	m.greeting.mu.Lock()
	defer m.greeting.mu.Unlock()
	if try := m.greeting.try; try != nil && !try.old() {
		return try
	}
	try := &mysqlTry{done: make(chan struct{})}
	m.greeting.try = try
	s.all.Go(func() {
		defer close(try.done)
		try.err = m.checkLogin(s.ctx, s.counters)
		try.ended = time.Now()
		if try.err != nil && s.ctx.Err() == nil {
			s.log.Line("learn", "the database cannot be logged in to yet: "+errortext.Of(try.err))
		}
	})
	return try
}

func (t *mysqlTry) old() bool {
	select {
	case <-t.done:
		return time.Since(t.ended) > mysqlTryAgain
	default:
		return false
	}
}

// checkLogin logs in and out again, and learns the greeting from that.
func (m *MySQL) checkLogin(ctx context.Context, counters *counters) error {
	upstream, err := m.dial(ctx, counters)
	if err != nil {
		return err
	}
	return upstream.leave(ctx, counters)
}

// prepare learns the greeting, so that the first client need not wait for it.
func (m *MySQL) prepare(s *Server) {
	if _, ok := m.greeting.get(); !ok {
		m.learn(s)
	}
}
