package rdsiamtest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

const (
	postgresSSLRequest    = 80877103
	postgresGSSEncRequest = 80877104
	tlsHandshakeRecord    = 0x16 // first byte of sslnegotiation=direct
	postgresALPN          = "postgresql"
)

// negotiate reads up to the start-up message and sets the stream that it is
// read from. It reads no byte too many: what a client sends in clear behind its
// request for TLS must not be taken for a message that came through TLS.
func (f *postgresFront) negotiate(ctx context.Context) error {
	f.stream = f.client
	head := make([]byte, 8)
	if _, err := io.ReadFull(f.client, head[:1]); err != nil {
		return err
	}
	if head[0] == tlsHandshakeRecord {
		if err := f.client.wait(handshaking); err != nil {
			return err
		}
		return f.startTLS(ctx, head[:1])
	}
	if _, err := io.ReadFull(f.client, head[1:]); err != nil {
		return err
	}
	// A client may ask once for each kind of encryption.
	for range 2 {
		if binary.BigEndian.Uint32(head) != 8 {
			break
		}
		answer := byte('N')
		switch binary.BigEndian.Uint32(head[4:]) {
		case postgresGSSEncRequest:
		case postgresSSLRequest:
			// Not between the answer and the handshake: pgx makes that inside a write
			// and by then waits for a mutex, which stops the clock of testing/synctest.
			if err := f.client.wait(handshaking); err != nil {
				return err
			}
			if f.client.tlsMode != TLSUnavailable {
				answer = 'S'
			}
		default:
			return errors.New("unknown request")
		}
		if _, err := f.client.Write([]byte{answer}); err != nil {
			return err
		}
		if answer == 'S' {
			return f.startTLS(ctx, nil)
		}
		if _, err := io.ReadFull(f.client, head); err != nil {
			return err
		}
	}
	f.stream = &replayConn{Conn: f.client, head: head}
	return nil
}

// startTLS makes the handshake; head is what was already read of it.
func (f *postgresFront) startTLS(ctx context.Context, head []byte) error {
	if f.client.tlsMode == TLSUnavailable {
		return errors.New("the server has no TLS")
	}
	config := f.serverTLS(f.client.tlsMode)
	config.NextProtos = []string{postgresALPN}
	conn := tls.Server(&replayConn{Conn: f.client, head: head}, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	state := conn.ConnectionState()
	if head != nil && state.NegotiatedProtocol != postgresALPN {
		return errors.New("direct TLS without ALPN")
	}
	f.stream = conn
	f.request.tls, f.request.serverName = true, state.ServerName
	return nil
}

// replayConn gives bytes that were read from a connection once more.
type replayConn struct {
	net.Conn
	head []byte
}

func (c *replayConn) Read(b []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.head)
	c.head = c.head[n:]
	return n, nil
}
