package proxy

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// mysqlUpstream is a connection to the database, to log in on.
type mysqlUpstream struct {
	*mysqlwire.Client
	engine  *MySQL
	unwatch func() bool
}

// connect logs in with what a client asks for that was greeted before, and returns the
// server's OK.
func (m *MySQL) connect(ctx context.Context, response mysqlwire.Response, counters *counters) (upstream *mysqlUpstream, ok []byte, err error) {
	upstream, err = m.dial(ctx, counters)
	if err != nil {
		return nil, nil, err
	}
	if response.Capabilities&^offered(upstream.Greeting) != 0 {
		if err := upstream.leave(ctx, counters); err != nil {
			return nil, nil, err
		}
		return nil, nil, &refusal{refusedChanged, errors.New("the database server has changed since this client was greeted, and can do less; connect again")}
	}
	ok, err = upstream.logIn(ctx, response, counters)
	return upstream, ok, err
}

// dial connects to the database and reads its greeting, which clients are greeted with from
// now on. The token is made before: the server does not wait long for a login that it has
// greeted.
func (m *MySQL) dial(ctx context.Context, counters *counters) (*mysqlUpstream, error) {
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	upstream, err := m.greeted(ctx)
	if err != nil {
		_, err = m.target.connect(ctx, mysqlLogin{m.driver, func(context.Context, rdsiam.TokenSource) error { return err }}, counters)
		return nil, err
	}
	m.greeting.set(upstream.Greeting)
	return upstream, nil
}

// greeted returns a connection that ends with ctx until it is logged in.
func (m *MySQL) greeted(ctx context.Context) (*mysqlUpstream, error) {
	conn, err := m.dialBy(ctx, "tcp", m.target.Dialed)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(logInTime))
	unwatch := context.AfterFunc(ctx, func() { conn.Close() })
	client, err := mysqlwire.NewClient(conn)
	if err != nil {
		unwatch()
		conn.Close()
		return nil, err
	}
	return &mysqlUpstream{client, m, unwatch}, nil
}

// logIn logs in with what the client asks for in its response to the greeting, and returns
// the server's OK. The connection is closed on an error.
func (u *mysqlUpstream) logIn(ctx context.Context, response mysqlwire.Response, counters *counters) (ok []byte, err error) {
	defer u.unwatch()
	m := u.engine
	_, err = m.target.connect(ctx, mysqlLogin{m.driver, func(ctx context.Context, tokens rdsiam.TokenSource) error {
		token, err := m.target.Token(ctx, tokens)
		if err != nil {
			return err
		}
		config, err := m.target.Endpoint.TLSConfig(nil)
		if err != nil {
			return err
		}
		ok, err = u.LogIn(response, mysqlwire.Account{Password: token.Reveal(), Token: true, TLS: config})
		return m.target.Endpoint.DescribeCertificateError(masked(err, token), nil)
	}}, counters)
	if err != nil {
		u.Conn().Close()
	}
	return ok, err
}

// leave logs in and out again, for a connection without a client. The server counts logins
// that are broken off, and blocks an address after max_connect_errors of them.
func (u *mysqlUpstream) leave(ctx context.Context, counters *counters) error {
	response := mysqlwire.Response{User: u.engine.target.User, MaxPacket: 1 << 24, Collation: u.Greeting.Collation}
	if _, err := u.logIn(ctx, response, counters); err != nil {
		return err
	}
	_, _ = u.Conn().Write(mysqlQuit)
	u.Conn().Close()
	return nil
}

// mysqlQuit is the packet of COM_QUIT.
var mysqlQuit = []byte{1, 0, 0, 0, 1}

// masked is an error of the server in the form that the library knows, without the token.
func masked(err error, token rdsiam.Token) error {
	var said mysqlwire.Error
	if !errors.As(err, &said) {
		return err
	}
	answer := &mysql.MySQLError{Number: said.Number, Message: token.Mask(said.Text)}
	copy(answer.SQLState[:], said.SQLState)
	return answer
}

// mysqlLogin logs in by the rules of the library on a connection that is there, which the
// driver of Go programs cannot.
type mysqlLogin struct {
	*mysqlRules
	logIn func(context.Context, rdsiam.TokenSource) error
}

type mysqlRules = rdsmysql.Driver

// Open returns no connection: it is the caller's already.
func (l mysqlLogin) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	return nil, masked(l.logIn(ctx, tokens), rdsiam.Token{})
}

// logInAnswer is what a client is told of a login at the database that has failed: what
// the database said, and what that means.
func (m *MySQL) logInAnswer(err error) mysqlwire.Error {
	told := m.target.tell(err)
	answer := mysqlwire.Error{Number: 1429, SQLState: "HY000", Text: "Unable to connect to foreign data source: " + told.text}
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		answer = mysqlwire.Error{Number: said.Number, SQLState: string(said.SQLState[:]), Text: said.Message + "; " + told.text}
	}
	if told.hint != "" {
		// Clients keep about 500 bytes: the likeliest comes first.
		answer.Text += "; likely: " + oneLine.Replace(told.hint)
	}
	return answer
}
