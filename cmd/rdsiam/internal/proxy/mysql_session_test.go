package proxy_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// onMySQLs runs a test in front of each real server.
func onMySQLs(t *testing.T, test func(*testing.T, *database)) {
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			d := realMySQL(t, installation)
			t.Logf("server: %s", d.name)
			test(t, d)
		})
	}
}

type rower interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func queryMySQL(t *testing.T, db rower, statement string, arguments ...any) string {
	t.Helper()
	var text string
	if err := db.QueryRowContext(t.Context(), statement, arguments...).Scan(&text); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
	return text
}

func TestMySQL(t *testing.T) {
	onMySQLs(t, func(t *testing.T, d *database) {
		for _, listen := range []string{"unix", "tcp"} {
			t.Run(listen, func(t *testing.T) {
				r := d.proxy(t, listen, proxy.Settings{Password: password})
				t.Run("settings of the client", func(t *testing.T) { passesMySQLSettings(t, r) })
				t.Run("load data", func(t *testing.T) { loadsData(t, r) })
			})
		}
		t.Run("results", func(t *testing.T) { followsMySQL(t, d) })
		t.Run("greeting", func(t *testing.T) { greets(t, d) })
		t.Run("kill", func(t *testing.T) { kills(t, d) })
		t.Run("limit", func(t *testing.T) { limitsMySQL(t, d) })
		t.Run("drain", func(t *testing.T) { drainsMySQL(t, d) })
		t.Run("change of user", func(t *testing.T) { refusesChangeUser(t, d) })
	})
}

