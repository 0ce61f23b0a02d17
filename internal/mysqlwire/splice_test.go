package mysqlwire_test

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// talkative is a server that says something when its connection is closed, as MySQL 9.7
// does over TLS.
type talkative struct {
	net.Conn
	sent   chan []byte
	said   chan string // what a read gets; closed: a read has timed out
	ending sync.Once
}

func (c *talkative) Write(b []byte) (int, error) {
	c.sent <- append([]byte(nil), b...)
	return len(b), nil
}

func (c *talkative) Read(b []byte) (int, error) {
	text, ok := <-c.said
	if !ok {
		return 0, os.ErrDeadlineExceeded
	}
	return copy(b, text), nil
}

func (c *talkative) SetReadDeadline(time.Time) error {
	c.ending.Do(func() { close(c.said) })
	return nil
}

func (c *talkative) Close() error {
	c.ending.Do(func() {
		c.said <- "an error that nobody expects"
		close(c.said)
	})
	return nil
}

// The client that asked for another account reads its refusal next, and nothing that the
// server says when it is left.
func TestSpliceChangeUser(t *testing.T) {
	client, clientSide := net.Pipe()
	defer client.Close()
	upstream := &talkative{sent: make(chan []byte, 1), said: make(chan string)}
	refused := make(chan []byte, 1)
	go func() {
		refused <- mysqlwire.Splice(clientSide, upstream)
		clientSide.Close()
	}()
	ping := "\x01\x00\x00\x00\x0e"
	if _, err := client.Write([]byte(ping)); err != nil {
		t.Fatal(err)
	}
	if got := <-upstream.sent; string(got) != ping {
		t.Errorf("the server got %q, want %q", got, ping)
	}
	upstream.said <- "pong"
	answer := make([]byte, 4)
	if _, err := io.ReadFull(client, answer); err != nil || string(answer) != "pong" {
		t.Fatalf("the client got %q, %v", answer, err)
	}
	if _, err := client.Write([]byte("\x07\x00\x00\x00\x11admin\x00")); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(client); len(rest) > 0 {
		t.Errorf("the client got %q from the server that it had left", rest)
	}
	if command := <-refused; mysqlwire.ChangedUser(command) != "admin" {
		t.Errorf("refused %q, want the change to admin", command)
	}
}

// splice runs Splice between two pipes and returns the far ends of them. The command that
// it refused is sent when it has returned.
func splice() (client, server net.Conn, refused <-chan []byte) {
	client, clientSide := net.Pipe()
	server, serverSide := net.Pipe()
	result := make(chan []byte, 1)
	go func() { result <- mysqlwire.Splice(clientSide, serverSide) }()
	return client, server, result
}

// The end of the server is that of the splice, though the client says nothing.
func TestSpliceServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, refused := splice()
		defer client.Close()
		server.Close()
		if command := <-refused; command != nil {
			t.Errorf("refused %q", command)
		}
	})
}

// The end of the client is that of the server's connection.
func TestSpliceClientEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, refused := splice()
		defer server.Close()
		client.Close()
		<-refused
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the server reads %v, want the end", err)
		}
	})
}

// A client that reads nothing does not hold up the end.
func TestSpliceFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, refused := splice()
		defer client.Close()
		defer server.Close()
		if _, err := server.Write([]byte("rows that nobody reads")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := client.Write([]byte("\x07\x00\x00\x00\x11admin\x00")); err != nil {
			t.Fatal(err)
		}
		if command := <-refused; mysqlwire.ChangedUser(command) != "admin" {
			t.Errorf("refused %q, want the change to admin", command)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %s, want 5s", took)
		}
	})
}

// slowConn is a server that still says something when nothing is read of it any more.
type slowConn struct {
	net.Conn
	release chan struct{}
}

func (c slowConn) Read([]byte) (int, error) {
	<-c.release
	return 0, io.EOF
}

// Nothing of a splice runs on when it has returned: the connection of the client is the
// caller's.
func TestSpliceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, clientSide := net.Pipe()
		server, serverSide := net.Pipe()
		defer server.Close()
		release, returned := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(returned)
			mysqlwire.Splice(clientSide, slowConn{serverSide, release})
		}()
		client.Close()
		synctest.Wait()
		select {
		case <-returned:
			t.Error("the splice returned while it was reading")
		default:
		}
		close(release)
		<-returned
	})
}
