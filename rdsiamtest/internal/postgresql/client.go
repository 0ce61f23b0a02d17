// Package postgresql answers the statements of PostgreSQL clients that are logged in.
package postgresql

import "github.com/jackc/pgx/v5/pgproto3"

const (
	// maxMessage is more than any statement that a session answers has, and any row.
	maxMessage = 16 << 20
	// maxUnsent is how many bytes of answers wait for the client's Sync.
	maxUnsent = 64 << 10
)

// Server is what a session asks the server that it is on.
type Server interface {
	// ReadOnly reports whether the server takes no writes now, as a hot standby.
	ReadOnly() bool
	// DelayStatement waits before a message is answered, and reports whether the client
	// canceled it meanwhile. An error ends the session.
	DelayStatement() (canceled bool, err error)
}

// Client is a client that is logged in.
type Client struct {
	Server   Server
	Backend  *pgproto3.Backend
	User     string
	Database string
	Startup  map[string]string // parameters of the start-up message
}
