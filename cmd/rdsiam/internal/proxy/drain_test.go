package proxy_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

func encode(t *testing.T, message pgproto3.Message) []byte {
	t.Helper()
	encoded, err := message.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// written is the end of a connection that remembers what is written to it, and says so to
// a test.
type written struct {
	net.Conn
	told func([]byte)
	all  bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.all.Write(b)
	w.told(b)
	return len(b), nil
}

// A statement that comes in the very moment in which a drained session ends is not executed:
// nobody would answer it.
func TestStatementAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, clientOfProxy := net.Pipe()
		server, serverOfProxy := net.Pipe()
		query := encode(t, &pgproto3.Query{String: "delete from orders"})
		terminate := encode(t, &pgproto3.Terminate{})
		toServer := &written{Conn: serverOfProxy, told: func(b []byte) {
			if bytes.Equal(b, terminate) {
				if _, err := client.Write(query); err != nil { // returns when the proxy has read it
					t.Error(err)
				}
			}
		}}
		session := proxy.NewSession(clientOfProxy, toServer, proxy.NewPostgreSQLTraffic())
		ended := make(chan error, 1)
		go func() { ended <- session.Relay() }()
		// The session is busy when it is drained, and ends with the answer.
		if _, err := client.Write(encode(t, &pgproto3.Query{String: "select 1"})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		session.Drain()
		go io.Copy(io.Discard, client)
		if _, err := server.Write(encode(t, &pgproto3.ReadyForQuery{TxStatus: 'I'})); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if bytes.Contains(toServer.all.Bytes(), query) {
			t.Error("the statement was passed on")
		}
		client.Close()
		server.Close()
	})
}

// slowReader is the end of a client that does not read until it is released.
type slowReader struct {
	net.Conn
	released chan struct{}
	limited  atomic.Bool // it has been given a time in which to read
}

func (r *slowReader) Write(b []byte) (int, error) {
	<-r.released
	return r.Conn.Write(b)
}

func (r *slowReader) SetWriteDeadline(at time.Time) error {
	r.limited.Store(true)
	return r.Conn.SetWriteDeadline(at)
}

// An answer that is on its way when the session is drained reaches the client as a whole,
// however slow it is, and before the farewell.
func TestAnswerAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, clientOfProxy := net.Pipe()
		server, serverOfProxy := net.Pipe()
		toClient := &slowReader{Conn: clientOfProxy, released: make(chan struct{})}
		toServer := &written{Conn: serverOfProxy, told: func([]byte) {}}
		session := proxy.NewSession(toClient, toServer, proxy.NewPostgreSQLTraffic())
		ended := make(chan error, 1)
		go func() { ended <- session.Relay() }()
		if _, err := client.Write(encode(t, &pgproto3.Query{String: "select 1"})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // a server answers what it has received
		answer := append(encode(t, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}), encode(t, &pgproto3.ReadyForQuery{TxStatus: 'I'})...)
		if _, err := server.Write(answer); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go session.Drain()
		synctest.Wait()
		if toClient.limited.Load() {
			t.Error("the client has a limited time to read its answer")
		}
		close(toClient.released)
		got, err := io.ReadAll(client)
		if err != nil || !bytes.HasPrefix(got, answer) || !bytes.Contains(got[len(answer):], []byte("57P01")) {
			t.Errorf("the client reads %q, %v", got, err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
}

// The server is told that an idle session ends, so that it logs no broken connection.
func TestFarewellToServer(t *testing.T) {
	for name, tt := range map[string]struct {
		traffic proxy.Traffic
		want    []byte
	}{
		"PostgreSQL": {proxy.NewPostgreSQLTraffic(), encode(t, &pgproto3.Terminate{})},
		"MySQL":      {proxy.NewMySQLTraffic(0), []byte(packet(0, "\x01"))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, clientOfProxy := net.Pipe()
				_, serverOfProxy := net.Pipe()
				toServer := &written{Conn: serverOfProxy, told: func([]byte) {}}
				session := proxy.NewSession(clientOfProxy, toServer, tt.traffic)
				ended := make(chan error, 1)
				go func() { ended <- session.Relay() }()
				go io.Copy(io.Discard, client)
				synctest.Wait()
				session.Drain()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if got := toServer.all.Bytes(); !bytes.Equal(got, tt.want) {
					t.Errorf("the server is told %q, want %q", got, tt.want)
				}
			})
		})
	}
}
