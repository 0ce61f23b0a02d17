package rdsiamtest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

var readOnly = rdsiamtest.Faults{ReadOnly: true}

// postgresWrites are statements and what a hot standby says of them: "tag" stands for a text
// about a read-only transaction, "tag during recovery" for the other.
var postgresWrites = []struct{ statement, want string }{
	{"insert into pg_class values (1)", "INSERT"},
	{"update pg_class set relname = 'x'", "UPDATE"},
	{"delete from pg_class", "DELETE"},
	{"merge into pg_class using (select 1) x on true when matched then delete", "MERGE"},
	{"create table t (a int)", "CREATE TABLE"},
	{"create temp table t (a int generated always as (1) stored)", "CREATE TABLE"},
	{"create table t as select 1", "CREATE TABLE AS"},
	{"select 1 into t", "SELECT INTO"},
	{"create or replace view v as select 1", "CREATE VIEW"},
	{"create unique index i on pg_class (oid)", "CREATE INDEX"},
	{"create user r", "CREATE ROLE"},
	{"create materialized view v as select 1", "CREATE MATERIALIZED VIEW"},
	{"create user mapping for app server s", "CREATE USER MAPPING"},
	{"create constraint trigger t after insert on pg_class for each row execute function f()", "CREATE TRIGGER"},
	{"alter table pg_class add a int", "ALTER TABLE"},
	{"alter user app superuser", "ALTER ROLE"},
	{"alter default privileges grant select on tables to app", "ALTER DEFAULT PRIVILEGES"},
	{"drop table if exists t", "DROP TABLE"},
	{"drop index concurrently if exists i", "DROP INDEX"},
	{"drop owned by app", "DROP OWNED"},
	{"truncate pg_class", "TRUNCATE TABLE"},
	{"grant select on pg_class to app", "GRANT"},
	{"grant app to app", "GRANT ROLE"},
	{"revoke app from app", "REVOKE ROLE"},
	{"comment on table pg_class is 'x'", "COMMENT"},
	{"reassign owned by app to app", "REASSIGN OWNED"},
	{"refresh materialized view v", "REFRESH MATERIALIZED VIEW"},
	{"import foreign schema s from server x into y", "IMPORT FOREIGN SCHEMA"},
	{"security label on table pg_class is 'x'", "SECURITY LABEL"},
	{"select oid from pg_class for update", "SELECT FOR UPDATE"},
	{"select oid from pg_class for no key update", "SELECT FOR NO KEY UPDATE"},
	{"with x as (insert into pg_class values (1) returning 1) select 1", "SELECT"},
	{"with x as (select 1) insert into pg_class values (1)", "INSERT"},
	{"explain analyze insert into pg_class values (1)", "INSERT"},
	{"vacuum full pg_class", "VACUUM during recovery"},
	{"analyze", "ANALYZE during recovery"},
	{"cluster", "CLUSTER during recovery"},
	{"reindex table pg_class", "REINDEX during recovery"},
	{"lock table pg_class", "LOCK TABLE during recovery"},
	{"notify x", "NOTIFY during recovery"},
	{"listen x", "LISTEN during recovery"},
	{"copy pg_class from stdin", "COPY during recovery"},
	{"prepare transaction 'x'", "PREPARE TRANSACTION during recovery"},
}

