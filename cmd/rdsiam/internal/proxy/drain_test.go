package proxy_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"

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

// An answer that is on its way when the session is drained reaches the client as a whole,
// and before the farewell.
func TestAnswerAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, clientOfProxy := net.Pipe()
		server, serverOfProxy := net.Pipe()
		toServer := &written{Conn: serverOfProxy, told: func([]byte) {}}
		session := proxy.NewSession(clientOfProxy, toServer, proxy.NewPostgreSQLTraffic())
		ended := make(chan error, 1)
		go func() { ended <- session.Relay() }()
		if _, err := client.Write(encode(t, &pgproto3.Query{String: "select 1"})); err != nil {
			t.Fatal(err)
		}
		answer := append(encode(t, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}), encode(t, &pgproto3.ReadyForQuery{TxStatus: 'I'})...)
		if _, err := server.Write(answer); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the proxy writes the answer to a client that does not read yet
		session.Drain()
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
