package proxy_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// stopsWithLog stops a proxy and looks for a text in its log.
func (r *inMemory) stopsWithLog(t *testing.T, want string) {
	t.Helper()
	r.stop()
	if err := r.waitStopped(t); err != nil {
		t.Error(err)
	}
	if got := r.log.String(); want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("the log is %q, want %q", got, want)
	}
}

// startUp begins a login. The answer of the proxy stays unread.
func (r *inMemory) startUp(t *testing.T, client net.Conn, user string) {
	t.Helper()
	if _, err := client.Write([]byte(startupMessage(3<<16, map[string]string{"user": user}))); err != nil {
		t.Fatal(err)
	}
	// The proxy flushes no bytes, for which a pipe wants a reader.
	if _, err := client.Read(nil); err != nil {
		t.Fatal(err)
	}
}

// What was decided about a client is in the log, also where the proxy is stopped before the
// client has read it.
func TestRefusalAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emulatedInMemory(t, asItIs)
		client := r.connect()
		defer client.Close()
		r.startUp(t, client, "stranger")
		synctest.Wait()
		r.stopsWithLog(t, `client 1: the client wants to log in as "stranger"`)
		if !strings.Contains(r.metrics(t), `rdsiam_proxy_refused_total{reason="user"} 1`) {
			t.Error("it is not counted")
		}
	})
}

// A login at the database that the end of the proxy interrupts is in the log, and does not
// blame the database.
func TestLoginAtTheEnd(t *testing.T) {
	const want = "client 1: the proxy was stopped while the client was logging in"
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	silent := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			buffer := make([]byte, 1024)
			for {
				if _, err := theirs.Read(buffer); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){"no connection": hang, "no answer": silent} {
		t.Run("PostgreSQL, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app))
				engine, err := proxy.NewPostgreSQL((&database{"rdsiamtest", server, "127.0.0.1:1", postgresEngine}).target(t))
				if err != nil {
					t.Fatal(err)
				}
				r := inMemoryBy(t, engine, dial)
				client := r.connect()
				defer client.Close()
				r.startUp(t, client, app)
				synctest.Wait()
				r.stopsWithLog(t, want)
			})
		})
		t.Run("MySQL, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app))
				engine, err := proxy.NewMySQL((&database{"rdsiamtest", server, "127.0.0.1:1", mysqlEngine}).target(t))
				if err != nil {
					t.Fatal(err)
				}
				r := inMemoryBy(t, engine, dial)
				defer r.connect().Close()
				synctest.Wait()
				r.stopsWithLog(t, want)
			})
		})
	}
}

// A client that is logged in when the proxy is stopped is a session that ends in order, also
// before it has read so.
func TestWelcomeAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emulatedInMemory(t, asItIs)
		client := r.connect()
		defer client.Close()
		r.startUp(t, client, app)
		synctest.Wait()
		r.stop()
		synctest.Wait()
		told, err := io.ReadAll(client)
		if ready := encode(t, &pgproto3.ReadyForQuery{TxStatus: 'I'}); err != nil || !bytes.Contains(told, ready) || !bytes.Contains(told, []byte("57P01")) {
			t.Errorf("the client reads %q, %v", told, err)
		}
		r.stopsWithLog(t, "")
	})
}

// Who has not said anything is not worth a word.
func TestSilentClientAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emulatedInMemory(t, asItIs)
		defer r.connect().Close()
		synctest.Wait()
		r.stopsWithLog(t, "")
	})
}
