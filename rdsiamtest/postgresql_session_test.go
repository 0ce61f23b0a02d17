package rdsiamtest_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// inSession runs a test with a client that is logged in as app.
func inSession(t *testing.T, test func(t *testing.T, conn *pgx.Conn), change ...func(*pgx.ConnConfig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
		for _, c := range change {
			c(config)
		}
		conn := connectPGX(t, config)
		defer conn.Close(context.Background())
		test(t, conn)
	})
}

var execModes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

func TestPostgreSQLSelect(t *testing.T) {
	tests := []struct {
		query     string
		arguments []any
		names     []string
		values    []any
	}{
		{query: "select 1", names: []string{"?column?"}, values: []any{int32(1)}},
		{query: "SELECT -7 AS n;", names: []string{"n"}, values: []any{int32(-7)}},
		{query: "select 2147483648", names: []string{"?column?"}, values: []any{int64(2147483648)}},
		{query: "select 'it''s' \"A b\"", names: []string{"A b"}, values: []any{"it's"}},
		{query: "select null, true as yes, false", names: []string{"?column?", "yes", "bool"}, values: []any{nil, true, false}},
		{query: "select '12'::int, 12::text, 't'::boolean, 5::bigint, 6::smallint", names: []string{"int4", "text", "bool", "int8", "int2"},
			values: []any{int32(12), "12", true, int64(5), int16(6)}},
		{query: "select current_user, session_user, user", names: []string{"current_user", "session_user", "user"}, values: []any{"app", "app", "app"}},
		{query: "select current_database() as d", names: []string{"d"}, values: []any{"postgres"}},
		{query: "select version()", names: []string{"version"}, values: []any{"PostgreSQL 17.0 (rdsiamtest)"}},
		{query: "/* a; comment */ select 1 -- and; another", names: []string{"?column?"}, values: []any{int32(1)}},
		{query: "select $1::text", arguments: []any{"x'); --"}, names: []string{"text"}, values: []any{"x'); --"}},
		{query: "select $1::text", arguments: []any{nil}, names: []string{"text"}, values: []any{nil}},
		{query: "select $1::text as t", arguments: []any{""}, names: []string{"t"}, values: []any{""}},
		{query: "select $1::int, $2::int8, $3::smallint", arguments: []any{int32(-1), int64(1) << 40, int16(-300)},
			names: []string{"int4", "int8", "int2"}, values: []any{int32(-1), int64(1) << 40, int16(-300)}},
		{query: "select $1::bool, $1::bool", arguments: []any{false}, names: []string{"bool", "bool"}, values: []any{false, false}},
		{query: "select $2::text, $1::int", arguments: []any{3, "three"}, names: []string{"text", "int4"}, values: []any{"three", int32(3)}},
	}
	for _, mode := range execModes {
		t.Run(mode.String(), func(t *testing.T) {
			inSession(t, func(t *testing.T, conn *pgx.Conn) {
				for _, test := range tests {
					for range 2 { // the second time from the cache
						rows, err := conn.Query(t.Context(), test.query, test.arguments...)
						if err != nil {
							t.Errorf("%s: %v", test.query, err)
							break
						}
						checkRow(t, test.query, rows, test.names, test.values)
					}
				}
			}, func(config *pgx.ConnConfig) { config.DefaultQueryExecMode = mode })
		})
	}
}

// checkRow wants one row.
func checkRow(t *testing.T, query string, rows pgx.Rows, names []string, values []any) {
	t.Helper()
	defer rows.Close()
	var gotNames []string
	var gotValues []any
	count := 0
	for rows.Next() {
		count++
		for _, field := range rows.FieldDescriptions() {
			gotNames = append(gotNames, field.Name)
		}
		var err error
		if gotValues, err = rows.Values(); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil || count != 1 {
		t.Errorf("%s: %d rows, %v", query, count, err)
		return
	}
	if !reflect.DeepEqual(gotNames, names) || !reflect.DeepEqual(gotValues, values) {
		t.Errorf("%s = %q %#v, want %q %#v", query, gotNames, gotValues, names, values)
	}
	if got := rows.CommandTag().String(); got != "SELECT 1" {
		t.Errorf("%s: command tag %q", query, got)
	}
}

// Types that the server does not know better are passed back as they came.
func TestPostgreSQLEcho(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		var bytes []byte
		var float float64
		err := conn.QueryRow(t.Context(), "select $1::bytea, $2::float8", []byte{0, 1, 255}, 1.5).Scan(&bytes, &float)
		if err != nil || string(bytes) != "\x00\x01\xff" || float != 1.5 {
			t.Errorf("got %v, %v, %v", bytes, float, err)
		}
	})
}

