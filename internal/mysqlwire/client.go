package mysqlwire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Client is the client's end of a connection, up to the end of its login.
type Client struct {
	Greeting Greeting // of the server

	conn         net.Conn
	packets      *Packets
	confidential bool // nobody can listen: a password may be sent in clear
}

// NewClient reads the greeting from the server at the other end of conn. The
// error of a server that greets with one is an [Error].
func NewClient(conn net.Conn) (*Client, error) {
	_, local := conn.(*net.UnixConn)
	c := &Client{conn: conn, packets: &Packets{Stream: conn, Limit: logInLimit}, confidential: local}
	payload, err := c.packets.Read()
	if err != nil {
		return nil, err
	}
	if len(payload) > 0 && payload[0] == PacketError {
		return nil, ParseError(payload)
	}
	c.Greeting, err = ParseGreeting(payload)
	return c, err
}

// Conn returns the connection, after Login with TLS if that was asked for.
func (c *Client) Conn() net.Conn { return c.conn }

// Account is what a [Client] logs in with.
type Account struct {
	Password string

	// Token says that Password is a token. It is sent only to a server that asks
	// for it in clear, only through TLS, and nothing is ever computed from it.
	Token bool

	// TLS is nil for a login without. An empty ServerName is an error of
	// crypto/tls.
	TLS *tls.Config
}

// Login logs in as the user of response and to its database, with the
// capabilities of response as far as the server has them, so that the server
// sends results as the one who made response reads them. Its plugin, its answer
// and TLS are Login's own matter. It returns the server's OK packet. The error of
// a server that refuses is an [Error].
func (c *Client) LogIn(response Response, account Account) (ok []byte, err error) {
	if account.Token && account.TLS == nil {
		return nil, errors.New("a token must not travel without TLS: set Account.TLS")
	}
	response.Capabilities &= c.Greeting.Capabilities &^ (ClientSSL | ClientConnectWithDB)
	response.Capabilities |= needed
	if response.Database != "" {
		response.Capabilities |= ClientConnectWithDB
	}
	if account.TLS != nil {
		response.Capabilities |= ClientSSL
		if err := c.startTLS(response, account.TLS); err != nil {
			return nil, err
		}
	}
	response.Plugin, response.Answer = c.firstAnswer(account)
	if err := c.packets.Write(response.Encode()); err != nil {
		return nil, err
	}
	conversation := conversation{Client: c, account: account, plugin: response.Plugin}
	return conversation.finish()
}

// Exec runs a statement that returns no rows, between LogIn and the handing over of the
// connection. The error of a server that refuses is an [Error].
func (c *Client) Exec(statement string) error {
	c.packets.Sequence = 0
	if err := c.packets.Write(append([]byte{commandQuery}, statement...)); err != nil {
		return err
	}
	payload, err := c.packets.Read()
	switch {
	case err != nil:
		return err
	case len(payload) > 0 && payload[0] == PacketError:
		return ParseError(payload)
	case len(payload) == 0 || payload[0] != PacketOK:
		return ErrMalformed
	}
	return nil
}

const commandQuery = 0x03

func (c *Client) startTLS(response Response, config *tls.Config) error {
	if !c.Greeting.Capabilities.Has(ClientSSL) {
		return errors.New("the server offers no TLS")
	}
	if err := c.packets.Write(response.EncodeSSLRequest()); err != nil {
		return err
	}
	encrypted := tls.Client(c.conn, config)
	if err := encrypted.Handshake(); err != nil {
		return err
	}
	c.conn, c.packets.Stream, c.confidential = encrypted, encrypted, true
	return nil
}

// firstAnswer is what goes with the response. A password in clear is not: it is
// sent when the server asks for it.
func (c *Client) firstAnswer(account Account) (plugin string, answer []byte) {
	switch plugin = c.Greeting.Plugin; {
	case account.Token:
		return plugin, nil
	case plugin == NativePassword:
		return plugin, nativeAnswer(account.Password, c.Greeting.Scramble)
	case plugin == CachingSHA2:
		return plugin, cachingSHA2Answer(account.Password, c.Greeting.Scramble)
	default:
		// The server may still ask for a plugin that is known here.
		return NativePassword, nil
	}
}

// PluginError is the error of a login at a server that asks for what the account
// does not have.
type PluginError struct {
	Plugin string // what the server asks for
	Advice string
}

func (e *PluginError) Error() string {
	return fmt.Sprintf("the server asks for the authentication plugin %q: %s", e.Plugin, e.Advice)
}
