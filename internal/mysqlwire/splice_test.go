package mysqlwire_test

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
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
