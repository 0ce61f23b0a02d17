package rdsiamtest

import (
	"net"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// ServeMySQLSession serves conn as if user had logged in on it.
func (s *Server) ServeMySQLSession(conn net.Conn, user string) {
	client := s.newClientConn(conn)
	f := &mysqlFront{server: s, conn: client, client: mysqlwire.NewServer(conn), request: loginRequest{user: user}}
	f.answer()
	conn.Close()
}
