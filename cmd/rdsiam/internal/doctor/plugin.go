package doctor

import (
	"context"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// plugin is how an account of MySQL logs in, as far as the server lets on.
type plugin uint8

const (
	pluginUnknown plugin = iota

	// pluginIAM: the server takes a password in clear, as AWSAuthenticationPlugin does. That
	// there is such an account it does not say: for a name that it does not know, it does as
	// for one that it has.
	pluginIAM

	pluginOther // it asks for something else, as for accounts that do not exist
)

// askPlugin begins a login once more, to see what the server asks for, which neither its
// refusal nor the driver tells. The client says that it has a password in clear, and sends
// an empty one: a server whose account has another plugin asks for that.
func (c *chart) askPlugin(ctx context.Context) plugin {
	config, err := c.endpoint.TLSConfig(nil)
	if err != nil {
		return pluginUnknown
	}
	conn, err := c.openTLS(ctx, config)
	if err != nil {
		return pluginUnknown
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	response := newMySQLResponse()
	response.User, response.Plugin, response.Answer = c.User, mysqlwire.ClearPassword, []byte{0}
	packets := mysqlwire.Packets{Stream: conn, Sequence: 2, Limit: 1 << 16} // after greeting and SSLRequest
	if err := packets.Write(response.Encode()); err != nil {
		return pluginUnknown
	}
	answer, err := packets.Read()
	if err != nil || len(answer) == 0 {
		return pluginUnknown
	}
	switch answer[0] {
	case mysqlwire.PacketError:
		return pluginIAM
	case mysqlwire.PacketAuthSwitch:
		fields := mysqlwire.Fields{Rest: answer[1:]}
		if fields.Terminated() == mysqlwire.ClearPassword {
			return pluginIAM
		}
		return pluginOther
	}
	return pluginUnknown
}

// newMySQLResponse is a client's first packet with what every server has.
func newMySQLResponse() mysqlwire.Response {
	const maxPacket, utf8mb4 = 1 << 24, 45
	return mysqlwire.Response{
		Capabilities: mysqlwire.ClientProtocol41 | mysqlwire.ClientSSL | mysqlwire.ClientSecureConnection | mysqlwire.ClientPluginAuth,
		MaxPacket:    maxPacket,
		Collation:    utf8mb4,
	}
}
