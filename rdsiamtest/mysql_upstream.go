package rdsiamtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// mysqlUnsplicedCapabilities are those of an upstream that its clients are not
// offered: the first two would hide packets from the front, TLS is the front's
// own, and the log-in has one factor.
const mysqlUnsplicedCapabilities = mysqlCompress | mysqlZstd | mysqlSSL | mysqlMultiFactor

// The server's part of caching_sha2_password:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
const (
	mysqlPublicKeyRequest = 0x02
	mysqlFastAuthOK       = 0x03
	mysqlFullAuth         = 0x04
)

// mysqlUpstream is a connection to the real server that a session is handed to.
type mysqlUpstream struct {
	settings     Upstream
	conn         net.Conn
	packets      *mysqlPackets
	greeting     mysqlGreeting
	confidential bool // a password may be sent in clear
	unwatch      func() bool
}

// dialMySQLUpstream connects and reads the greeting. The connection is closed
// when ctx ends.
func dialMySQLUpstream(ctx context.Context, settings Upstream) (*mysqlUpstream, error) {
	dialer := net.Dialer{Timeout: mysqlLogInTimeout}
	conn, err := dialer.DialContext(ctx, settings.Network, settings.Address)
	if err != nil {
		return nil, err
	}
	u := &mysqlUpstream{
		settings:     settings,
		conn:         conn,
		packets:      &mysqlPackets{stream: conn, limit: mysqlLogInLimit},
		confidential: settings.Network == "unix",
		unwatch:      context.AfterFunc(ctx, func() { conn.Close() }),
	}
	conn.SetDeadline(time.Now().Add(2 * mysqlLogInTimeout))
	if err := u.readGreeting(); err != nil {
		u.close()
		return nil, err
	}
	return u, nil
}

func (u *mysqlUpstream) close() {
	u.unwatch()
	u.conn.Close()
}

func (u *mysqlUpstream) readGreeting() error {
	payload, err := u.packets.read()
	if err != nil {
		return err
	}
	if len(payload) > 0 && payload[0] == mysqlERR {
		return parseMySQLError(payload)
	}
	u.greeting, err = parseMySQLGreeting(payload)
	return err
}

// logIn logs in with the capabilities that the client has, so that the upstream
// sends results as the client reads them. It returns the upstream's OK.
func (u *mysqlUpstream) logIn(client mysqlResponse) ([]byte, error) {
	own := client
	if u.settings.User != "" {
		own.user = u.settings.User
	}
	if u.settings.Database != "" {
		own.database = u.settings.Database
	}
	own.capabilities &^= mysqlSSL | mysqlConnectWithDB
	own.capabilities |= mysqlProtocol41 | mysqlSecureConnection | mysqlPluginAuth
	if own.database != "" {
		own.capabilities |= mysqlConnectWithDB
	}
	if u.settings.TLS != nil {
		own.capabilities |= mysqlSSL
		if err := u.startTLS(own); err != nil {
			return nil, err
		}
	}
	own.plugin = u.greeting.plugin
	var err error
	if own.answer, err = u.answer(own.plugin); err != nil {
		// The server may still ask for a plugin that is known here.
		own.plugin, own.answer = mysqlNativePassword, nil
	}
	if err := u.packets.write(own.encode()); err != nil {
		return nil, err
	}
	ok, err := u.finishLogIn(own.plugin)
	if err != nil {
		return nil, err
	}
	return ok, u.conn.SetDeadline(time.Time{})
}

func (u *mysqlUpstream) startTLS(response mysqlResponse) error {
	if !u.greeting.capabilities.has(mysqlSSL) {
		return errors.New("it offers no TLS, which Upstream.TLS asks for")
	}
	if err := u.packets.write(response.encodeSSLRequest()); err != nil {
		return err
	}
	config := u.settings.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(u.settings.Address)
	}
	encrypted := tls.Client(u.conn, config)
	if err := encrypted.Handshake(); err != nil {
		return err
	}
	u.conn, u.packets.stream, u.confidential = encrypted, encrypted, true
	return nil
}

// answer is what a plugin sends first.
func (u *mysqlUpstream) answer(plugin string) ([]byte, error) {
	switch plugin {
	case mysqlNativePassword:
		return mysqlNativeAnswer(u.settings.Password, u.greeting.scramble), nil
	case mysqlCachingSHA2:
		return mysqlCachingSHA2Answer(u.settings.Password, u.greeting.scramble), nil
	case mysqlClearPassword:
		if !u.confidential {
			return nil, errors.New("it asks for the password in clear: set Upstream.TLS")
		}
		return append([]byte(u.settings.Password), 0), nil
	}
	return nil, fmt.Errorf("it asks for the authentication plugin %q: give an account with %s or %s", plugin, mysqlNativePassword, mysqlCachingSHA2)
}

// finishLogIn does what the server asks for until it accepts or refuses.
func (u *mysqlUpstream) finishLogIn(plugin string) ([]byte, error) {
	for {
		payload, err := u.packets.read()
		if err != nil {
			return nil, err
		}
		if len(payload) == 0 {
			return nil, errMySQLMalformed
		}
		switch payload[0] {
		case mysqlOK:
			return payload, nil
		case mysqlERR:
			return nil, parseMySQLError(payload)
		case mysqlAuthSwitch:
			plugin, err = u.switchPlugin(payload)
		case mysqlMoreData:
			err = u.continuePlugin(plugin, payload[1:])
		default:
			err = errMySQLMalformed
		}
		if err != nil {
			return nil, err
		}
	}
}

func (u *mysqlUpstream) switchPlugin(payload []byte) (string, error) {
	f := mysqlFields{rest: payload[1:]}
	plugin := f.terminated()
	if f.malformed {
		return "", fmt.Errorf("%w: it asks for a password as MySQL 4.0 did", errMySQLMalformed)
	}
	if len(f.rest) >= mysqlScrambleSize {
		u.greeting.scramble = f.bytes(mysqlScrambleSize)
	}
	answer, err := u.answer(plugin)
	if err != nil {
		return "", err
	}
	return plugin, u.packets.write(answer)
}

func (u *mysqlUpstream) continuePlugin(plugin string, data []byte) error {
	if plugin != mysqlCachingSHA2 || len(data) != 1 {
		return errMySQLMalformed
	}
	switch {
	case data[0] == mysqlFastAuthOK:
		return nil
	case data[0] != mysqlFullAuth:
		return errMySQLMalformed
	case u.confidential:
		return u.packets.write(append([]byte(u.settings.Password), 0))
	}
	if err := u.packets.write([]byte{mysqlPublicKeyRequest}); err != nil {
		return err
	}
	key, err := u.packets.read()
	if err != nil {
		return err
	}
	if len(key) == 0 || key[0] != mysqlMoreData {
		return errMySQLMalformed
	}
	hidden, err := encryptMySQLPassword(u.settings.Password, u.greeting.scramble, key[1:])
	if err != nil {
		return err
	}
	return u.packets.write(hidden)
}

// upstreamMySQLError is what the client reads when its log-in was accepted here
// but the upstream can't be used. The upstream's own errors are passed on,
// except a refusal of the account: that would read as if the token were wrong.
func upstreamMySQLError(err error) mysqlError {
	var own mysqlError
	if errors.As(err, &own) && !strings.HasPrefix(own.sqlState, "28") {
		return own
	}
	return mysqlError{1429, "HY000", "Unable to connect to foreign data source: the upstream of rdsiamtest: " + err.Error()}
}