func passesMySQLSettings(t *testing.T, r *running) {
	config := mysqlConfig(r, app, password)
	config.DBName, config.Collation, config.ConnectionAttributes, config.MultiStatements = "shop", "latin1_swedish_ci", "program:proxied", true
	db := openMySQL(t, config)
	for statement, want := range map[string]string{
		"select current_user()":             app + "@%",
		"select database()":                 "shop",
		"select @@collation_connection":     "latin1_swedish_ci",
		"select @@autocommit; select 2":     "1",
		"select connection_id() > 0":        "1",
		"show status like 'Ssl_version'":    "",
		"select length(repeat('x', 1000))":  "1000",
		"select concat(?, '!')":             "bound!",
		"select coalesce(null, 'fallback')": "fallback",
	} {
		var arguments []any
		if strings.Contains(statement, "?") {
			arguments = []any{"bound"}
		}
		if want == "" {
			var name, value string
			if err := db.QueryRowContext(t.Context(), statement).Scan(&name, &value); err != nil || !strings.HasPrefix(value, "TLS") {
				t.Errorf("%s: %q, %v", statement, value, err)
			}
			continue
		}
		if got := queryMySQL(t, db, statement, arguments...); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
}

func loadsData(t *testing.T, r *running) {
	config := mysqlConfig(r, app, password)
	config.DBName = "shop"
	db := openMySQL(t, config)
	db.SetMaxOpenConns(1)
	name := "lines" + strings.ReplaceAll(t.Name(), "/", "")
	// Packets of LOAD DATA LOCAL are numbered, and the numbers come round.
	mysql.RegisterReaderHandler(name, func() io.Reader { return strings.NewReader(strings.Repeat(strings.Repeat("\x11", 99)+"\n", 200_000)) })
	defer mysql.DeregisterReaderHandler(name)
	if _, err := db.ExecContext(t.Context(), "create temporary table loaded (line text)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "load data local infile 'Reader::"+name+"' into table loaded"); err != nil {
		t.Fatal(err)
	}
	if got := queryMySQL(t, db, "select concat(count(*), ' ', sum(length(line))) from loaded"); got != "200000 19800000" {
		t.Errorf("loaded %s", got)
	}
}

// followsMySQL has sessions end after statements of each kind, which they do only if the
// proxy sees where their answers end.
func followsMySQL(t *testing.T, d *database) {
	statements := map[string]func(*testing.T, *sql.Conn){
		"rows":      func(t *testing.T, conn *sql.Conn) { queryMySQL(t, conn, "select repeat('x', 100000)") },
		"prepared":  func(t *testing.T, conn *sql.Conn) { queryMySQL(t, conn, "select ?", "bound") },
		"no rows":   func(t *testing.T, conn *sql.Conn) { execMySQL(t, conn, "set @x = 1") },
		"error":     func(t *testing.T, conn *sql.Conn) { _, _ = conn.ExecContext(t.Context(), "nonsense") },
		"ping":      func(t *testing.T, conn *sql.Conn) { _ = conn.PingContext(t.Context()) },
		"commit":    func(t *testing.T, conn *sql.Conn) { execMySQL(t, conn, "begin"); execMySQL(t, conn, "commit") },
		"procedure": func(t *testing.T, conn *sql.Conn) { callMySQL(t, conn) },
		"multi": func(t *testing.T, conn *sql.Conn) {
			rows, err := conn.QueryContext(t.Context(), "select 1; select 2; set @x = 3")
			if err != nil {
				t.Fatal(err)
			}
			drainMySQL(t, rows)
		},
	}
	for name, run := range statements {
		t.Run(name, func(t *testing.T) {
			r := d.proxy(t, "unix", proxy.Settings{DrainTime: time.Hour})
			config := mysqlConfig(r, app, "")
			config.DBName, config.MultiStatements = "shop", true
			conn := oneMySQL(t, config)
			run(t, conn)
			r.stop()
			if err := r.waitStopped(t); err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
}

func execMySQL(t *testing.T, conn *sql.Conn, statement string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

func callMySQL(t *testing.T, conn *sql.Conn) {
	t.Helper()
	execMySQL(t, conn, "create procedure if not exists two() begin select 1; select 2, 3; end")
	rows, err := conn.QueryContext(t.Context(), "call two()")
	if err != nil {
		t.Fatal(err)
	}
	drainMySQL(t, rows)
}

// drainMySQL reads every result set.
func drainMySQL(t *testing.T, rows *sql.Rows) {
	t.Helper()
	defer rows.Close()
	for rows.NextResultSet() {
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}

// oneMySQL is one connection.
func oneMySQL(t *testing.T, config *mysql.Config) *sql.Conn {
	t.Helper()
	conn, err := openMySQL(t, config).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// greets offers clients nothing that would change the form of results, so that they could
// not be followed, and neither TLS nor compression.
func greets(t *testing.T, d *database) {
	r := d.proxy(t, "tcp", proxy.Settings{Password: password})
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packet, err := (&mysqlwire.Packets{Stream: conn, Limit: 1 << 20}).Read()
	if err != nil {
		t.Fatal(err)
	}
	greeting, err := mysqlwire.ParseGreeting(packet)
	if err != nil {
		t.Fatal(err)
	}
	const compress, tls, zstd, optionalMetadata = 1 << 5, 1 << 11, 1 << 26, 1 << 25
	if offered := greeting.Capabilities & (compress | tls | zstd | optionalMetadata); offered != 0 {
		t.Errorf("offered: %#x", offered)
	}
}

// kills has a second connection end a statement of the first, by the id that the server has
// for the first, and by the one in its greeting: clients send that for Ctrl-C.
func kills(t *testing.T, d *database) {
	r := d.proxy(t, "tcp", proxy.Settings{})
	killing := oneMySQL(t, mysqlConfig(r, app, ""))
	for _, byGreeting := range []bool{false, true} {
		packets, conn, greeted := rawMySQL(t, r)
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		packets.Sequence = 0
		if err := packets.Write([]byte("\x03select sleep(300)")); err != nil {
			t.Fatal(err)
		}
		id := ""
		waitUntil(t, func() bool {
			id = queryMySQL(t, killing, "select coalesce(max(id), '') from information_schema.processlist where info = 'select sleep(300)'")
			return id != ""
		})
		if byGreeting {
			id = strconv.FormatUint(uint64(greeted), 10)
		}
		if _, err := killing.ExecContext(t.Context(), "KILL QUERY "+id); err != nil {
			t.Fatal(err)
		}
		for ended := false; !ended; { // by an error, or 1 and an EOF
			answer, err := packets.Read()
			if err != nil {
				t.Fatalf("by the greeting: %t: the statement goes on: %v", byGreeting, err)
			}
			ended = answer[0] == mysqlwire.PacketError || answer[0] == mysqlwire.PacketEOF && packets.Sequence > 4
		}
	}
}

func limitsMySQL(t *testing.T, d *database) {
	r := d.proxy(t, "unix", proxy.Settings{MaxConnections: 1})
	conn := oneMySQL(t, mysqlConfig(r, app, ""))
	err := openMySQL(t, mysqlConfig(r, app, "")).PingContext(t.Context())
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) || answer.Number != 1040 || !strings.Contains(answer.Message, "--max-connections") {
		t.Errorf("second client: %v", err)
	}
	if got := queryMySQL(t, conn, "select 'in'"); got != "in" {
		t.Errorf("first client: %q", got)
	}
}

func drainsMySQL(t *testing.T, d *database) {
	r := d.proxy(t, "unix", proxy.Settings{DrainTime: time.Hour})
	idle, busy := oneMySQL(t, mysqlConfig(r, app, "")), oneMySQL(t, mysqlConfig(r, app, ""))
	execMySQL(t, busy, "begin")
	if got := queryMySQL(t, busy, "select 'in'"); got != "in" {
		t.Errorf("%q", got)
	}
	r.stop()
	waitUntil(t, func() bool { return idle.PingContext(t.Context()) != nil })
	if got := queryMySQL(t, busy, "select 'still in'"); got != "still in" {
		t.Errorf("%q", got)
	}
	execMySQL(t, busy, "commit")
	if err := r.waitStopped(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// refusesChangeUser speaks the protocol itself, since the driver never asks for it.
func refusesChangeUser(t *testing.T, d *database) {
	r := d.proxy(t, "tcp", proxy.Settings{})
	client, conn, _ := rawMySQL(t, r)
	defer conn.Close()
	if _, err := conn.Write([]byte("\x01\x00\x00\x00\x0e")); err != nil { // ping
		t.Fatal(err)
	}
	client.Sequence = 1
	if answer, err := client.Read(); err != nil || answer[0] != 0 {
		t.Fatalf("ping: %q, %v", answer, err)
	}
	if _, err := conn.Write([]byte(packet(0, "\x11root\x00\x00\x00\x08\x00") + packet(0, "\x0e"))); err != nil {
		t.Fatal(err)
	}
	client.Sequence = 1
	answer, err := client.Read()
	if err != nil || !strings.Contains(string(answer), "another account") {
		t.Errorf("answer %q, %v", answer, err)
	}
	if answer, err := client.Read(); err == nil {
		t.Errorf("the session goes on: %q", answer)
	}
	r.waitFor(t, `rdsiam_proxy_refused_total{reason="protocol"} 1`)
}
