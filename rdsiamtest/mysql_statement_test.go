package rdsiamtest_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// startMySQLSession returns a logged-in connection.
func startMySQLSession(t *testing.T, change ...func(*mysql.Config)) *sql.Conn {
	t.Helper()
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	config := mysqlConfig(t, server, "app", tokenFor(t, server, "app"))
	for _, c := range change {
		c(config)
	}
	conn, err := openMySQL(t, config).Conn(t.Context())
	if err != nil {
		t.Fatalf("log in: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// queryMySQL returns the columns and values of the one row of a query.
func queryMySQL(ctx context.Context, conn *sql.Conn, query string, parameters ...any) (names []string, values []any, err error) {
	rows, err := conn.QueryContext(ctx, query, parameters...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	if names, err = rows.Columns(); err != nil {
		return nil, nil, err
	}
	values = make([]any, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if !rows.Next() {
		return nil, nil, fmt.Errorf("no row: %w", rows.Err())
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, nil, err
	}
	for i, value := range values {
		if text, ok := value.([]byte); ok {
			values[i] = string(text)
		}
	}
	if rows.Next() {
		return nil, nil, fmt.Errorf("more than one row")
	}
	return names, values, rows.Err()
}

func TestMySQLSelect(t *testing.T) {
	tests := []struct {
		query string
		names []string
		want  []any
	}{
		{"select 1", []string{"1"}, []any{int64(1)}},
		{"SELECT 1 ;", []string{"1"}, []any{int64(1)}},
		{"/* ping */ select 1 -- one\n", []string{"1"}, []any{int64(1)}},
		{"# one\nselect\t-7 as n", []string{"n"}, []any{int64(-7)}},
		{"select 9223372036854775807, 18446744073709551615", []string{"9223372036854775807", "18446744073709551615"},
			[]any{int64(math.MaxInt64), uint64(math.MaxUint64)}},
		{"select 18446744073709551616, 1.50", []string{"18446744073709551616", "1.50"}, []any{"18446744073709551616", "1.50"}},
		{"select 'it''s', \"a \\\"b\\\"\\n\", 'c' 'd'", []string{"it's", "a \"b\"\n", "d"}, []any{"it's", "a \"b\"\n", "cd"}},
		{"select null, true, FALSE", []string{"null", "true", "FALSE"}, []any{nil, int64(1), int64(0)}},
		{"select 1 as `a``b`, 2 B, 3 'c', _binary'x' as y", []string{"a`b", "B", "c", "y"}, []any{int64(1), int64(2), int64(3), "x"}},
		{"select 1 from dual limit 1", []string{"1"}, []any{int64(1)}},
		{"select user(), current_user, session_user() u", []string{"user()", "current_user", "u"},
			[]any{"app@127.0.0.1", "app@%", "app@127.0.0.1"}},
		{"select database(), @@version_comment", []string{"database()", "@@version_comment"}, []any{"mysql", "rdsiamtest"}},
		{"select @@session.max_allowed_packet, @@global.transaction_isolation", []string{"@@session.max_allowed_packet", "@@global.transaction_isolation"},
			[]any{uint64(64 << 20), "REPEATABLE-READ"}},
		{"select '', 'größer'", []string{"", "größer"}, []any{"", "größer"}},
	}
	conn := startMySQLSession(t)
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			names, values, err := queryMySQL(t.Context(), conn, tt.query)
			if err != nil {
				t.Fatalf("as text: %v", err)
			}
			if !reflect.DeepEqual(names, tt.names) || !reflect.DeepEqual(values, tt.want) {
				t.Errorf("as text: got %q = %#v, want %q = %#v", names, values, tt.names, tt.want)
			}
			statement, err := conn.PrepareContext(t.Context(), tt.query)
			if err != nil {
				t.Fatalf("prepare: %v", err)
			}
			defer statement.Close()
			rows, err := statement.QueryContext(t.Context())
			if err != nil {
				t.Fatalf("execute: %v", err)
			}
			defer rows.Close()
			if names, err := rows.Columns(); err != nil || !reflect.DeepEqual(names, tt.names) {
				t.Errorf("prepared: got columns %q and error %v, want %q", names, err, tt.names)
			}
			for rows.Next() {
			}
			if err := rows.Err(); err != nil {
				t.Errorf("prepared: %v", err)
			}
		})
	}
}

func TestMySQLParameters(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	tests := []struct {
		name      string
		parameter any
		want      any
	}{
		{"integer", int64(-42), int64(-42)},
		{"large integer", int64(math.MinInt64), int64(math.MinInt64)},
		{"unsigned integer", uint64(math.MaxUint64), "18446744073709551615"},
		{"float", 2.5, 2.5},
		{"true", true, int64(1)},
		{"text", "it's ok", "it's ok"},
		{"empty text", "", ""},
		{"long text", long, long},
		{"bytes", []byte{0, 1, 255}, "\x00\x01\xff"},
		{"NULL", nil, nil},
		{"nil bytes", []byte(nil), nil},
		{"time", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02 03:04:05"},
	}
	conn := startMySQLSession(t)
	statement, err := conn.PrepareContext(t.Context(), "select ?, 'constant', ? as again, null")
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	defer statement.Close()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var first, constant, again, null any
			if err := statement.QueryRowContext(t.Context(), tt.parameter, tt.parameter).Scan(&first, &constant, &again, &null); err != nil {
				t.Fatalf("execute: %v", err)
			}
			for _, got := range []*any{&first, &constant, &again} {
				if text, ok := (*got).([]byte); ok {
					*got = string(text)
				}
			}
			if first != tt.want || again != tt.want || constant != "constant" || null != nil {
				t.Errorf("got %.40v, %v, %.40v, %v, want %.40v twice, a constant and NULL", first, constant, again, null, tt.want)
			}
		})
	}
}