// checkReadOnly checks what a PostgreSQL server that takes no writes says.
func checkReadOnly(t *testing.T, conn *pgconn.PgConn) {
	t.Helper()
	ask := func(statement string) (string, error) {
		results, err := conn.Exec(t.Context(), statement).ReadAll()
		if err != nil || len(results[0].Rows) == 0 {
			return "", err
		}
		return string(results[0].Rows[0][0]), nil
	}
	for _, write := range postgresWrites {
		want := "cannot execute " + write.want + " in a read-only transaction"
		if strings.HasSuffix(write.want, "recovery") {
			want = "cannot execute " + write.want
		}
		_, err := ask(write.statement)
		var said *pgconn.PgError
		if !errors.As(err, &said) || said.Code != "25006" || said.Message != want {
			t.Errorf("%s: %v, want 25006 %s", write.statement, err, want)
		}
	}
	for _, test := range []struct{ statement, want string }{
		{"show transaction_read_only", "on"},
		{"show default_transaction_read_only", "off"},
		{"show in_hot_standby", "on"},
		{"show TRANSACTION isolation LEVEL", "read committed"},
		{"select pg_is_in_recovery()", "t"},
		{"begin", ""},
		{"set transaction read only", ""},
		{"rollback", ""},
		{"begin read only", ""},
		{"commit", ""},
		{"set session characteristics as transaction read write", ""},
		{"set default_transaction_read_only = off", ""},
	} {
		if got, err := ask(test.statement); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.statement, got, err, test.want)
		}
	}
	const readWrite = "cannot set transaction read-write mode during recovery"
	for _, test := range []struct{ statement, want string }{
		{"begin read write", readWrite},
		{"start transaction read write", readWrite},
		{"set transaction_read_only = off", readWrite},
		{"begin transaction isolation level serializable", "cannot use serializable mode in a hot standby"},
	} {
		_, err := ask(test.statement)
		wantPgError(t, err, "0A000", test.want)
	}
	for name, want := range map[string]string{"in_hot_standby": "on", "default_transaction_read_only": "off"} {
		if got := conn.ParameterStatus(name); got != want {
			t.Errorf("%s is reported as %q, want %q", name, got, want)
		}
	}
}

func TestReadOnlyPostgreSQL(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	server.SetFaults(readOnly)
	conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
	defer conn.Close(context.Background())
	checkReadOnly(t, conn.PgConn())
	_, err := conn.Exec(t.Context(), "insert into t values ($1)", 1)
	wantPgError(t, err, "25006", "cannot execute INSERT in a read-only transaction")
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("the session ended: %v", err)
	}
}

// The same is true of PostgreSQL itself.
func TestReadOnlyOfPostgreSQL(t *testing.T) {
	standby := realPostgreSQLWith(t, "standby.signal")
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(standby))
	conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
	defer conn.Close(context.Background())
	checkReadOnly(t, conn.PgConn())
}

// A session notices when its server changes.
func TestReadOnlyIsToggled(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
	defer conn.Close(context.Background())
	for _, on := range []bool{false, true, false} {
		server.SetFaults(rdsiamtest.Faults{ReadOnly: on})
		var shown string
		var recovers bool
		err := errors.Join(
			conn.QueryRow(t.Context(), "show transaction_read_only").Scan(&shown),
			conn.QueryRow(t.Context(), "select pg_is_in_recovery()").Scan(&recovers))
		want := map[bool]string{true: "on", false: "off"}[on]
		if err != nil || shown != want || recovers != on || conn.PgConn().ParameterStatus("in_hot_standby") != want {
			t.Errorf("%v: %s, %v, %s, %v", on, shown, recovers, conn.PgConn().ParameterStatus("in_hot_standby"), err)
		}
		_, err = conn.Exec(t.Context(), "insert into t values (1)")
		wantPgError(t, err, map[bool]string{true: "25006", false: "0A000"}[on], "")
	}
}

// A transaction can be read-only on a server that is not.
func TestReadOnlyTransactions(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
	config.RuntimeParams["options"] = "-c default_transaction_read_only=on"
	conn := connectPGX(t, config)
	defer conn.Close(context.Background())
	for _, test := range []struct{ statement, want string }{
		{"select 1", "on"},
		{"begin", "on"},
		{"set transaction read write", "off"},
		{"commit", "on"},
		{"begin read write", "off"},
		{"set transaction_read_only to on", "on"},
		{"rollback", "on"},
		{"set session default_transaction_read_only = 'off'", "off"},
		{"start transaction isolation level serializable, read only", "on"},
		{"commit", "off"},
		{"discard all", "on"},
	} {
		if _, err := conn.PgConn().Exec(t.Context(), test.statement).ReadAll(); err != nil {
			t.Fatalf("%s: %v", test.statement, err)
		}
		results, err := conn.PgConn().Exec(t.Context(), "show transaction_read_only").ReadAll()
		if err != nil || string(results[0].Rows[0][0]) != test.want {
			t.Errorf("%s: %v, %v; want %s", test.statement, results, err, test.want)
		}
	}
}

