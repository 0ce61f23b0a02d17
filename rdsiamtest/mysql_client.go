package rdsiamtest

import (
	"time"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlVersion is what version() returns.
const mysqlVersion = "8.4.6-rdsiamtest"

// mysqlCapabilities are what a session can do.
const mysqlCapabilities = mysqlwire.ClientLongPassword | mysqlwire.ClientFoundRows | mysqlwire.ClientLongFlag |
	mysqlwire.ClientConnectWithDB | mysqlwire.ClientODBC | mysqlwire.ClientIgnoreSpace | mysqlwire.ClientProtocol41 |
	mysqlwire.ClientInteractive | mysqlwire.ClientIgnoreSIGPIPE | mysqlwire.ClientTransactions |
	mysqlwire.ClientSecureConnection | mysqlwire.ClientMultiResults | mysqlwire.ClientPSMultiResults |
	mysqlwire.ClientPluginAuth | mysqlwire.ClientConnectAttributes | mysqlwire.ClientLongAnswer | mysqlwire.ClientDeprecateEOF

// mysqlServer is what a session asks its server.
type mysqlServer interface {
	// ReadOnly reports whether the server takes no writes now.
	ReadOnly() bool
	// DelayStatement waits before a command is answered. An error ends the session.
	DelayStatement() (canceled bool, err error)
	// SetWriteDeadline is that of the connection.
	SetWriteDeadline(t time.Time) error
}

// mysqlClient is a client that is logged in.
type mysqlClient struct {
	Server       mysqlServer
	Packets      *mysqlwire.Packets
	Capabilities mysqlwire.Capabilities // that client and server agreed on
	ConnectionID uint32                 // of the greeting
	User, Host   string
	Database     string
}
