package rdsiamtest

import "github.com/jackc/pgx/v5/pgproto3"

// postgresMaxMessage is more than any statement that a session answers has.
const postgresMaxMessage = 16 << 20

// postgresServer is what a session asks its server.
type postgresServer interface {
	// ReadOnly reports whether the server takes no writes now, as a hot standby.
	ReadOnly() bool
	// DelayStatement waits before a message is answered, and reports whether the client
	// canceled it meanwhile. An error ends the session.
	DelayStatement() (canceled bool, err error)
}

// postgresClient is a client that is logged in.
type postgresClient struct {
	Server   postgresServer
	Backend  *pgproto3.Backend
	User     string
	Database string
	Startup  map[string]string // parameters of the start-up message
}
