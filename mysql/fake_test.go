package rdsmysql_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam"
)

const (
	testHost = "db.abc123.us-east-1.rds.amazonaws.com"
	testAddr = testHost + ":3306"

	testSignature    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	testSessionToken = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQ+Zx/8uF=="
)

// testToken has the shape and more than the 250 bytes of a real one.
var testToken = testAddr + "/?Action=connect&DBUser=app&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
	url.QueryEscape("ASIAEXAMPLE/20260101/us-east-1/rds-db/aws4_request") +
	"&X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-Security-Token=" + url.QueryEscape(testSessionToken) +
	"&X-Amz-SignedHeaders=host&X-Amz-Signature=" + testSignature

// countingSource gives testToken and counts how often it was asked.
type countingSource struct{ asked atomic.Int32 }

func (s *countingSource) Token(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	s.asked.Add(1)
	return tokenFor(login), nil
}

// tokenFor returns testToken, signed for login.
func tokenFor(login rdsiam.Login) rdsiam.Token {
	text := strings.Replace(testToken, "DBUser=app", "DBUser="+url.QueryEscape(login.User), 1)
	text = strings.Replace(text, "us-east-1", login.Endpoint.Region(), 1)
	return rdsiam.NewToken(login.Endpoint.String()+strings.TrimPrefix(text, testAddr), time.Now().Add(time.Hour))
}

// fakeServer is a MySQL server that does what its script says, so that it can
// misbehave in every way. Set the fields before the first dial.
type fakeServer struct {
	greeting    string                  // authentication plugin of the greeting, default mysql_native_password
	raw         []byte                  // bytes sent in place of the greeting
	noTLS       bool                    // offers no TLS
	certificate tls.Certificate         // default: for testHost
	authorize   func(session *fakeConn) // answers the client's handshake response
	command     func(session *fakeConn) // answers each command after the login

	roots    *x509.CertPool
	listener net.Listener
	logIns   atomic.Int32                        // handshake responses, each of which is one login
	seen     atomic.Pointer[tls.ConnectionState] // of the last handshake
	closed   atomic.Int32                        // connections with raw bytes that the client has closed
	wire     wire
	tb       testing.TB
	done     sync.WaitGroup
}

func startFake(tb testing.TB, change func(*fakeServer)) *fakeServer {
	tb.Helper()
	f := &fakeServer{greeting: "mysql_native_password", authorize: (*fakeConn).ok, command: (*fakeConn).ok, tb: tb}
	f.certificate, f.roots = issue(tb, testHost)
	if change != nil {
		change(f)
	}
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		tb.Fatal(err)
	}
	f.done.Go(f.accept)
	tb.Cleanup(f.stop)
	return f
}

// stop returns when every session has ended.
func (f *fakeServer) stop() {
	f.listener.Close()
	f.done.Wait()
}

// dialTCP is a DialFunc like dial that returns the plain connection.
func (f *fakeServer) dialTCP(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", f.listener.Addr().String())
}

// dial is a DialFunc that leads every address to the server and records all bytes.
func (f *fakeServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := f.dialTCP(ctx, "", "")
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: conn, wire: &f.wire}, nil
}

func (f *fakeServer) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.done.Go(func() {
			defer conn.Close()
			// A client that goes away must not leave the server waiting.
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			f.serve(&fakeConn{Conn: conn})
		})
	}
}

func (f *fakeServer) serve(c *fakeConn) {
	if f.raw != nil {
		_, _ = c.Write(f.raw)
		_, _ = io.Copy(io.Discard, c) // until the client closes
		f.closed.Add(1)
		return
	}
	c.send(greetingPacket(f.greeting, !f.noTLS))
	response := c.receive()
	if len(response) < 32 {
		return
	}
	if len(response) == 32 { // the request for TLS
		secured := tls.Server(c.Conn, &tls.Config{Certificates: []tls.Certificate{f.certificate}, ClientAuth: tls.RequestClientCert})
		if secured.Handshake() != nil {
			return
		}
		c.Conn = secured
		state := secured.ConnectionState()
		f.seen.Store(&state)
		response = c.receive()
	}
	if len(response) <= 32 {
		return
	}
	f.logIns.Add(1)
	_, rest, _ := bytes.Cut(response[32:], []byte{0})
	c.answer = lengthEncoded(rest)
	f.authorize(c)
	for {
		command := c.receive()
		if len(command) == 0 || command[0] == 1 { // COM_QUIT
			return
		}
		c.sequence = 1
		f.command(c)
	}
}

