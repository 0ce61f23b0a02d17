package proof_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestSplicePostgreSQL(t *testing.T) {
	for _, installation := range realserver.PostgreSQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			server := startBehind(t, installation, rdsiamtest.StartPostgreSQL)
			if err := server.Exec(t.Context(), "GRANT CREATE ON SCHEMA public TO "+allowed); err != nil {
				t.Fatal(err)
			}
			for name, upstream := range map[string]rdsiamtest.Upstream{"TLS": server.overTLS(), "socket": server.overSocket()} {
				t.Run(name, func(t *testing.T) { splicePostgreSQL(t, upstream) })
			}
		})
	}
}

func splicePostgreSQL(t *testing.T, upstream rdsiamtest.Upstream) {
	front := startFront(t, rdsiamtest.StartPostgreSQL, upstream)
	for _, negotiation := range []string{"postgres", "direct"} {
		t.Run("sslnegotiation="+negotiation, func(t *testing.T) {
			conn := front.connectPGX(t, "sslnegotiation="+negotiation)
			t.Run("copy", func(t *testing.T) { copyBothWays(t, conn) })
			t.Run("copy stopped", func(t *testing.T) { stopCopy(t, conn) })
			t.Run("statements", func(t *testing.T) { severalStatements(t, conn) })
			t.Run("cancel", func(t *testing.T) { cancelByContext(t, conn, front.connectPGX(t, "")) })
		})
	}
	t.Run("long token", func(t *testing.T) {
		front := startFront(t, rdsiamtest.StartPostgreSQL, upstream, longToken(t))
		if n := len(front.token(t)); n < 60_000 {
			t.Fatalf("the token has %d bytes, want 60 kB", n)
		}
		severalStatements(t, front.connectPGX(t, ""))
	})
	t.Run("query behind the token", func(t *testing.T) { queryBehindToken(t, front) })
	t.Run("version 3.2", func(t *testing.T) {
		severalStatements(t, front.connectPGX(t, "max_protocol_version=3.2"))
	})
}

// connectPGX logs in with pgx and the library's hook, with settings added to the DSN.
func (f *front) connectPGX(t *testing.T, settings string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(f.DSN(allowed) + "?" + settings)
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = f.DialContext, f.LookupHost
	// Ends a statement whose context has ended by a cancel request, as psql does.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: patience}
	}
	if err := rdspgx.BeforeConnect(f.tokens, f.rootCAs())(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// copyBothWays sends a few megabytes and reads them back.
func copyBothWays(t *testing.T, conn *pgx.Conn) {
	const rows, size = 300, 10_000
	random := rand.NewChaCha8([32]byte{})
	sent := sha256.New()
	source := pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
		blob := make([]byte, size)
		random.Read(blob)
		sent.Write(blob)
		return []any{i, blob}, nil
	})
	ctx := t.Context()
	if _, err := conn.Exec(ctx, "drop table if exists copied; create table copied (n int, b bytea)"); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"n", "b"}, source); n != rows || err != nil {
		t.Fatalf("copied %d rows to the server, %v", n, err)
	}
	var back bytes.Buffer
	tag, err := conn.PgConn().CopyTo(ctx, &back, "copy (select encode(b, 'hex') from copied order by n) to stdout")
	if err != nil || tag.RowsAffected() != rows {
		t.Fatalf("copied %d rows from the server, %v", tag.RowsAffected(), err)
	}
	received := sha256.New()
	for line := range strings.Lines(back.String()) {
		blob, err := hex.DecodeString(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		received.Write(blob)
	}
	if !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
		t.Error("what came back is not what was sent")
	}
}

// stopCopy fails on the client's side in the middle of a COPY.
func stopCopy(t *testing.T, conn *pgx.Conn) {
	ctx := t.Context()
	if _, err := conn.Exec(ctx, "create temporary table stopped (t text)"); err != nil {
		t.Fatal(err)
	}
	broken := io.MultiReader(strings.NewReader(strings.Repeat("line\n", 50_000)), brokenFile{})
	if _, err := conn.PgConn().CopyFrom(ctx, broken, "copy stopped from stdin"); err == nil {
		t.Error("the COPY succeeded")
	}
	var n int
	if err := conn.QueryRow(ctx, "select count(*) from stopped").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v; want a session that goes on, and none", n, err)
	}
}

type brokenFile struct{}

func (brokenFile) Read([]byte) (int, error) { return 0, errors.New("the file broke") }

func severalStatements(t *testing.T, conn *pgx.Conn) {
	results, err := conn.PgConn().Exec(t.Context(), "set application_name = 'several'; select current_user; "+
		"select current_setting('application_name'), 2; do $$ begin end $$").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, result := range results {
		got = append(got, fmt.Sprintf("%s %s", result.CommandTag, result.Rows))
	}
	if want := "SET []|SELECT 1 [[app]]|SELECT 1 [[several 2]]|DO []"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}

// cancelByContext ends a statement by the end of its context, and nothing else: the
// session goes on.
func cancelByContext(t *testing.T, conn, watcher *pgx.Conn) {
	var pid int
	if err := conn.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "select pg_sleep(600)")
		ended <- err
	}()
	for sleeping := false; !sleeping; {
		err := watcher.QueryRow(t.Context(), "select state = 'active' and query like 'select pg_sleep%' from pg_stat_activity where pid = $1", pid).Scan(&sleeping)
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	err := <-ended
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "57014" {
		t.Errorf("got %v, want 57014 from the server", err)
	}
	var again int
	if err := conn.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&again); err != nil || again != pid {
		t.Errorf("session %d, %v; want it to go on as %d", again, err, pid)
	}
}

// queryBehindToken sends a query together with the token, which is read without waiting
// for what is behind it.
func queryBehindToken(t *testing.T, f *front) {
	conn := tls.Client(f.dial(t), f.tlsConfig())
	frontend := pgproto3.NewFrontend(conn, conn)
	frontend.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{
		"user": allowed, "database": "postgres",
	}})
	if err := frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	if request, err := frontend.Receive(); err != nil {
		t.Fatal(err)
	} else if _, ok := request.(*pgproto3.AuthenticationCleartextPassword); !ok {
		t.Fatalf("asked for %T, want a password in clear", request)
	}
	frontend.Send(&pgproto3.PasswordMessage{Password: f.token(t)})
	frontend.Send(&pgproto3.Query{String: "select 'behind the token'"})
	if err := frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		message, err := frontend.Receive()
		if err != nil {
			t.Fatalf("no answer to the query: %v", err)
		}
		if row, ok := message.(*pgproto3.DataRow); ok {
			if got := string(row.Values[0]); got != "behind the token" {
				t.Errorf("got %q", got)
			}
			return
		}
	}
}
