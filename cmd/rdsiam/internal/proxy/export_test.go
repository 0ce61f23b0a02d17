package proxy

import (
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// Traffic lets tests follow a session without one.
type Traffic struct{ traffic }

func NewPostgreSQLTraffic() Traffic { return Traffic{newPostgresTraffic()} }

func NewMySQLTraffic(agreed mysqlwire.Capabilities) Traffic {
	return NewMySQLTrafficWith(agreed, 0, 0)
}

// NewMySQLTrafficWith knows a session, by the id that its client has and that of the server.
func NewMySQLTrafficWith(agreed mysqlwire.Capabilities, client, server uint32) Traffic {
	ids := newMySQLIDs()
	ids.add(client, server)
	return Traffic{newMySQLTraffic(agreed, &ids)}
}

func (t Traffic) FromClient(b []byte) (int, error) { return t.fromClient(b) }
func (t Traffic) FromServer(b []byte)              { t.fromServer(b) }
func (t Traffic) Idle() bool                       { return t.idle() }

// ReadStartup returns the parameters of a start-up message.
func ReadStartup(client io.ReadWriter) (parameters map[string]string, cancel bool, negotiated bool, err error) {
	s, err := readStartup(client)
	return s.parameters, s.cancel != nil, s.unknown != nil, err
}

// Admitted returns how many clients count as logged in.
func (s *Server) Admitted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitted
}

// SetMaxStrangers replaces the budget of clients that have not proved themselves.
func (s *Server) SetMaxStrangers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxStrangers = n
}

// DialBy has logins at the database use dial.
func (p *PostgreSQL) DialBy(dial pgconn.DialFunc) { p.config.DialFunc = dial }
func (m *MySQL) DialBy(dial pgconn.DialFunc)      { m.dialBy = dial }

// Session lets tests relay between two ends that they hold.
type Session struct{ *session }

func NewSession(client, server net.Conn, traffic Traffic) Session {
	return Session{&session{client: client, server: server, traffic: traffic.traffic, end: func() {}}}
}

func (s Session) Relay() error {
	return s.relay(new(buffers), &newCounters(rdsiam.Endpoint{}, 0).moved)
}
func (s Session) Drain() { s.drain() }

// Masked is what becomes of an error of a MySQL server.
var Masked = masked
