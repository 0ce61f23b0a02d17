package mysqlwire

import (
	"errors"
	"fmt"
)

// The server's part of caching_sha2_password:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
const (
	publicKeyRequest = 0x02
	fastAuthOK       = 0x03
	fullAuth         = 0x04
)

// conversation is what a client is asked between its response and the end of its
// login.
type conversation struct {
	*Client
	account   Account
	plugin    string
	tokenSent bool
}

// finish does what the server asks for until it accepts or refuses.
func (c *conversation) finish() (ok []byte, err error) {
	for {
		payload, err := c.packets.Read()
		if err != nil {
			return nil, err
		}
		if len(payload) == 0 {
			return nil, ErrMalformed
		}
		switch payload[0] {
		case PacketOK:
			return payload, c.checkAccepted()
		case PacketError:
			return nil, ParseError(payload)
		case PacketAuthSwitch:
			err = c.switchPlugin(payload)
		case PacketMoreData:
			err = c.continuePlugin(payload[1:])
		default:
			err = ErrMalformed
		}
		if err != nil {
			return nil, err
		}
	}
}

// checkAccepted refuses a session that nobody was asked a token for: an account
// without a password, or another server.
func (c *conversation) checkAccepted() error {
	if c.account.Token && !c.tokenSent {
		return errors.New("the server let the account in without asking for its token: " +
			"it has no password, and does not log in with AWSAuthenticationPlugin")
	}
	return nil
}

func (c *conversation) switchPlugin(payload []byte) error {
	f := Fields{Rest: payload[1:]}
	c.plugin = f.Terminated()
	if f.Malformed {
		return fmt.Errorf("%w: the server asks for a password as MySQL 4.0 did", ErrMalformed)
	}
	if len(f.Rest) >= scrambleSize {
		c.Greeting.Scramble = f.Bytes(scrambleSize)
	}
	answer, err := c.answer()
	if err != nil {
		return err
	}
	return c.packets.Write(answer)
}

// answer is what the plugin sends first.
func (c *conversation) answer() ([]byte, error) {
	switch {
	case c.plugin == ClearPassword && !c.confidential:
		return nil, &PluginError{c.plugin, "a password in clear needs TLS"}
	case c.plugin == ClearPassword:
		c.tokenSent = c.account.Token
		return append([]byte(c.account.Password), 0), nil
	case c.account.Token:
		return nil, &PluginError{c.plugin, "the account does not log in with AWSAuthenticationPlugin, which asks for " + ClearPassword}
	case c.plugin == NativePassword:
		return nativeAnswer(c.account.Password, c.Greeting.Scramble), nil
	case c.plugin == CachingSHA2:
		return cachingSHA2Answer(c.account.Password, c.Greeting.Scramble), nil
	default:
		return nil, &PluginError{c.plugin, "give an account with " + NativePassword + " or " + CachingSHA2}
	}
}

// continuePlugin goes on with caching_sha2_password, the only plugin here that
// has more than one step.
func (c *conversation) continuePlugin(data []byte) error {
	switch {
	case c.account.Token || c.plugin != CachingSHA2 || len(data) != 1:
		return ErrMalformed
	case data[0] == fastAuthOK:
		return nil
	case data[0] != fullAuth:
		return ErrMalformed
	case c.confidential:
		return c.packets.Write(append([]byte(c.account.Password), 0))
	default:
		return c.sendEncryptedPassword()
	}
}

func (c *conversation) sendEncryptedPassword() error {
	if err := c.packets.Write([]byte{publicKeyRequest}); err != nil {
		return err
	}
	key, err := c.packets.Read()
	if err != nil {
		return err
	}
	if len(key) == 0 || key[0] != PacketMoreData {
		return ErrMalformed
	}
	hidden, err := encryptPassword(c.account.Password, c.Greeting.Scramble, key[1:])
	if err != nil {
		return err
	}
	return c.packets.Write(hidden)
}
