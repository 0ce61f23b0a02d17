package mysqlwire

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"net"
)

// Server is the server's end of a connection whose client logs in.
type Server struct {
	Greeting Greeting             // what Greet sent
	Response Response             // what ReadResponse read
	TLS      *tls.ConnectionState // nil if the client came without
	Answered bool                 // the client showed that it has a password, or the password itself

	// Packets reads and writes what is between and after the steps. At the end of
	// a login its server writes an OK or an [Error].
	Packets *Packets

	conn net.Conn
}

// NewServer sends nothing yet.
func NewServer(conn net.Conn) *Server {
	return &Server{Packets: &Packets{Stream: conn, Limit: logInLimit}, conn: conn}
}

// Conn returns the connection, after ReadResponse with TLS if the client asked
// for that.
func (s *Server) Conn() net.Conn { return s.conn }

// Greet sends g with a new scramble. It offers TLS if g has [ClientSSL].
func (s *Server) Greet(g Greeting) error {
	g.Scramble = newScramble()
	s.Greeting = g
	return s.Packets.Write(g.Encode())
}

// ReadResponse reads the client's reply, through TLS with config if it was
// offered and the client asks for it. A client that can't be understood is told
// so.
func (s *Server) ReadResponse(ctx context.Context, config *tls.Config) error {
	err := s.readResponse(ctx, config)
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrPacketTooLong) {
		_ = s.Packets.Write(Error{Number: 1043, SQLState: "08S01", Text: "Bad handshake"}.Encode())
	}
	return err
}

func (s *Server) readResponse(ctx context.Context, config *tls.Config) error {
	payload, err := s.Packets.Read()
	if err != nil {
		return err
	}
	request, err := parseSSLRequest(&Fields{Rest: payload}, s.Greeting.Capabilities)
	if err != nil {
		return err
	}
	if request.Capabilities.Has(ClientSSL) {
		// Whatever else came in clear does not count.
		if payload, err = s.startTLS(ctx, config); err != nil {
			return err
		}
	}
	s.Response, err = ParseResponse(payload, s.Greeting.Capabilities)
	s.Answered = len(s.Response.Answer) > 0
	return err
}

// startTLS returns the response that follows the handshake.
func (s *Server) startTLS(ctx context.Context, config *tls.Config) ([]byte, error) {
	encrypted := tls.Server(s.conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := encrypted.ConnectionState()
	s.conn, s.Packets.Stream, s.TLS = encrypted, encrypted, &state
	return s.Packets.Read()
}

var errNoSwitch = errors.New("the client can't change its authentication plugin")

// Ask returns what a plugin of the client answers. If the client used another
// one, it is asked to switch.
func (s *Server) Ask(plugin string) ([]byte, error) {
	if s.Response.Plugin == plugin {
		return s.Response.Answer, nil
	}
	if !s.Response.Capabilities.Has(ClientPluginAuth) {
		return nil, errNoSwitch
	}
	request := AppendTerminated([]byte{PacketAuthSwitch}, plugin)
	if plugin != ClearPassword {
		request = AppendTerminated(request, string(s.Greeting.Scramble))
	}
	return s.converse(request)
}

func (s *Server) converse(request []byte) ([]byte, error) {
	if err := s.Packets.Write(request); err != nil {
		return nil, err
	}
	answer, err := s.Packets.Read()
	s.Answered = s.Answered || len(answer) > 0
	return answer, err
}

// CheckPassword asks for a password with the plugin that the greeting named,
// [NativePassword] or [CachingSHA2], and reports whether it is the one given. An
// empty one is nobody's. clear is what the client sent in clear, if it came to
// that.
func (s *Server) CheckPassword(password string) (ok bool, clear string, err error) {
	answer, err := s.Ask(s.Greeting.Plugin)
	if err != nil {
		return false, "", err
	}
	if s.Greeting.Plugin == NativePassword {
		return password != "" && equal(answer, nativeAnswer(password, s.Greeting.Scramble)), "", nil
	}
	if password != "" && equal(answer, cachingSHA2Answer(password, s.Greeting.Scramble)) {
		s.Packets.Queue([]byte{PacketMoreData, fastAuthOK})
		return true, "", nil
	}
	if ClearText(answer) == "" {
		return false, "", nil // an empty password is not asked for again
	}
	full, err := s.converse([]byte{PacketMoreData, fullAuth})
	clear = ClearText(full)
	return password != "" && equal([]byte(clear), []byte(password)), clear, err
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
