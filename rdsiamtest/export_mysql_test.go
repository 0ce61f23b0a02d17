package rdsiamtest

import (
	"io"
	"net"
)

const MySQLLogInLimit = mysqlLogInLimit

// MySQLPackets are the framing of the server's end.
type MySQLPackets struct{ packets mysqlPackets }

func NewMySQLPackets(stream io.ReadWriter, limit int) *MySQLPackets {
	return &MySQLPackets{mysqlPackets{stream: stream, limit: limit}}
}

func (p *MySQLPackets) Read() ([]byte, error) { return p.packets.read() }

func (p *MySQLPackets) Write(payload []byte) error { return p.packets.write(payload) }

func (p *MySQLPackets) Sequence() byte { return p.packets.sequence }

func (p *MySQLPackets) Restart() { p.packets.sequence = 0 }

// ServeMySQLSession serves conn as if user had logged in on it.
func (s *Server) ServeMySQLSession(conn net.Conn, user string) {
	client := &clientConn{Conn: conn}
	f := &mysqlFront{server: s, conn: client, packets: &mysqlPackets{stream: conn}, attempt: attempt{user: user}}
	f.session().serve()
	conn.Close()
}

// RelayMySQLCommands is what stands between a client and the upstream.
func RelayMySQLCommands(upstream io.Writer, client io.Reader) (changeUser []byte) {
	return relayMySQLCommands(upstream, client)
}