// The NULL marks of parameters and columns start at different bits, so their
// bytes are full at different numbers.
func TestMySQLManyNulls(t *testing.T) {
	conn := startMySQLSession(t)
	for _, n := range []int{6, 7, 8, 9, 14, 15, 16, 17} {
		parameters := make([]any, n)
		for i := range parameters {
			if i%2 == n%2 { // the last one is NULL
				parameters[i] = int64(i)
			}
		}
		_, values, err := queryMySQL(t.Context(), conn, "select "+strings.Repeat("?, ", n-1)+"?", parameters...)
		if err != nil {
			t.Fatalf("%d parameters: %v", n, err)
		}
		if !reflect.DeepEqual(values, parameters) {
			t.Errorf("%d parameters: got %v, want %v", n, values, parameters)
		}
	}
}

// The driver sends a parameter of more than its share of what it may send ahead
// of the execution, in parts. It holds for that execution only.
func TestMySQLParametersSentAhead(t *testing.T) {
	conn := startMySQLSession(t, func(c *mysql.Config) { c.MaxAllowedPacket = 64 << 10 })
	statement, err := conn.PrepareContext(t.Context(), "select ?, ?")
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	defer statement.Close()
	long := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	for _, want := range [][2][]byte{{long, long[:3]}, {long[:4], long}, {long[:5], nil}} {
		var a, b []byte
		if err := statement.QueryRowContext(t.Context(), want[0], want[1]).Scan(&a, &b); err != nil {
			t.Fatalf("execute: %v", err)
		}
		if !bytes.Equal(a, want[0]) || !bytes.Equal(b, want[1]) {
			t.Errorf("got %d and %d bytes, want %d and %d", len(a), len(b), len(want[0]), len(want[1]))
		}
	}
}

func TestMySQLTransactions(t *testing.T) {
	conn := startMySQLSession(t)
	for _, finish := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
		tx, err := conn.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
		if err != nil {
			t.Fatalf("begin: %v", err)
		}
		if err := tx.QueryRowContext(t.Context(), "select ?", 1).Scan(new(int)); err != nil {
			t.Errorf("query: %v", err)
		}
		if err := finish(tx); err != nil {
			t.Errorf("end: %v", err)
		}
	}
	for _, statement := range []string{"SET NAMES utf8mb4", "set @a = 1, b = 'x'", "use other", "start transaction read only", "commit work", "begin"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	_, values, err := queryMySQL(t.Context(), conn, "select schema()")
	if err != nil || values[0] != "other" {
		t.Errorf("after use other: got %v, %v", values, err)
	}
}

func TestMySQLUnsupported(t *testing.T) {
	tests := []struct {
		statement string
		number    uint16
	}{
		{"", 1065},
		{" ; -- nothing\n", 1065},
		{"select ?", 1064},
		{"select", 1235},
		{"select * from t", 1235},
		{"select 1 from t", 1235},
		{"select 1 + 1", 1235},
		{"select 1 as", 1235},
		{"select 1, ", 1235},
		{"select 'open", 1235},
		{"select 1; select 2", 1235},
		{"select @@no_such_variable", 1235},
		{"select sleep(1)", 1235},
		{"select current_user(1)", 1235},
		{"select 1 limit 0", 1235},
		{"set password = 'x'", 1235},
		{"set", 1235},
		{"rollback to savepoint a", 1235},
		{"create table t (a int)", 1235},
		{"select " + strings.Repeat("1,", 4096) + "1", 1235},
		{"set a = " + strings.Repeat("1, ", 100_000) + "1", 1235}, // longer than is read
	}
	conn := startMySQLSession(t)
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.30s", tt.statement), func(t *testing.T) {
			_, err := conn.ExecContext(t.Context(), tt.statement)
			refusal := mysqlRefusal(t, err)
			if refusal.Number != tt.number {
				t.Errorf("got %v, want error %d", err, tt.number)
			}
			if tt.number == 1235 && !strings.Contains(refusal.Message, "WithUpstream") {
				t.Errorf("got text %q, want what to do about it", refusal.Message)
			}
			if err := conn.PingContext(t.Context()); err != nil {
				t.Errorf("the session did not survive: %v", err)
			}
		})
	}
	_, err := conn.PrepareContext(t.Context(), "select now()") //nolint:sqlclosecheck // it is refused
	if mysqlRefusal(t, err).Number != 1235 {
		t.Errorf("prepare: got %v, want error 1235", err)
	}
}

// Settings of a DSN become SET statements, and values that the driver writes
// into the statement have to be read back.
func TestMySQLDriverSettings(t *testing.T) {
	conn := startMySQLSession(t, func(c *mysql.Config) {
		c.Params = map[string]string{"sql_mode": "'ANSI'", "time_zone": "'+00:00'"}
		c.Collation = "utf8mb4_unicode_ci"
		c.MaxAllowedPacket = 0 // ask the server
		c.InterpolateParams = true
		if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
			t.Fatalf("set the charset: %v", err)
		}
	})
	_, values, err := queryMySQL(t.Context(), conn, "select ?, ?, ?, ?", "a'b\\c\n", []byte{1}, int64(-5), nil)
	if want := []any{"a'b\\c\n", "\x01", int64(-5), nil}; err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("got %#v and error %v, want %#v", values, err, want)
	}
}

func TestMySQLSessionsInParallel(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	db := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app")))
	results := make(chan error)
	for i := range 16 {
		go func() {
			var got int
			err := db.QueryRowContext(t.Context(), "select ?", i).Scan(&got)
			if err == nil && got != i {
				err = fmt.Errorf("got %d, want %d", got, i)
			}
			results <- err
		}()
	}
	for range 16 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
