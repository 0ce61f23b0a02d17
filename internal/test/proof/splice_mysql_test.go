package proof_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestSpliceMySQL(t *testing.T) {
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			server := startBehind(t, installation, rdsiamtest.StartMySQL)
			err := server.Exec(t.Context(), "CREATE DATABASE app", "GRANT ALL ON app.* TO app",
				"SET GLOBAL local_infile = 1", "SET GLOBAL max_allowed_packet = 67108864")
			if err != nil {
				t.Fatal(err)
			}
			for name, upstream := range map[string]rdsiamtest.Upstream{
				"TLS": server.overTLS(), "socket": server.overSocket(), "in clear": server.inClear(),
			} {
				upstream.Database = "app"
				t.Run(name, func(t *testing.T) { spliceMySQL(t, upstream) })
			}
		})
	}
}

func spliceMySQL(t *testing.T, upstream rdsiamtest.Upstream) {
	front := startFront(t, rdsiamtest.StartMySQL, upstream)
	db := front.openMySQL(t)
	t.Run("statements", func(t *testing.T) { severalMySQLStatements(t, db) })
	t.Run("local file", func(t *testing.T) { loadLocalFile(t, db) })
	t.Run("local file that breaks", func(t *testing.T) { breakLocalFile(t, db) })
	t.Run("several packets", func(t *testing.T) { severalPackets(t, db) })
	t.Run("kill", func(t *testing.T) { killStatement(t, db) })
	t.Run("change of user", func(t *testing.T) { changeUser(t, front) })
	t.Run("query behind the token", func(t *testing.T) { queryBehindMySQLToken(t, front) })
	t.Run("long token", func(t *testing.T) {
		front := startFront(t, rdsiamtest.StartMySQL, upstream, longToken(t))
		if n := len(front.token(t)); n < 60_000 {
			t.Fatalf("the token has %d bytes, want 60 kB", n)
		}
		severalMySQLStatements(t, front.openMySQL(t))
	})
}

// openMySQL logs in with go-sql-driver and the library's hook.
func (f *front) openMySQL(t *testing.T) *sql.DB {
	t.Helper()
	config, err := mysql.ParseDSN(f.DSN(allowed))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.MultiStatements = f.DialContext, true
	config.MaxAllowedPacket = 64 << 20
	if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(f.tokens, f.rootCAs()))); err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

func severalMySQLStatements(t *testing.T, db *sql.DB) {
	rows, err := db.QueryContext(t.Context(), "SET @several = 2; SELECT CURRENT_USER(); SELECT @several, 3")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for more := true; more; more = rows.NextResultSet() {
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(string)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for _, value := range values {
				got = append(got, *value.(*string))
			}
		}
	}
	if err := rows.Err(); err != nil || strings.Join(got, "|") != "app@%|2|3" {
		t.Errorf("got %q, %v", got, err)
	}
}

func loadLocalFile(t *testing.T, db *sql.DB) {
	const lines = 100_000
	var file bytes.Buffer
	sum := 0
	for i := range lines {
		fmt.Fprintf(&file, "%d\n", i)
		sum += i
	}
	handle := strings.ReplaceAll(t.Name(), " ", "_")
	mysql.RegisterReaderHandler(handle, func() io.Reader { return &file })
	defer mysql.DeregisterReaderHandler(handle)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE loaded (n INT) ENGINE = MyISAM"); err != nil {
		t.Fatal(err)
	}
	defer db.ExecContext(context.Background(), "DROP TABLE loaded")
	result, err := db.ExecContext(t.Context(), "LOAD DATA LOCAL INFILE 'Reader::"+handle+"' INTO TABLE loaded")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.RowsAffected(); n != lines {
		t.Errorf("loaded %d lines, want %d", n, lines)
	}
	var got int
	if err := db.QueryRowContext(t.Context(), "SELECT SUM(n) FROM loaded").Scan(&got); err != nil || got != sum {
		t.Errorf("sum = %d, %v; want %d", got, err, sum)
	}
}

// breakLocalFile has no more to send than a part of the file; the session goes on.
func breakLocalFile(t *testing.T, db *sql.DB) {
	handle := strings.ReplaceAll(t.Name(), " ", "_")
	mysql.RegisterReaderHandler(handle, func() io.Reader { return io.MultiReader(strings.NewReader("1\n"), brokenFile{}) })
	defer mysql.DeregisterReaderHandler(handle)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "CREATE TEMPORARY TABLE broken (n INT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "LOAD DATA LOCAL INFILE 'Reader::"+handle+"' INTO TABLE broken"); err == nil {
		t.Error("the file was loaded")
	}
	var n int
	if err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM broken").Scan(&n); err != nil {
		t.Errorf("the session does not go on: %v", err)
	}
}

