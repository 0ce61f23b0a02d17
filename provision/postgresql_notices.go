package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
)

// Notices collects PostgreSQL's notices and warnings, which database/sql does not pass on, for
// the [Report]. The driver needs a handler before it connects. With pgx:
//
//	var notices provision.Notices
//	config.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) { notices.Add(c, n.SeverityUnlocalized, n.Code, n.Message) }
//	db := stdlib.OpenDB(*config)
//	report, err := provision.Apply(ctx, db, plan, provision.WithNotices(&notices))
//
// The zero value is ready. One Notices may serve any number of connections and of Applies at
// the same time. It keeps nothing of what is said while no Apply listens.
type Notices struct {
	mu        sync.Mutex
	listeners []*listener
}

// listener is an Apply. It knows its connection by what is said on it.
type listener struct {
	notices *Notices
	sign    string // that the server says on the connection, so that it is known
	known   bool
	conn    any
	heard   []string
}

// Add takes a message of the server. conn is whatever stands for the connection and can be
// compared, such as a pointer; it may be nil where nothing else is run while an Apply is, since
// what is said on other connections would be reported too. severity is that of the protocol,
// such as WARNING, and code is the SQLSTATE.
func (n *Notices) Add(conn any, severity, code, message string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.listeners {
		switch {
		case message == l.sign:
			l.known, l.conn = true, conn
		case l.known && l.conn == conn && !isChatter(severity):
			l.heard = append(l.heard, severity+" "+code+": "+message)
		}
	}
}

// isChatter reports whether messages of this severity are no remarks on a statement.
func isChatter(severity string) bool {
	return slices.Contains([]string{"INFO", "LOG", "DEBUG"}, severity)
}

func (n *Notices) listen() *listener {
	l := &listener{notices: n, sign: "rdsiam: notices of this session go to " + rand.Text()}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = append(n.listeners, l)
	return l
}

func (l *listener) stop() {
	l.notices.mu.Lock()
	defer l.notices.mu.Unlock()
	l.notices.listeners = slices.DeleteFunc(l.notices.listeners, func(other *listener) bool { return other == l })
}

// find learns which connection the session is.
func (l *listener) find(ctx context.Context, q querier) error {
	// Unlike a notice, INFO is sent whatever client_min_messages says.
	if _, err := q.ExecContext(ctx, "DO LANGUAGE plpgsql 'BEGIN RAISE INFO ''"+l.sign+"''; END'"); err != nil {
		return err
	}
	l.notices.mu.Lock()
	defer l.notices.mu.Unlock()
	if !l.known {
		return errDeaf
	}
	return nil
}

var errDeaf = errors.New("nothing of what the server says arrives at provision.Notices")

// take returns what was heard since it was called last.
func (l *listener) take() []string {
	if l == nil {
		return nil
	}
	l.notices.mu.Lock()
	defer l.notices.mu.Unlock()
	heard := l.heard
	l.heard = nil
	return heard
}

// ApplyOption changes how [Apply] runs a plan.
type ApplyOption func(*applyOptions)

type applyOptions struct{ notices *Notices }

// WithNotices makes [Apply] report the warnings and notices of PostgreSQL in the steps to which
// they belong. Apply fails before it changes anything if they do not arrive. MySQL and MariaDB
// are asked for theirs and need no such option.
func WithNotices(n *Notices) ApplyOption { return func(o *applyOptions) { o.notices = n } }
