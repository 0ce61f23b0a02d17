package rdsiamtest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/rdsiam/rdsiam"
)

const (
	mysqlVersion = "8.4.6-rdsiamtest"

	// mysqlLogInTimeout is the connect_timeout of MySQL.
	mysqlLogInTimeout = 10 * time.Second
)

// mysqlFront is one client connection up to the end of its log-in.
type mysqlFront struct {
	server   *Server
	conn     *clientConn
	packets  *mysqlPackets
	upstream *mysqlUpstream // nil: the server answers by itself
	greeting mysqlGreeting
	response mysqlResponse
	attempt  attempt
	proved   bool // the client showed that it has a password, or the password itself
}

func (s *Server) serveMySQL(ctx context.Context, conn *clientConn) {
	f := &mysqlFront{
		server:  s,
		conn:    conn,
		packets: &mysqlPackets{stream: conn, limit: mysqlLogInLimit},
		attempt: attempt{dialled: conn.dialled},
	}
	conn.SetDeadline(time.Now().Add(mysqlLogInTimeout))
	if s.settings.upstream != nil {
		// The greeting promises what the upstream can do, so that is asked first.
		var err error
		if f.upstream, err = dialMySQLUpstream(ctx, *s.settings.upstream); err != nil {
			f.packets.write(upstreamMySQLError(err).encode())
			return
		}
		defer f.upstream.close()
	}
	if f.greet() != nil || !f.readResponse(ctx) || !f.logIn() {
		return
	}
	conn.SetDeadline(time.Time{})
	if f.upstream != nil {
		f.splice()
		return
	}
	f.session().serve()
}

func (f *mysqlFront) greet() error {
	f.greeting = mysqlGreeting{
		version:      mysqlVersion,
		connectionID: newMySQLConnectionID(),
		capabilities: mysqlOwnCapabilities,
		collation:    mysqlUTF8MB4,
		status:       mysqlAutocommit,
	}
	if f.upstream != nil {
		f.greeting = f.upstream.greeting
		f.greeting.capabilities &^= mysqlUnsplicedCapabilities
	}
	f.greeting.plugin = mysqlCachingSHA2
	if f.server.authRequest == RequestNativePassword {
		f.greeting.plugin = mysqlNativePassword
	}
	f.greeting.scramble = newMySQLScramble()
	if f.server.tlsMode != TLSUnavailable {
		f.greeting.capabilities |= mysqlSSL
	}
	return f.packets.write(f.greeting.encode())
}

func newMySQLConnectionID() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

// readResponse reads the client's reply to the greeting, through TLS if the
// client asks for it.
func (f *mysqlFront) readResponse(ctx context.Context) bool {
	payload, err := f.packets.read()
	if err != nil {
		return f.badHandshake(err)
	}
	request, err := parseMySQLSSLRequest(&mysqlFields{rest: payload}, f.greeting.capabilities)
	if err != nil {
		return f.badHandshake(err)
	}
	if request.capabilities.has(mysqlSSL) {
		// Whatever else came in clear does not count.
		if payload, err = f.startTLS(ctx); err != nil {
			return f.badHandshake(err)
		}
	}
	if f.response, err = parseMySQLResponse(payload, f.greeting.capabilities); err != nil {
		return f.badHandshake(err)
	}
	f.attempt.user, f.attempt.database = f.response.user, f.response.database
	f.proved = len(f.response.answer) > 0
	return true
}

// startTLS returns the response that follows the handshake.
func (f *mysqlFront) startTLS(ctx context.Context) ([]byte, error) {
	encrypted := tls.Server(f.conn, f.server.serverTLS())
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	f.packets.stream = encrypted
	f.attempt.tls = true
	f.attempt.serverName = encrypted.ConnectionState().ServerName
	return f.packets.read()
}

// badHandshake tells the client of a packet that can't be read; a connection
// that failed is told nothing.
func (f *mysqlFront) badHandshake(err error) bool {
	if errors.Is(err, errMySQLMalformed) || errors.Is(err, errMySQLPacketTooLong) {
		f.packets.write(mysqlError{1043, "08S01", "Bad handshake"}.encode())
	}
	return false
}

// logIn tells client and log whether the client may in, and logs in upstream.
func (f *mysqlFront) logIn() bool {
	token, refusal := f.authenticate()
	entry := f.server.newLogIn(f.attempt, token, refusal)
	entry.PasswordReceived = entry.PasswordReceived || f.proved
	f.server.record(entry)
	f.server.endLogIn(f.conn.logIn)
	if refusal != nil {
		f.packets.write(f.refusalError(refusal).encode())
		return false
	}
	ok := encodeMySQLOK(mysqlAutocommit)
	if f.upstream != nil {
		var err error
		if ok, err = f.upstream.logIn(f.response); err != nil {
			f.packets.write(upstreamMySQLError(err).encode())
			return false
		}
	}
	return f.packets.write(ok) == nil
}

// refusalError is what the client reads. An instance says the same whatever the
// reason; a proxy says that it wants TLS.
func (f *mysqlFront) refusalError(refusal *Refusal) mysqlError {
	host := f.conn.clientHost()
	if kind := f.server.endpointOf(f.attempt).Kind(); kind == rdsiam.KindProxy || kind == rdsiam.KindProxyEndpoint {
		if refusal.Reason == ReasonPlaintext {
			return mysqlError{3159, "HY000", "This RDS Proxy requires TLS connections."}
		}
		host = "%"
	}
	return accessDeniedMySQL(f.attempt.user, host)
}

func accessDeniedMySQL(user, host string) mysqlError {
	return mysqlError{1045, "28000", "Access denied for user '" + user + "'@'" + host + "' (using password: YES)"}
}

// refuseChangeUser ends a session whose client asks for another account: one
// that was checked for one account must not become another's.
func (f *mysqlFront) refuseChangeUser(command []byte) {
	fields := mysqlFields{rest: command[1:]}
	again := f.attempt
	again.user, again.token = fields.terminated(), ""
	f.server.record(f.server.newLogIn(again, verified{}, &Refusal{
		Reason: ReasonChangeUser,
		Detail: "the session of " + f.attempt.user + " stays what it is; open a new connection",
	}))
	f.packets.sequence = 1
	f.packets.write(accessDeniedMySQL(again.user, f.conn.clientHost()).encode())
}

// stream is what the logged-in client is read from and written to.
func (f *mysqlFront) stream() net.Conn { return f.packets.stream.(net.Conn) }
