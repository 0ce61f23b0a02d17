package rdspgx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/faketoken"
)

// fake is a server that does what rdsiamtest, which behaves, does not.
type fake struct {
	roots    *x509.CertPool
	config   *tls.Config
	listener net.Listener
	talk     func(*talk)
	sessions sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn // guarded by mu
}

// talk is one connection to a fake, after TLS and the start-up message.
type talk struct {
	*pgproto3.Backend
	conn net.Conn
	user string
}

// startFake starts a server that verifies as each of hosts and talks as told.
func startFake(t testing.TB, hosts []string, talk func(*talk)) *fake {
	t.Helper()
	f := newFake(t, hosts, talk)
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	f.sessions.Go(f.accept)
	return f
}

// newFake is startFake without a listener: the server is reached by dialPipe.
func newFake(t testing.TB, hosts []string, talk func(*talk)) *fake {
	t.Helper()
	certificate, roots := selfSigned(t, hosts)
	// A session ticket would be sent over net.Pipe while the client sends, too.
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true}
	f := &fake{roots: roots, config: config, talk: talk}
	t.Cleanup(f.close)
	return f
}

func (f *fake) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.start(conn)
	}
}

func (f *fake) start(conn net.Conn) {
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
	f.sessions.Go(func() { defer conn.Close(); f.serve(conn) })
}

// dialPipe connects without the network, for testing/synctest.
func (f *fake) dialPipe(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	f.start(server)
	return client, nil
}

func (f *fake) close() {
	if f.listener != nil {
		f.listener.Close()
	}
	f.mu.Lock()
	for _, conn := range f.conns {
		conn.Close()
	}
	f.mu.Unlock()
	f.sessions.Wait()
}

func (f *fake) serve(conn net.Conn) {
	request := make([]byte, 8)
	if _, err := io.ReadFull(conn, request); err != nil || binary.BigEndian.Uint32(request[4:]) != 80877103 {
		return
	}
	if _, err := conn.Write([]byte{'S'}); err != nil {
		return
	}
	encrypted := tls.Server(conn, f.config)
	backend := pgproto3.NewBackend(encrypted, encrypted)
	message, err := backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if startup, ok := message.(*pgproto3.StartupMessage); ok {
		f.talk(&talk{Backend: backend, conn: encrypted, user: startup.Parameters["user"]})
	}
}

func (f *fake) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", f.listener.Addr().String())
}

func (f *fake) LookupHost(context.Context, string) ([]string, error) {
	return []string{"127.0.0.1"}, nil
}

// askPassword returns what the client sends as its password.
func (s *talk) askPassword() (string, bool) {
	s.Send(&pgproto3.AuthenticationCleartextPassword{})
	if s.Flush() != nil || s.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return "", false
	}
	message, err := s.Receive()
	if err != nil {
		return "", false
	}
	password, ok := message.(*pgproto3.PasswordMessage)
	if !ok {
		return "", false
	}
	return password.Password, true
}

func (s *talk) refuse(code, message string) {
	s.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: message})
	_ = s.Flush()
}

// accept lets the client in and answers each of its simple queries with the one value
// that answers has for it.
func (s *talk) accept(answers map[string]string) {
	s.Send(&pgproto3.AuthenticationOk{})
	s.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	for {
		s.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if s.Flush() != nil {
			return
		}
		message, err := s.Receive()
		query, ok := message.(*pgproto3.Query)
		if err != nil || !ok {
			return
		}
		s.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("value"), DataTypeOID: 25}}})
		s.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(answers[query.String])}})
		s.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	}
}

func selfSigned(t testing.TB, hosts []string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: hosts, NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// fixedToken is a source of tokens that begin with the endpoint they are for.
var fixedToken = rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	return rdsiam.NewToken(faketoken.Text(login), time.Now().Add(time.Hour)), nil
})