func TestPostgreSQLErrors(t *testing.T) {
	tests := []struct {
		query   string
		code    string
		message string // part of it
	}{
		{"select * from accounts", "0A000", `cannot answer an expression with "*"`},
		{"select 1 from accounts", "0A000", `a SELECT with "from"`},
		{"select 1 + 1", "0A000", `a SELECT with "+"`},
		{"select now()", "0A000", `the expression "now"`},
		{"select 1::money", "0A000", `a cast to "money"`},
		{"select 99999999999999999999", "0A000", "the number 99999999999999999999"},
		{"create table t (n int)", "0A000", "cannot answer CREATE"},
		{"select", "42601", "syntax error at end of input"},
		{"select 1,", "42601", "syntax error at end of input"},
		{"deallocate", "42601", "syntax error at end of input"},
		{"select 1 as", "42601", "syntax error at end of input"},
		{"select 1 as 2", "42601", `syntax error at or near "2"`},
		{"(select 1)", "42601", `syntax error at or near "("`},
		{"select 'open", "42601", "unterminated quoted string"},
		{"select 1 /* open", "42601", "unterminated /* comment"},
		{"select 'x'::int", "22P02", `invalid input syntax for type int4: "x"`},
		{"select 3000000000::int", "22P02", "invalid input syntax for type int4"},
		{"select 'maybe'::bool", "22P02", "invalid input syntax for type bool"},
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			inSession(t, func(t *testing.T, conn *pgx.Conn) {
				for _, test := range tests {
					_, err := conn.Exec(t.Context(), test.query, mode)
					said := wantPgError(t, err, test.code, "")
					if !strings.Contains(said.Message, test.message) || said.Severity != "ERROR" {
						t.Errorf("%s: %s %q, want %q", test.query, said.Severity, said.Message, test.message)
					}
					if test.code == "0A000" && !strings.Contains(said.Hint, "WithUpstream") {
						t.Errorf("%s: hint %q does not name WithUpstream", test.query, said.Hint)
					}
					// The session goes on.
					if err := conn.Ping(t.Context()); err != nil {
						t.Fatalf("%s: ping after it: %v", test.query, err)
					}
				}
			})
		})
	}
}

func TestPostgreSQLTransactions(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		status := func(want byte) {
			t.Helper()
			if got := conn.PgConn().TxStatus(); got != want {
				t.Errorf("transaction status %q, want %q", got, want)
			}
		}
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly})
		if err != nil {
			t.Fatal(err)
		}
		status('T')
		nested, err := tx.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := nested.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		status('T')
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		status('I')

		tx, err = conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(t.Context(), "select 'x'::int")
		wantPgError(t, err, "22P02", "")
		status('E')
		_, err = tx.Exec(t.Context(), "select 1")
		wantPgError(t, err, "25P02", "")
		if err := tx.Commit(t.Context()); err != pgx.ErrTxCommitRollback {
			t.Errorf("commit of a failed transaction: %v, want ErrTxCommitRollback", err)
		}
		status('I')
	})
}

func TestPostgreSQLCommands(t *testing.T) {
	tests := []struct{ query, tag string }{
		{"", ""},
		{";", ""},
		{"-- ping", ""},
		{"set search_path to app", "SET"},
		{"start transaction", "BEGIN"},
		{"savepoint a", "SAVEPOINT"},
		{"rollback to savepoint a", "ROLLBACK"},
		{"end", "COMMIT"},
		{"discard all", "DISCARD ALL"},
		{"deallocate all", "DEALLOCATE ALL"},
		{"begin; select 1; commit", "COMMIT"},
	}
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		for _, test := range tests {
			tag, err := conn.Exec(t.Context(), test.query, pgx.QueryExecModeSimpleProtocol)
			if err != nil || tag.String() != test.tag {
				t.Errorf("%q: tag %q, %v; want %q", test.query, tag, err, test.tag)
			}
		}
	})
}