// fakeConn is one session on the server's side.
type fakeConn struct {
	net.Conn
	sequence byte
	answer   []byte // the last answer of the client's authentication plugin
}

func (c *fakeConn) send(payload []byte) {
	header := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	header[3] = c.sequence
	c.sequence++
	_, _ = c.Write(append(header, payload...))
}

func (c *fakeConn) receive() []byte {
	var header [4]byte
	if _, err := io.ReadFull(c, header[:]); err != nil {
		return nil
	}
	c.sequence = header[3] + 1
	payload := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	if _, err := io.ReadFull(c, payload); err != nil {
		return nil
	}
	return payload
}

func (c *fakeConn) ok() { c.send([]byte{0, 0, 0, 2, 0, 0, 0}) }

func (c *fakeConn) refuse(number uint16, state, message string) {
	c.send(append(binary.LittleEndian.AppendUint16([]byte{0xff}, number), "#"+state+message...))
}

// ask switches to another authentication plugin and takes the answer.
func (c *fakeConn) ask(plugin string, scrambleSize int) {
	c.send(append(append([]byte{0xfe}, plugin+"\x00"...), append(bytes.Repeat([]byte{'s'}, scrambleSize), 0)...))
	c.answer = c.receive()
}

func (c *fakeConn) more(data ...byte) { c.send(append([]byte{1}, data...)) }

// packet returns payload behind the header of a session's first packet.
func packet(payload ...byte) []byte {
	return append([]byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), 0}, payload...)
}

func greetingPacket(plugin string, withTLS bool) []byte {
	const protocol41, secureConnection, pluginAuth, lengthEncodedAnswer = 1 << 9, 1 << 15, 1 << 19, 1 << 21
	capabilities := uint32(1 | protocol41 | secureConnection | pluginAuth | lengthEncodedAnswer)
	if withTLS {
		capabilities |= 1 << 11
	}
	packet := append([]byte{10}, "8.0.0-fake\x00\x01\x00\x00\x00abcdefgh\x00"...)
	packet = binary.LittleEndian.AppendUint16(packet, uint16(capabilities))
	packet = append(packet, 45, 2, 0)
	packet = binary.LittleEndian.AppendUint16(packet, uint16(capabilities>>16))
	packet = append(packet, 21)
	packet = append(packet, make([]byte, 10)...)
	packet = append(packet, "ijklmnopqrst\x00"...)
	return append(packet, plugin+"\x00"...)
}

func lengthEncoded(b []byte) []byte {
	size, b := int(b[0]), b[1:]
	if size == 0xfc {
		size, b = int(binary.LittleEndian.Uint16(b)), b[2:]
	}
	return b[:size]
}

// wire is everything that crossed the network between a client and a server.
type wire struct {
	mu             sync.Mutex
	sent, received bytes.Buffer // as seen by the client
}

func (w *wire) clientSent() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.sent.Bytes())
}

// refuseSecrets fails the test on any part of testToken outside TLS.
func (w *wire) refuseSecrets(t *testing.T) {
	t.Helper()
	w.refuse(t, testToken, testSignature, testSessionToken)
}

// refuse fails the test on any of secrets outside TLS, as it is or percent-encoded.
func (w *wire) refuse(t *testing.T, secrets ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, secret := range secrets {
		if secret == "" {
			t.Fatal("an empty secret proves nothing")
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if bytes.Contains(w.sent.Bytes(), []byte(form)) || bytes.Contains(w.received.Bytes(), []byte(form)) {
				t.Errorf("the wire shows %.20q…", form)
			}
		}
	}
}

type recordedConn struct {
	net.Conn
	wire *wire
}

func (c *recordedConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	c.wire.sent.Write(b)
	c.wire.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *recordedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.mu.Lock()
	c.wire.received.Write(b[:n])
	c.wire.mu.Unlock()
	return n, err
}

// issue returns a self-signed certificate for host, and the pool that trusts it.
func issue(tb testing.TB, host string) (tls.Certificate, *x509.CertPool) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: host},
		DNSNames:              []string{host},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// refuseSecretText fails the test if text has a part of testToken in it.
func refuseSecretText(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{testToken, testSignature, testSessionToken, url.QueryEscape(testSessionToken)} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %.20q…: %s", what, secret, text)
		}
	}
}
