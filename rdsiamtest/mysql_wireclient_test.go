package rdsiamtest_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Flags of the MySQL protocol, as its manual has them.
const (
	wireConnectWithDB = 1 << 3
	wireProtocol41    = 1 << 9
	wireSSL           = 1 << 11
	wireSecure        = 1 << 15
	wirePluginAuth    = 1 << 19
	wireDeprecateEOF  = 1 << 24
)

// wireClient speaks the protocol by hand, for what no driver sends.
type wireClient struct {
	t        *testing.T
	conn     net.Conn
	sequence byte
	greeting []byte
}

func dialWire(t *testing.T, server *rdsiamtest.Server) *wireClient {
	t.Helper()
	conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second)) // a reply that never comes fails the test
	c := &wireClient{t: t, conn: conn}
	t.Cleanup(func() { c.conn.Close() })
	c.greeting = c.receive()
	return c
}

func (c *wireClient) send(payload []byte) {
	c.t.Helper()
	n := len(payload)
	packet := append([]byte{byte(n), byte(n >> 8), byte(n >> 16), c.sequence}, payload...)
	c.sequence++
	if _, err := c.conn.Write(packet); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *wireClient) receive() []byte {
	c.t.Helper()
	payload, err := c.tryReceive()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return payload
}

func (c *wireClient) tryReceive() ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(c.conn, header[:]); err != nil {
		return nil, err
	}
	if header[3] != c.sequence {
		c.t.Errorf("got sequence number %d, want %d", header[3], c.sequence)
	}
	c.sequence = header[3] + 1
	payload := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	_, err := io.ReadFull(c.conn, payload)
	return payload, err
}

// command sends a command and returns the first packet of the reply.
func (c *wireClient) command(payload ...byte) []byte {
	c.t.Helper()
	c.sequence = 0
	c.send(payload)
	return c.receive()
}

func wireResponse(capabilities uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, capabilities)
	b = append(b, 0, 0, 0, 1, 45)
	return append(b, make([]byte, 23)...)
}

func (c *wireClient) startTLS(server *rdsiamtest.Server, capabilities uint32) {
	c.t.Helper()
	c.send(wireResponse(capabilities | wireSSL))
	host, _, _ := net.SplitHostPort(server.Endpoint())
	encrypted := tls.Client(c.conn, &tls.Config{RootCAs: server.RootCAs(), ServerName: host})
	if err := encrypted.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatalf("TLS handshake: %v", err)
	}
	c.conn = encrypted
}

// logInWire logs in as app with a token, with the capabilities given.
func logInWire(t *testing.T, server *rdsiamtest.Server, capabilities uint32) *wireClient {
	t.Helper()
	c := dialWire(t, server)
	capabilities |= wireProtocol41 | wireSecure | wirePluginAuth | wireSSL
	c.startTLS(server, capabilities)
	c.send(append(wireResponse(capabilities), "app\x00\x00mysql_native_password\x00"...))
	if request := c.receive(); string(request) != "\xfemysql_clear_password\x00" {
		t.Fatalf("got %q, want a switch to mysql_clear_password", request)
	}
	c.send(append([]byte(tokenFor(t, server, "app")), 0))
	if reply := c.receive(); reply[0] != 0 {
		t.Fatalf("got %q, want OK", reply)
	}
	return c
}

func wireError(payload []byte) (number int, text string) {
	if len(payload) < 9 || payload[0] != 0xff {
		return 0, ""
	}
	return int(payload[1]) | int(payload[2])<<8, string(payload[9:])
}