func TestPostgreSQLPreparedStatements(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		pg := conn.PgConn()
		described, err := pg.Prepare(t.Context(), "one", "select $1::int as n, $2", nil)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(described.ParamOIDs) != "[23 25]" || len(described.Fields) != 2 || described.Fields[0].DataTypeOID != 23 {
			t.Errorf("description = %+v", described)
		}
		result := pg.ExecPrepared(t.Context(), "one", [][]byte{[]byte("7"), nil}, nil, nil).Read()
		if result.Err != nil || len(result.Rows) != 1 || string(result.Rows[0][0]) != "7" || result.Rows[0][1] != nil {
			t.Errorf("result = %+v", result)
		}
		_, err = pg.Prepare(t.Context(), "one", "select 1", nil)
		wantPgError(t, err, "42P05", `prepared statement "one" already exists`)
		err = pg.ExecPrepared(t.Context(), "one", [][]byte{[]byte("7")}, nil, nil).Read().Err
		wantPgError(t, err, "08P01", `bind message supplies 1 parameters, but prepared statement "one" requires 2`)
		err = pg.ExecPrepared(t.Context(), "two", nil, nil, nil).Read().Err
		wantPgError(t, err, "26000", `prepared statement "two" does not exist`)
		_, err = pg.Prepare(t.Context(), "two", "select 1; select 2", nil)
		wantPgError(t, err, "42601", "cannot insert multiple commands into a prepared statement")
		if err := pg.Deallocate(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		err = pg.ExecPrepared(t.Context(), "one", [][]byte{nil, nil}, nil, nil).Read().Err
		wantPgError(t, err, "26000", `prepared statement "one" does not exist`)
		err = pg.Exec(t.Context(), "select $1").Close()
		wantPgError(t, err, "42P02", "there is no parameter $1")
		if _, err := pg.Prepare(t.Context(), "three", "select 1", nil); err != nil {
			t.Fatal(err)
		}
		if err := pg.Exec(t.Context(), "deallocate three").Close(); err != nil {
			t.Fatal(err)
		}
		err = pg.ExecPrepared(t.Context(), "three", nil, nil, nil).Read().Err
		wantPgError(t, err, "26000", `prepared statement "three" does not exist`)
	})
}

// After an error the server skips what was sent ahead, up to Sync.
func TestPostgreSQLPipeline(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		batch := new(pgx.Batch)
		for i := range 200 {
			batch.Queue("select $1::int", i)
		}
		results := conn.SendBatch(t.Context(), batch)
		for i := range 200 {
			var n int
			if err := results.QueryRow().Scan(&n); err != nil || n != i {
				t.Fatalf("result %d = %d, %v", i, n, err)
			}
		}
		if err := results.Close(); err != nil {
			t.Fatal(err)
		}

		pipeline := conn.PgConn().StartPipeline(t.Context())
		pipeline.SendQueryParams("select 'x'::int", nil, nil, nil, nil)
		pipeline.SendQueryParams("select 1", nil, nil, nil, nil)
		if err := pipeline.Sync(); err != nil {
			t.Fatal(err)
		}
		var said []string
		for {
			got, err := pipeline.GetResults()
			switch got := got.(type) {
			case *pgconn.ResultReader:
				err = got.Read().Err
			case *pgconn.PipelineSync:
				said = append(said, "sync")
			}
			if err != nil {
				said = append(said, "error")
			}
			if len(said) > 0 && said[len(said)-1] == "sync" || len(said) > 5 {
				break
			}
		}
		pipeline.Close()
		if fmt.Sprint(said) != "[error sync]" {
			t.Errorf("results = %q, want one error and nothing of the second statement", said)
		}
		if err := conn.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPostgreSQLDatabaseSQL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		db := stdlib.OpenDB(*pgxConfig(t, server, "app", tokenFor(t, server, "app")))
		defer db.Close()
		statement, err := db.PrepareContext(t.Context(), "select $1::text, $2::int")
		if err != nil {
			t.Fatal(err)
		}
		defer statement.Close()
		for i := range 3 {
			var text string
			var n int
			if err := statement.QueryRowContext(t.Context(), "x", i).Scan(&text, &n); err != nil || text != "x" || n != i {
				t.Errorf("got %q, %d, %v", text, n, err)
			}
		}
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	})
}