// target_session_attrs finds the server that it is meant to find, before and after a failover.
func TestTargetSessionAttrs(t *testing.T) {
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b"}
	servers := make(map[string]*rdsiamtest.Server)
	for _, name := range names {
		servers[name] = rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
			rdsiamtest.WithCertificateAuthority(authority), rdsiamtest.WithEndpoint(name+".abc123.us-east-1.rds.amazonaws.com"))
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return servers[address[:1]].DialContext(ctx, network, address)
	}
	connect := func(attrs string) (string, error) {
		config, err := pgx.ParseConfig("postgres://app@" + servers["a"].Endpoint() + "," + servers["b"].Endpoint() +
			"/postgres?sslmode=verify-full&target_session_attrs=" + attrs)
		if err != nil {
			t.Fatal(err)
		}
		config.DialFunc = dial
		config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
		config.TLSConfig.RootCAs = authority.RootCAs()
		for _, fallback := range config.Fallbacks {
			fallback.TLSConfig.RootCAs = authority.RootCAs()
		}
		var tried string
		config.AfterNetConnect = func(_ context.Context, c *pgconn.Config, conn net.Conn) (net.Conn, error) {
			tried = conn.RemoteAddr().String()[:1]
			c.Password = tokenFor(t, servers[tried], "app")
			return conn, nil
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			return "", err
		}
		return conn.PgConn().Conn().RemoteAddr().String()[:1], conn.Close(t.Context())
	}
	for _, test := range []struct {
		attrs   string
		readers []string
		want    string
	}{
		{"read-write", []string{"a"}, "b"}, {"read-write", []string{"b"}, "a"}, {"read-write", names, ""},
		{"read-only", []string{"a"}, "a"}, {"read-only", []string{"b"}, "b"}, {"read-only", nil, ""},
		{"primary", []string{"a"}, "b"}, {"primary", []string{"b"}, "a"}, {"primary", names, ""},
		{"standby", []string{"a"}, "a"}, {"standby", []string{"b"}, "b"}, {"standby", nil, ""},
		{"prefer-standby", []string{"a"}, "a"}, {"prefer-standby", []string{"b"}, "b"}, {"prefer-standby", nil, "a or b"},
		{"any", []string{"a"}, "a"},
	} {
		for _, name := range names {
			servers[name].SetFaults(rdsiamtest.Faults{ReadOnly: slices.Contains(test.readers, name)})
		}
		got, err := connect(test.attrs)
		if !strings.Contains(test.want, got) || (err != nil) != (test.want == "") {
			t.Errorf("%s with the readers %v: connected to %q, %v; want %q", test.attrs, test.readers, got, err, test.want)
		}
	}
}

// mysqlWrites are refused by a server with read_only.
var mysqlWrites = []string{
	"insert into t values (1)", "replace into t values (1)", "update t set a = 2", "delete from t",
	"truncate t", "create table x (a int)", "drop table t", "drop table if exists zz", "alter table t add b int",
	"rename table t to t2", "create index i on t(a)", "drop index i on t", "create or replace view v as select 1",
	"create procedure p() select 1", "create database d2", "drop database d", "grant select on d.t to w@localhost",
	"revoke select on d.t from w@localhost", "lock tables t write", "select * from t for update",
	"analyze table t", "optimize table t", "start transaction read write", "insert into t select * from t where 0",
}

func wantMySQLError(t *testing.T, statement string, err error, number uint16, text string) {
	t.Helper()
	var said *mysql.MySQLError
	if !errors.As(err, &said) || said.Number != number || text != "" && said.Message != text {
		t.Errorf("%s: %v, want error %d %s", statement, err, number, text)
	}
}

