package rdsiamtest

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/postgresql"
)

const (
	// A real server drops a longer answer to an authentication request
	// (PG_MAX_AUTH_TOKEN_LENGTH).
	postgresMaxPassword = 65535
	// postgresLoginTimeout is the default of authentication_timeout.
	postgresLoginTimeout = time.Minute

	// postgresFarewell bounds the sending of the reason to a client that may not
	// be reading.
	postgresFarewell = 5 * time.Second
)

// postgresFront is the server's side of one PostgreSQL connection, up to where
// its client is logged in. The protocol is described in the PostgreSQL manual,
// "Frontend/Backend Protocol".
type postgresFront struct {
	*Server
	client  *clientConn
	stream  net.Conn // client, or TLS on it
	backend *pgproto3.Backend
	request loginRequest
	startup map[string]string // parameters of the start-up message
}

func (s *Server) servePostgreSQL(ctx context.Context, conn *clientConn) {
	f := &postgresFront{Server: s, client: conn, request: loginRequest{dialed: conn.dialed}}
	if conn.begin(postgresLoginTimeout) != nil {
		return
	}
	if err := f.negotiate(ctx); err != nil {
		return
	}
	defer f.stream.Close()
	f.backend = pgproto3.NewBackend(pgrelay.StartupMessages(f.stream), f.stream)
	f.backend.SetMaxBodyLen(postgresMaxPassword)
	message, err := f.backend.ReceiveStartupMessage()
	if err != nil {
		f.refuse("08P01", "invalid startup packet")
		return
	}
	switch message := message.(type) {
	case *pgproto3.CancelRequest:
		s.sessions.Cancel(ctx, message)
	case *pgproto3.StartupMessage:
		f.negotiateProtocol(message)
		f.serve(ctx)
	}
}

// negotiateProtocol takes what the client wants and tells it what it can't have:
// the server speaks version 3.0 without extensions, as PostgreSQL before 18 does.
func (f *postgresFront) negotiateProtocol(message *pgproto3.StartupMessage) {
	var extensions []string
	for name := range message.Parameters {
		if strings.HasPrefix(name, "_pq_.") {
			extensions = append(extensions, name)
			delete(message.Parameters, name)
		}
	}
	f.startup = message.Parameters
	if message.ProtocolVersion > pgproto3.ProtocolVersion30 || len(extensions) > 0 {
		f.backend.Send(&pgproto3.NegotiateProtocolVersion{
			NewestMinorProtocol: pgproto3.ProtocolVersion30, // major and minor, as servers send it
			UnrecognizedOptions: extensions,
		})
	}
}

func (f *postgresFront) serve(ctx context.Context) {
	f.request.user = f.startup["user"]
	f.request.database = f.startup["database"]
	if f.request.user == "" {
		f.refuse("28000", "no PostgreSQL user name specified in startup packet")
		return
	}
	if f.request.database == "" {
		f.request.database = f.request.user
	}
	if _, refused := postgresql.ParseReplication(f.startup["replication"]); refused != nil {
		f.refuse(refused.Code, refused.Message)
		return
	}
	if !f.authenticate() {
		return
	}
	f.request.token = "" // not kept for as long as the session
	f.client.beginSession()
	if f.upstream != nil {
		f.splice(ctx)
		return
	}
	f.answer()
}

// answer serves the session without an upstream.
func (f *postgresFront) answer() {
	session, refused := postgresql.NewSession(postgresql.Client{
		Server:   f.client,
		Backend:  f.backend,
		User:     f.request.user,
		Database: f.request.database,
		Startup:  f.startup,
	})
	if refused != nil {
		f.refuse(refused.Code, refused.Message)
		return
	}
	key := f.sessions.Add(func(context.Context) { f.client.cancelStatement() })
	defer f.sessions.Remove(key)
	if f.welcome(session.Parameters(), key) != nil {
		return
	}
	if refused = session.Serve(); refused != nil {
		f.refuse(refused.Code, refused.Message)
	}
}

// refuse ends the login with an error.
func (f *postgresFront) refuse(code, message string) { f.refuseWithHint(code, message, "") }

func (f *postgresFront) refuseWithHint(code, message, hint string) {
	f.backend.Send(&pgproto3.ErrorResponse{
		Severity:            "FATAL",
		SeverityUnlocalized: "FATAL",
		Code:                code,
		Message:             message,
		Hint:                hint,
	})
	f.backend.Flush() // the connection ends either way
}

// welcome ends the login with success.
func (f *postgresFront) welcome(parameters map[string]string, key *pgproto3.BackendKeyData) error {
	f.backend.Send(&pgproto3.AuthenticationOk{})
	for name, value := range parameters {
		f.backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	f.backend.Send(key)
	f.backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return f.backend.Flush()
}
