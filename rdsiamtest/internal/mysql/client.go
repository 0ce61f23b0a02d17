// Package mysql answers the statements of MySQL clients that are logged in.
package mysql

import (
	"time"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// Version is what version() returns, and the greeting has.
const Version = "8.4.6-rdsiamtest"

// Capabilities are what sessions can do, for the greeting.
const Capabilities = mysqlwire.ClientLongPassword | mysqlwire.ClientFoundRows | mysqlwire.ClientLongFlag |
	mysqlwire.ClientConnectWithDB | mysqlwire.ClientODBC | mysqlwire.ClientIgnoreSpace | mysqlwire.ClientProtocol41 |
	mysqlwire.ClientInteractive | mysqlwire.ClientIgnoreSIGPIPE | mysqlwire.ClientTransactions |
	mysqlwire.ClientSecureConnection | mysqlwire.ClientMultiResults | mysqlwire.ClientPSMultiResults |
	mysqlwire.ClientPluginAuth | mysqlwire.ClientConnectAttributes | mysqlwire.ClientLongAnswer | mysqlwire.ClientDeprecateEOF

// Server is what a session asks the server that it is on.
type Server interface {
	// ReadOnly reports whether the server takes no writes now.
	ReadOnly() bool
	// DelayStatement waits before a command is answered. An error ends the session.
	DelayStatement() (canceled bool, err error)
	// SetWriteDeadline is that of the connection.
	SetWriteDeadline(t time.Time) error
}

// Client is a client that is logged in.
type Client struct {
	Server       Server
	Packets      *mysqlwire.Packets
	Capabilities mysqlwire.Capabilities // that client and server agreed on
	ConnectionID uint32                 // of the greeting
	User, Host   string
	Database     string
}
