package rdsmysql_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// FuzzGreeting lets a server send anything before TLS and then close. The login ends with an
// error, without a panic, with the connection closed and nothing of the token sent; what is
// not refused is what the driver alone would say.
func FuzzGreeting(f *testing.F) {
	whole := greetingPacket("mysql_native_password", true)
	for _, seed := range [][]byte{
		packet(10, 0),
		packet(shortGreeting()...),
		packet(whole...),
		packet(whole[:len(whole)-1]...),
		append(packet(whole...), packet(0, 0, 0, 2, 0, 0, 0)...),
		packet(greetingPacket("caching_sha2_password", true)...),
		packet(greetingPacket("mysql_old_password", true)...),
		packet(greetingPacket("client_ed25519", true)...),
		packet(greetingPacket("", false)...),
		packet(append([]byte{0xff, 16, 4}, "#08004Too many connections"...)...),
		packet(0xff, 0x0a, 5, '#', 'H', 'Y', '0', '0', '0'),
		packet(9),
		packet(),
		{0xff, 0xff, 0xff, 0, 10},
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		[]byte("SSH-2.0-OpenSSH_9.9\r\n"),
		{},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn, err := logInAfter(t, sent)
		if err == nil || strings.Contains(err.Error(), "panicked") {
			t.Fatalf("got %v", err)
		}
		if !conn.closed {
			t.Error("the connection is open")
		}
		refuseSecretText(t, "the connection", string(conn.written))
		if strings.Contains(err.Error(), "the greeting of the server is malformed") || strings.Contains(err.Error(), "does not speak MySQL's protocol") {
			return
		}
		config := testConfig(func(c *mysql.Config) {
			c.Logger, c.TLSConfig, c.DialFunc = &mysql.NopLogger{}, "true", sending(t, sent, nil)
		})
		connector, bareErr := mysql.NewConnector(config)
		if bareErr != nil {
			t.Fatal(bareErr)
		}
		if _, bareErr = connector.Connect(t.Context()); bareErr == nil || bareErr.Error() != err.Error() {
			t.Errorf("got %v, the driver alone says %v", err, bareErr)
		}
	})
}

// logInAfter logs in at a server that sends what it is told and closes.
func logInAfter(t *testing.T, sent []byte) (*watchedConn, error) {
	t.Helper()
	conn := &watchedConn{}
	config := testConfig(func(c *mysql.Config) { c.Logger, c.DialFunc = &mysql.NopLogger{}, sending(t, sent, conn) })
	d, err := rdsmysql.New(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rdsiam.NewConnector(d, &countingSource{}).Connect(t.Context())
	var failed *rdsiam.LoginError
	if errors.As(err, &failed) {
		err = failed.Unwrap()
	}
	return conn, err
}

// sending is a DialFunc that leads to a peer that sends and closes. The connection is kept
// in watched.
func sending(t *testing.T, sent []byte, watched *watchedConn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		var peer sync.WaitGroup
		peer.Go(func() {
			_, _ = server.Write(sent)
			server.Close()
		})
		t.Cleanup(peer.Wait)
		if watched == nil {
			return client, nil
		}
		watched.Conn = client
		return watched, nil
	}
}

// watchedConn remembers what a driver did to it, from one goroutine.
type watchedConn struct {
	net.Conn
	written []byte
	closed  bool
}

func (c *watchedConn) Write(b []byte) (int, error) {
	c.written = append(c.written, b...)
	return c.Conn.Write(b)
}

func (c *watchedConn) Close() error {
	c.closed = true
	return c.Conn.Close()
}