// A message that does not belong into a session ends it, with a reason.
func TestPostgreSQLUnexpectedMessage(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		hijacked, err := conn.PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Conn.Close()
		writeAll(t, hijacked.Conn, &pgproto3.PasswordMessage{Password: "late"})
		got, err := hijacked.Frontend.Receive()
		if said, ok := got.(*pgproto3.ErrorResponse); !ok || said.Code != "08P01" {
			t.Errorf("server said %+v, %v; want 08P01", got, err)
		}
	})
}

func FuzzPostgreSQLFront(f *testing.F) {
	encoded := func(messages ...pgproto3.FrontendMessage) []byte {
		var b []byte
		for _, message := range messages {
			var err error
			if b, err = message.Encode(b); err != nil {
				f.Fatal(err)
			}
		}
		return b
	}
	startup := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "app"}}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(0), encoded(startup))
	f.Add(uint8(0), encoded(&pgproto3.SSLRequest{}))
	f.Add(uint8(0), encoded(&pgproto3.GSSEncRequest{}, startup))
	f.Add(uint8(0), encoded(&pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}))
	f.Add(uint8(0), []byte{0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0})
	f.Add(uint8(1), encoded(&pgproto3.PasswordMessage{Password: "h:1/?Action=connect"}))
	f.Add(uint8(2), encoded(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,n=,r=x")},
		&pgproto3.SASLResponse{Data: []byte("c=biws,r=x,p=AAAA")}))
	f.Add(uint8(3), encoded(&pgproto3.Query{String: "select 1, 'x'::text as a; begin; --"}, &pgproto3.Terminate{}))
	f.Add(uint8(3), encoded(
		&pgproto3.Parse{Name: "s", Query: "select $1::int, $2", ParameterOIDs: []uint32{23}},
		&pgproto3.Describe{ObjectType: 'S', Name: "s"},
		&pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", ParameterFormatCodes: []int16{1, 0},
			Parameters: [][]byte{{0, 0, 0, 1}, nil}, ResultFormatCodes: []int16{1}},
		&pgproto3.Execute{Portal: "p"}, &pgproto3.Execute{Portal: "p"}, &pgproto3.Close{ObjectType: 'P', Name: "p"},
		&pgproto3.Flush{}, &pgproto3.Sync{}))
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithPasswordUser("old", "secret"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	f.Fuzz(func(t *testing.T, stage uint8, input []byte) {
		server.ServePostgreSQLBytes(t, stage%4, input)
	})
}

// Answers go out before the client asks for them once they are many: a client that pipelines
// without end must not fill the memory of the server.
func TestPostgreSQLPipelineWithoutSync(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		hijacked, err := conn.PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Conn.Close()
		hijacked.Conn.SetDeadline(time.Now().Add(time.Minute))
		client := hijacked.Frontend
		client.Send(&pgproto3.Parse{Name: "wide", Query: "select 1" + strings.Repeat(", 1", 1663)})
		for range 4 {
			client.Send(&pgproto3.Describe{ObjectType: 'S', Name: "wide"})
		}
		if err := client.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Receive(); err != nil {
			t.Errorf("no answer before Sync: %v", err)
		}
	})
}

// A row cannot be many times as long as what was sent for it.
func TestPostgreSQLLongRow(t *testing.T) {
	inSession(t, func(t *testing.T, conn *pgx.Conn) {
		repeated := strings.Repeat("x", 32<<10)
		query := "select $1::text" + strings.Repeat(", $1::text", 1663)
		_, err := conn.Exec(t.Context(), query, repeated)
		if answer := new(pgconn.PgError); !errors.As(err, &answer) || answer.Code != "54000" {
			t.Errorf("got %v, want SQLSTATE 54000", err)
		}
		if _, err := conn.Exec(t.Context(), "select $1::text, $1::text", repeated); err != nil {
			t.Error(err)
		}
	})
}
