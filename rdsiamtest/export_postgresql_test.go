package rdsiamtest

import (
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// MemoryPipe is what WithInMemory connects with.
var MemoryPipe = memoryPipe

// ServePostgreSQLBytes feeds input to one stage of the front, without the TLS
// that would keep a fuzzer out: 0 the start-up, 1 the request for a token, 2 the
// request for SCRAM, 3 a session. It returns when the front has ended, which it
// must when its client has.
func (s *Server) ServePostgreSQLBytes(t *testing.T, stage uint8, input []byte) {
	client, ours := memoryPipe("fuzz")
	deadline := time.Now().Add(10 * time.Second)
	client.SetDeadline(deadline)
	conn := s.newClientConn(ours)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer conn.Close()
		serveStage(s, conn, stage)
	}()
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(io.Discard, client)
	}()
	client.Write(input)
	client.Close()
	<-read
	<-ended
	if time.Now().After(deadline) {
		t.Error("the front neither read nor ended")
	}
}

func serveStage(server *Server, conn *clientConn, stage uint8) {
	if stage == 0 {
		server.servePostgreSQL(server.ctx, conn)
		return
	}
	f := &postgresFront{
		Server: server, client: conn, stream: conn, backend: pgproto3.NewBackend(conn, conn),
		request: loginRequest{user: "app", database: "app", tls: true},
	}
	f.backend.SetMaxBodyLen(postgresMaxPassword)
	switch stage {
	case 1:
		f.authenticate()
	case 2:
		f.request.user = "old"
		f.authenticate()
	case 3:
		f.answer()
	}
}
