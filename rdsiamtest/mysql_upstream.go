package rdsiamtest

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlUpstream is a connection to the real server that a session is handed to.
type mysqlUpstream struct {
	settings Upstream
	conn     net.Conn
	client   *mysqlwire.Client
	unwatch  func() bool
}

// dialMySQLUpstream connects and reads the greeting. The connection is closed
// when ctx ends.
func dialMySQLUpstream(ctx context.Context, client *clientConn) (*mysqlUpstream, error) {
	dialing, stop := context.WithTimeout(ctx, mysqlLoginTimeout)
	defer stop()
	conn, err := client.connectUpstream(dialing)
	if err != nil {
		return nil, err
	}
	u := &mysqlUpstream{
		settings: *client.server.upstream,
		conn:     conn,
		unwatch:  context.AfterFunc(ctx, func() { conn.Close() }),
	}
	conn.SetDeadline(time.Now().Add(2 * mysqlLoginTimeout))
	if u.client, err = mysqlwire.NewClient(conn); err != nil {
		u.close()
		return nil, err
	}
	return u, nil
}

func (u *mysqlUpstream) close() {
	u.unwatch()
	u.conn.Close()
}

// logIn asks for the session that the client asked for. It returns the
// upstream's OK.
func (u *mysqlUpstream) logIn(response mysqlwire.Response, readOnly bool) ([]byte, error) {
	if u.settings.User != "" {
		response.User = u.settings.User
	}
	if u.settings.Database != "" {
		response.Database = u.settings.Database
	}
	ok, err := u.client.LogIn(response, mysqlwire.Account{Password: u.settings.Password, TLS: u.settings.tlsConfig()})
	if err != nil {
		return nil, err
	}
	if readOnly {
		if err := u.client.Exec("SET SESSION TRANSACTION READ ONLY"); err != nil {
			return nil, err
		}
	}
	return ok, u.conn.SetDeadline(time.Time{})
}

// upstreamMySQLError is what the client reads when its login was accepted here
// but the upstream can't be used. The upstream's own errors are passed on,
// except a refusal of the account: that would read as if the token were wrong.
func upstreamMySQLError(err error) mysqlwire.Error {
	var own mysqlwire.Error
	if errors.As(err, &own) && !strings.HasPrefix(own.SQLState, "28") {
		return own
	}
	return mysqlwire.Error{
		Number:   1429,
		SQLState: "HY000",
		Text:     "Unable to connect to foreign data source: the upstream of rdsiamtest: " + err.Error(),
	}
}
