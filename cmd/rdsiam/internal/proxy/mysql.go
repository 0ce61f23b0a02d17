package proxy

import (
	"context"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// MySQL is the [Engine] of MySQL and MariaDB.
type MySQL struct {
	target   Target
	driver   *rdsmysql.Driver
	dialBy   func(ctx context.Context, network, address string) (net.Conn, error)
	greeting mysqlGreeting
	ids      mysqlIDs
}

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
	return &MySQL{target: target, driver: driver, dialBy: dialer.DialContext, ids: newMySQLIDs()}, nil
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

func (m *MySQL) endpoint() rdsiam.Endpoint { return m.target.Endpoint }

func (m *MySQL) ready(ctx context.Context) error { return m.target.ready(ctx) }

// logIn lets the client in before it connects to the database: whoever does not know the
// password costs nothing there.
func (m *MySQL) logIn(ctx context.Context, c *client) *session {
	front := mysqlwire.NewServer(c)
	greeting, unknown := m.learned(ctx, c.server)
	if ctx.Err() != nil {
		return m.refuse(c, front, context.Canceled)
	}
	c.within(clientTime) // it has waited for the greeting
	id := m.ids.next()
	greeting.ConnectionID = id
	if err := m.admit(ctx, c, front, greeting); err != nil {
		return m.refuse(c, front, clientError(err))
	}
	if unknown != nil { // only who knows the password learns why
		return m.refuse(c, front, unknown)
	}
	upstream, ok, err := m.connect(ctx, front.Response, c.server.counters)
	if err != nil {
		return m.refuse(c, front, err)
	}
	c.within(clientTime)
	forget := m.ids.add(id, upstream.Greeting.ConnectionID)
	err = c.keep()
	if err == nil && front.Packets.Write(ok) != nil {
		err = errLeft
	}
	if err != nil {
		forget()
		upstream.Conn().Close()
		c.report(err)
		return nil
	}
	traffic := newMySQLTraffic(front.Response.Capabilities, &m.ids)
	return &session{client: c.Conn, server: upstream.Conn(), traffic: traffic, end: forget}
}

// admit greets the client and lets it in, as far as the proxy has to say. Who does not know
// the password learns nothing but the version of the server.
func (m *MySQL) admit(ctx context.Context, c *client, front *mysqlwire.Server, greeting mysqlwire.Greeting) error {
	if err := front.Greet(greeting); err != nil {
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
	return c.admit()
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

// refuse tells the client of err. It returns no session.
func (m *MySQL) refuse(c *client, front *mysqlwire.Server, err error) *session {
	c.report(err)
	if answer, ok := m.answer(err); ok {
		c.within(farewellTime)
		_ = front.Packets.Write(answer.Encode())
	}
	return nil
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
	case refusedChanged:
		return mysqlwire.Error{Number: 1053, SQLState: "08S01", Text: "Server shutdown in progress: rdsiam proxy: " + err.Error()}, true
	case refusedLimit:
		return mysqlwire.Error{Number: 1040, SQLState: "08004", Text: "Too many connections: rdsiam proxy: " + err.Error()}, true
	}
	return mysqlwire.Error{}, false // told already, or not there any more
}

var _ Engine = (*MySQL)(nil)
