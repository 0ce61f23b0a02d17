package bench_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// cannedLogin has pgx log in without a network, a handshake or a server, so that what it
// does itself, and what is added to it, is measured and nothing else. The TLS connection
// is made and checked, but what pgx reads was there before, and what it writes goes
// nowhere.
func cannedLogin(tb testing.TB, config *pgx.ConnConfig) {
	tb.Helper()
	answers := answersOf(tb)
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		return &canned{Reader: bytes.NewReader([]byte("S"))}, nil // yes to the request for TLS
	}
	config.BuildFrontend = func(_ io.Reader, conn io.Writer) *pgproto3.Frontend {
		if _, ok := conn.(*tls.Conn); !ok {
			tb.Errorf("the connection is a %T", conn)
		}
		return pgproto3.NewFrontend(bytes.NewReader(answers), io.Discard)
	}
}

// answersOf returns all that a server says during a login with a clear-text password.
func answersOf(tb testing.TB) []byte {
	tb.Helper()
	var answers []byte
	for _, message := range []pgproto3.BackendMessage{
		&pgproto3.AuthenticationCleartextPassword{},
		&pgproto3.AuthenticationOk{},
		&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	} {
		var err error
		if answers, err = message.Encode(answers); err != nil {
			tb.Fatal(err)
		}
	}
	return answers
}

// canned is a connection on which everything has been said already.
type canned struct{ io.Reader }

func (c *canned) Write(p []byte) (int, error)      { return len(p), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
