package pgrelay_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
)

// connected returns the two ends of a connection.
func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if theirs, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{ours, theirs} {
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute)) // bytes that never come fail the test
	}
	return ours, theirs
}

// Bytes go both ways, and the end of either side is that of the other.
func TestSplice(t *testing.T) {
	for name, end := range map[string]func(client, server net.Conn) (left net.Conn){
		"client ends": func(client, server net.Conn) net.Conn { client.Close(); return server },
		"server ends": func(client, server net.Conn) net.Conn { server.Close(); return client },
	} {
		t.Run(name, func(t *testing.T) {
			clientSide, client := connected(t)
			serverSide, server := connected(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				pgrelay.Splice(clientSide, serverSide)
			}()
			long := bytes.Repeat([]byte("0123456789"), 100_000)
			for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
				sent := make(chan error, 1)
				go func() {
					_, err := way[0].Write(long)
					sent <- err
				}()
				got := make([]byte, len(long))
				if _, err := io.ReadFull(way[1], got); err != nil || !bytes.Equal(got, long) {
					t.Errorf("what arrived is not what was sent: %v", err)
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
			}
			left := end(client, server)
			if n, err := left.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read %d bytes from a session that has ended, %v", n, err)
			}
			<-done
		})
	}
}

// slowConn is still reading when it has been closed.
type slowConn struct {
	net.Conn
	closed, release chan struct{}
}

func (c *slowConn) Read([]byte) (int, error) {
	<-c.release
	return 0, net.ErrClosed
}

func (c *slowConn) Close() error {
	close(c.closed)
	return c.Conn.Close()
}

// Nothing of a splice runs on when it has returned.
func TestSpliceWaits(t *testing.T) {
	clientSide, _ := connected(t)
	serverSide, server := connected(t)
	client := &slowConn{clientSide, make(chan struct{}), make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		pgrelay.Splice(client, serverSide)
	}()
	server.Close()
	<-client.closed
	select {
	case <-done:
		t.Error("the splice returned while it was reading")
	case <-time.After(50 * time.Millisecond): // it has nothing else to wait for
	}
	close(client.release)
	<-done
	if _, err := serverSide.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the server's connection: %v, want it closed", err)
	}
}
