package rdsiamtest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/mysql"
)

// mysqlLoginTimeout is the connect_timeout of MySQL.
const mysqlLoginTimeout = 10 * time.Second

// mysqlFront is one client connection up to the end of its login.
type mysqlFront struct {
	server   *Server
	conn     *clientConn
	client   *mysqlwire.Server
	upstream *mysqlUpstream // nil: the server answers by itself
	request  loginRequest
}

func (s *Server) serveMySQL(ctx context.Context, conn *clientConn) {
	f := &mysqlFront{server: s, conn: conn, client: mysqlwire.NewServer(conn), request: loginRequest{dialed: conn.dialed}}
	if conn.begin(mysqlLoginTimeout) != nil {
		return
	}
	if s.settings.upstream != nil {
		// The greeting promises what the upstream can do, so that is asked first.
		var err error
		if f.upstream, err = dialMySQLUpstream(ctx, conn); err != nil {
			_ = f.client.Packets.Write(upstreamMySQLError(err).Encode())
			return
		}
		defer f.upstream.close()
	}
	if f.client.Greet(f.greeting()) != nil || !f.readResponse(ctx) || !f.logIn() {
		return
	}
	f.release()
	conn.beginSession()
	if f.upstream != nil {
		f.splice()
		return
	}
	f.answer()
}

// answer serves the session without an upstream.
func (f *mysqlFront) answer() {
	session := mysql.NewSession(mysql.Client{
		Server:       f.conn,
		Packets:      f.client.Packets,
		Capabilities: f.client.Response.Capabilities,
		ConnectionID: f.client.Greeting.ConnectionID,
		User:         f.request.user,
		Host:         f.conn.clientHost(),
		Database:     f.request.database,
	})
	if changeUser := session.Serve(); changeUser != nil {
		f.refuseChangeUser(changeUser)
	}
}

func (f *mysqlFront) greeting() mysqlwire.Greeting {
	greeting := mysqlwire.Greeting{
		Version:      mysql.Version,
		ConnectionID: newMySQLConnectionID(),
		Capabilities: mysql.Capabilities,
		Collation:    mysql.Collation,
		Status:       mysqlwire.Autocommit,
	}
	if f.upstream != nil {
		greeting = f.upstream.client.Greeting.Relayed()
	}
	greeting.Plugin = mysqlwire.CachingSHA2
	if f.server.authRequest == RequestNativePassword {
		greeting.Plugin = mysqlwire.NativePassword
	}
	if f.conn.tlsMode != TLSUnavailable {
		greeting.Capabilities |= mysqlwire.ClientSSL
	}
	return greeting
}

func newMySQLConnectionID() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

// readResponse reads the client's reply to the greeting, through TLS if the
// client asks for it.
func (f *mysqlFront) readResponse(ctx context.Context) bool {
	config := f.server.serverTLS(f.conn.tlsMode)
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, f.conn.wait(handshaking) }
	if f.client.ReadResponse(ctx, config) != nil {
		return false
	}
	f.request.user, f.request.database = f.client.Response.User, f.client.Response.Database
	if state := f.client.TLS; state != nil {
		f.request.tls, f.request.serverName = true, state.ServerName
	}
	return true
}

// logIn tells client and log whether the client may in, and logs in upstream.
func (f *mysqlFront) logIn() bool {
	token, refusal := f.authenticate()
	refusal = f.conn.faultBehind(refusal)
	entry := f.server.newLogin(f.request, token, refusal)
	entry.PasswordReceived = entry.PasswordReceived || f.client.Answered
	f.server.record(entry)
	f.server.endLogin(f.conn.logIn.Load())
	if refusal != nil {
		// A client that is closing its end still reads, and would take an answer
		// for the server's opinion of its token.
		if !f.conn.left() {
			_ = f.client.Packets.Write(f.refusalError(refusal).Encode())
		}
		return false
	}
	if f.upstream == nil {
		return f.client.Packets.Write(mysqlwire.EncodeOK(mysqlwire.Autocommit)) == nil
	}
	readOnly := f.conn.ReadOnly()
	ok, err := f.upstream.logIn(f.client.Response, readOnly)
	if err != nil {
		_ = f.client.Packets.Write(upstreamMySQLError(err).Encode())
		return false
	}
	return f.client.Packets.Write(ok) == nil && f.conn.beginSplice(readOnly)
}

// release forgets what the login alone needed, for as long as the session lasts.
func (f *mysqlFront) release() {
	f.request.token = ""
	f.client.Response.Answer, f.client.Response.Attributes = nil, nil
}

// splice hands the session to the upstream, until the client asks for another
// account at the latest.
func (f *mysqlFront) splice() {
	if changeUser := mysqlwire.Splice(delayedConn{f.client.Conn(), f.conn, mysqlGoodbye}, f.upstream.client.Conn()); changeUser != nil {
		f.refuseChangeUser(changeUser)
	}
}

// refusalError is what the client reads. An instance says the same whatever the
// reason; a proxy says that it wants TLS.
func (f *mysqlFront) refusalError(refusal *Refusal) mysqlwire.Error {
	host := f.conn.clientHost()
	if kind := f.server.endpointOf(f.request).Kind(); kind == rdsiam.KindProxy || kind == rdsiam.KindProxyEndpoint {
		switch refusal.Reason {
		case ReasonPlaintext:
			return mysqlwire.Error{Number: 3159, SQLState: "HY000", Text: "This RDS Proxy requires TLS connections."}
		case ReasonThrottled:
			return mysqlwire.Error{Number: 1040, SQLState: "HY000", Text: "IAM authentication rate limit exceeded"}
		}
		host = "%"
	}
	return accessDeniedMySQL(f.request.user, host)
}

func accessDeniedMySQL(user, host string) mysqlwire.Error {
	return mysqlwire.Error{
		Number:   1045,
		SQLState: "28000",
		Text:     "Access denied for user '" + brief.Name(user) + "'@'" + host + "' (using password: YES)",
	}
}

// refuseChangeUser ends a session whose client asks for another account: one
// that was checked for one account must not become another's.
func (f *mysqlFront) refuseChangeUser(command []byte) {
	again := f.request
	again.user, again.token = mysqlwire.ChangedUser(command), ""
	f.server.record(f.server.newLogin(again, verified{}, &Refusal{
		Reason: ReasonChangeUser,
		Detail: "the session of " + f.request.user + " stays what it is; open a new connection",
	}))
	f.client.Packets.Sequence = 1
	_ = f.client.Packets.Write(accessDeniedMySQL(again.user, f.conn.clientHost()).Encode())
}
