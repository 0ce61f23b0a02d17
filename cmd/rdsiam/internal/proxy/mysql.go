package proxy

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// MySQL is the [Engine] of MySQL and MariaDB.
type MySQL struct {
	target Target
	driver *rdsmysql.Driver
	dialBy func(ctx context.Context, network, address string) (net.Conn, error)
}

// mysqlClientTime is what a client has for its part of the login. The server waits for its
// own, which depends on the client's, for 10 seconds (connect_timeout).
const mysqlClientTime = 5 * time.Second

// mysqlOptionalMetadata would let a client change the form of results
// (CLIENT_OPTIONAL_RESULTSET_METADATA), which then could not be followed.
const mysqlOptionalMetadata mysqlwire.Capabilities = 1 << 25

// NewMySQL returns an engine that logs in to target. The error is a
// [*rdsiam.ConfigError].
func NewMySQL(target Target) (*MySQL, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User = "tcp", target.Dialed, target.User
	driver, err := rdsmysql.New(config, target.Options...)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: logInTime}
	return &MySQL{target, driver, dialer.DialContext}, nil
}

// SocketName is the name of the socket; clients are told its path.
func (m *MySQL) SocketName() string { return "mysql.sock" }

// Example is a command line of mysql.
func (m *MySQL) Example(address, user string) string {
	if IsSocket(address) {
		return "mysql --socket=" + shellWord(address) + " --user=" + shellWord(user)
	}
	host, port, _ := net.SplitHostPort(address)
	return "mysql --protocol=tcp --host=" + shellWord(host) + " --port=" + port + " --user=" + shellWord(user) + " --password"
}

func (m *MySQL) ready(ctx context.Context) error { return m.target.ready(ctx) }

// logIn connects to the database first: what a client is greeted with is what the server
// says of itself, and the number of the connection, by which KILL finds it.
func (m *MySQL) logIn(ctx context.Context, c *client) (*session, error) {
	front := mysqlwire.NewServer(c)
	if err := c.admit(); err != nil {
		return nil, m.refuse(c, front, err)
	}
	upstream, err := m.dial(ctx, c.server.counters)
	if err != nil {
		return nil, m.refuse(c, front, err)
	}
	c.within(mysqlClientTime)
	if err := m.admit(ctx, c, front, upstream.Greeting); err != nil {
		err = m.refuse(c, front, clientError(err))
		upstream.leave(ctx, c.server.counters)
		return nil, err
	}
	ok, err := upstream.logIn(ctx, front.Response, c.server.counters)
	if err != nil {
		return nil, m.refuse(c, front, err)
	}
	c.within(clientTime)
	if err := c.keep(); err != nil {
		upstream.Conn().Close()
		return nil, err
	}
	if err := front.Packets.Write(ok); err != nil {
		upstream.Conn().Close()
		return nil, errLeft
	}
	traffic := newMySQLTraffic(front.Response.Capabilities)
	return &session{client: c.Conn, server: upstream.Conn(), traffic: traffic, end: func() {}}, nil
}

// admit greets the client and lets it in, as far as the proxy has to say. Who does not know
// the password learns nothing but the version of the server.
func (m *MySQL) admit(ctx context.Context, c *client, front *mysqlwire.Server, greeting mysqlwire.Greeting) error {
	relayed := greeting.Relayed()
	relayed.Capabilities &^= mysqlOptionalMetadata
	relayed.Plugin = mysqlwire.CachingSHA2
	if err := front.Greet(relayed); err != nil {
		return err
	}
	if err := front.ReadResponse(ctx, nil); err != nil {
		return err
	}
	if err := checkMySQLPassword(c.server.password, front); err != nil {
		return err
	}
	if front.Response.User != m.target.User {
		return wrongUser(front.Response.User, m.target.User)
	}
	return nil
}

// checkMySQLPassword has the client prove that it knows the password, which does not travel.
func checkMySQLPassword(password *password, front *mysqlwire.Server) error {
	if password == nil {
		return front.Accept()
	}
	proved, err := front.CheckProof(password.text)
	if err == nil && !proved {
		err = &refusal{refusedPassword, errors.New("wrong password")}
	}
	return err
}

// refuse tells the client of err, which it returns.
func (m *MySQL) refuse(c *client, front *mysqlwire.Server, err error) error {
	if answer, ok := m.answer(err); ok {
		c.within(farewellTime)
		_ = front.Packets.Write(answer.Encode())
	}
	return err
}

// answer is what the client is told of err, if anything.
func (m *MySQL) answer(err error) (answer mysqlwire.Error, ok bool) {
	var refused *refusal
	switch {
	case errors.Is(err, errLeft):
		return mysqlwire.Error{}, false
	case !errors.As(err, &refused):
		return m.logInAnswer(err), true
	}
	const accessDenied = 1045
	switch refused.reason {
	case refusedUser:
		return mysqlwire.Error{Number: accessDenied, SQLState: "28000", Text: "Access denied: rdsiam proxy: " + err.Error()}, true
	case refusedPassword:
		return mysqlwire.Error{Number: accessDenied, SQLState: "28000",
			Text: "Access denied: wrong password; it is that of the rdsiam proxy, which it printed or was given by --password-file, and not one of the database"}, true
	case refusedLimit:
		return mysqlwire.Error{Number: 1040, SQLState: "08004", Text: "Too many connections: rdsiam proxy: " + err.Error()}, true
	}
	return mysqlwire.Error{}, false // told already, or not there any more
}

var _ Engine = (*MySQL)(nil)