func TestReadOnlyMySQL(t *testing.T) {
	const refused = "The MySQL server is running with the --read-only option so it cannot execute this statement"
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	db := openDB(t, "MySQL", server)
	db.SetMaxOpenConns(1)
	for _, on := range []bool{true, false, true} {
		server.SetFaults(rdsiamtest.Faults{ReadOnly: on})
		var plain, global, innodb, transaction bool
		err := db.QueryRowContext(t.Context(), "select @@read_only, @@global.read_only, @@innodb_read_only, @@transaction_read_only").
			Scan(&plain, &global, &innodb, &transaction)
		if err != nil || plain != on || global != on || innodb != on || transaction {
			t.Errorf("%v: %v, %v, %v, %v, %v", on, plain, global, innodb, transaction, err)
		}
		for _, statement := range mysqlWrites {
			_, err := db.ExecContext(t.Context(), statement)
			switch {
			case on:
				wantMySQLError(t, statement, err, 1290, refused)
			case statement != "start transaction read write":
				wantMySQLError(t, statement, err, 1235, "")
			}
		}
		_, err = db.PrepareContext(t.Context(), "insert into t values (?)") //nolint:sqlclosecheck // it is refused
		wantMySQLError(t, "prepare", err, map[bool]uint16{true: 1290, false: 1235}[on], "")
	}
	for _, statement := range []string{
		"start transaction read only", "commit", "begin", "rollback", "set transaction read write", "select 1",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if n := len(server.Logins()); n != 1 {
		t.Errorf("%d logins, want one session for all", n)
	}
}

// In front of an upstream the real server refuses, and open sessions end with the change.
func TestReadOnlyUpstream(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front, upstream := startSpliced(t, engine)
				db := openDB(t, engine, front)
				before := false
				for i, on := range []bool{false, true, true, false} {
					front.SetFaults(rdsiamtest.Faults{ReadOnly: on})
					synctest.Wait()
					_, err := db.ExecContext(t.Context(), "insert into t values (1)")
					if on != before { // the session is cut
						_, err = db.ExecContext(t.Context(), "insert into t values (1)")
					}
					before = on
					code, number := "0A000", uint16(1235)
					if on {
						code, number = "25006", 1792
					}
					if engine == "MySQL" {
						wantMySQLError(t, fmt.Sprint(i), err, number, "")
					} else {
						wantPgError(t, err, code, "")
					}
				}
				if n := len(upstream.Logins()); n != 3 {
					t.Errorf("%d logins upstream, want one for each change", n)
				}
			})
		})
	}
}

func TestReadOnlyUpstreamPostgreSQL(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(realPostgreSQL(t)))
	connect := func() *pgx.Conn {
		config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
		config.RuntimeParams["options"] = "-c default_transaction_read_only=off"
		return connectPGX(t, config)
	}
	before := connect()
	defer before.Close(context.Background())
	if _, err := before.Exec(t.Context(), "create table written (n int)"); err != nil {
		t.Fatal(err)
	}
	server.SetFaults(readOnly)
	if _, err := before.Exec(t.Context(), "insert into written values (1)"); err == nil || before.Ping(t.Context()) == nil {
		t.Errorf("the open session goes on: %v", err)
	}
	conn := connect()
	defer conn.Close(context.Background())
	_, err := conn.Exec(t.Context(), "insert into written values (1)")
	wantPgError(t, err, "25006", "cannot execute INSERT in a read-only transaction")
	if err := pgconn.ValidateConnectTargetSessionAttrsReadOnly(t.Context(), conn.PgConn()); err != nil {
		t.Errorf("target_session_attrs=read-only: %v", err)
	}
	if got := conn.PgConn().ParameterStatus("default_transaction_read_only"); got != "on" {
		t.Errorf("default_transaction_read_only is reported as %q", got)
	}
}