// severalPackets sends and receives a value that does not fit into one packet of the
// protocol.
func severalPackets(t *testing.T, db *sql.DB) {
	long := strings.Repeat("\x11", 17<<20)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var n int
	var back string
	if err := conn.QueryRowContext(t.Context(), "SELECT LENGTH(?)", long).Scan(&n); err != nil || n != len(long) {
		t.Errorf("sent %d bytes, %v; want %d", n, err, len(long))
	}
	if err := conn.QueryRowContext(t.Context(), "SELECT REPEAT('x', ?)", len(long)).Scan(&back); err != nil || len(back) != len(long) {
		t.Errorf("received %d bytes, %v; want %d", len(back), err, len(long))
	}
}

// killStatement ends a statement from another session, which finds it by the connection
// id that the client was greeted with.
func killStatement(t *testing.T, db *sql.DB) {
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id int
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		var slept int
		err := conn.QueryRowContext(ctx, "SELECT SLEEP(600)").Scan(&slept)
		if err == nil && slept == 1 {
			err = errors.New("interrupted") // MySQL says so in the result, MariaDB by an error
		}
		ended <- err
	}()
	for sleeping := 0; sleeping == 0; {
		err := db.QueryRowContext(t.Context(),
			"SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND info LIKE 'SELECT SLEEP%'", id).Scan(&sleeping)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("KILL QUERY %d", id)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the statement was not interrupted")
	}
	var again int
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&again); err != nil || again != id {
		t.Errorf("session %d, %v; want it to go on as %d", again, err, id)
	}
}

// logInByHand returns a connection on which nothing was sent after the token.
func (f *front) logInByHand(t *testing.T) net.Conn {
	t.Helper()
	client, err := mysqlwire.NewClient(f.dial(t))
	if err != nil {
		t.Fatal(err)
	}
	response := mysqlwire.Response{User: allowed, Collation: 45}
	if _, err := client.LogIn(response, mysqlwire.Account{Password: f.token(t), Token: true, TLS: f.tlsConfig()}); err != nil {
		t.Fatal(err)
	}
	return client.Conn()
}

// changeUser asks for the account that has it all, on a session of one that has not.
func changeUser(t *testing.T, f *front) {
	packets := &mysqlwire.Packets{Stream: f.logInByHand(t), Limit: 1 << 20}
	if err := packets.Write([]byte("\x11root\x00\x00\x00\x2d\x00")); err != nil {
		t.Fatal(err)
	}
	reply, err := packets.Read()
	if err != nil || reply[0] != mysqlwire.PacketError || mysqlwire.ParseError(reply).Number != 1045 {
		t.Errorf("got %q, %v, want error 1045", reply, err)
	}
	if reply, err := packets.Read(); err == nil {
		t.Errorf("the session goes on with %q", reply)
	}
	logIns := f.Logins()
	if last := logIns[len(logIns)-1]; last.Reason != rdsiamtest.ReasonChangeUser || last.User != "root" {
		t.Errorf("log entry %+v, want a refused change to root", last)
	}
}

// queryBehindMySQLToken sends a query together with the token, which is read without
// what is behind it.
func queryBehindMySQLToken(t *testing.T, f *front) {
	conn := f.dial(t)
	packets := &mysqlwire.Packets{Stream: conn, Limit: 1 << 20}
	greeting, err := packets.Read()
	if err != nil {
		t.Fatal(err)
	}
	server, err := mysqlwire.ParseGreeting(greeting)
	if err != nil {
		t.Fatal(err)
	}
	response := mysqlwire.Response{
		Capabilities: mysqlwire.ClientProtocol41 | mysqlwire.ClientSecureConnection | mysqlwire.ClientPluginAuth | mysqlwire.ClientSSL,
		Collation:    45,
		User:         allowed,
		Plugin:       server.Plugin,
	}
	if err := packets.Write(response.EncodeSSLRequest()); err != nil {
		t.Fatal(err)
	}
	packets.Stream = tls.Client(conn, f.tlsConfig())
	if err := packets.Write(response.Encode()); err != nil {
		t.Fatal(err)
	}
	if _, err := packets.Read(); err != nil { // the request for the token
		t.Fatal(err)
	}
	packets.Queue(append([]byte(f.token(t)), 0))
	accepted := packets.Sequence
	packets.Sequence = 0
	packets.Queue([]byte("\x03SELECT 'behind the token'"))
	if err := packets.Flush(); err != nil {
		t.Fatal(err)
	}
	packets.Sequence = accepted
	if ok, err := packets.Read(); err != nil || ok[0] != mysqlwire.PacketOK {
		t.Fatalf("got %q, %v, want OK", ok, err)
	}
	packets.Sequence = 1
	for {
		payload, err := packets.Read()
		if err != nil {
			t.Fatalf("no answer to the query: %v", err)
		}
		if payload[0] == mysqlwire.PacketError {
			t.Fatal(mysqlwire.ParseError(payload))
		}
		if string(payload) == "\x10behind the token" {
			return
		}
	}
}
