package rdsiamtest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const upstreamPassword = "upstream's secret"

// realMariaDB starts a server with the account app and a database app, runs the
// statements as its administrator, and returns how to log in to it with and
// without TLS.
func realMariaDB(t *testing.T, statements ...string) map[string]rdsiamtest.Upstream {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	server, err := realserver.StartMariaDB(t.Context(), realserver.Options{
		Check:         func(context.Context, string, string) error { return errors.New("no tokens here") },
		Certificate:   tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		PasswordUsers: map[string]string{"app": upstreamPassword},
	})
	if missing := (*realserver.MissingError)(nil); errors.As(err, &missing) {
		skipWithoutServer(t, missing.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	statements = append([]string{
		"CREATE DATABASE app", "GRANT ALL ON app.* TO app", "SET GLOBAL local_infile = 1",
	}, statements...)
	if err := server.Exec(t.Context(), statements...); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	plain := rdsiamtest.Upstream{Address: server.Addr(), Password: upstreamPassword, Database: "app"}
	encrypted := plain
	encrypted.TLS = &tls.Config{RootCAs: roots}
	return map[string]rdsiamtest.Upstream{"plaintext": plain, "TLS": encrypted}
}

func TestMySQLRealUpstream(t *testing.T) {
	for name, upstream := range realMariaDB(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("statements", func(t *testing.T) { testMariaDBStatements(t, upstream) })
			t.Run("local file", func(t *testing.T) { testMariaDBLocalFile(t, upstream) })
			t.Run("unknown database", func(t *testing.T) { testMariaDBUnknownDatabase(t, upstream) })
			t.Run("change of user", func(t *testing.T) { testMariaDBChangeUser(t, upstream) })
			t.Run("read-only", func(t *testing.T) { testMariaDBReadOnly(t, upstream) })
			t.Run("kill", func(t *testing.T) { testMariaDBKill(t, upstream) })
			t.Run("command line", func(t *testing.T) {
				server, config := startMySQLFront(t, upstream)
				if got := mariaDBClient(t, server, config.Passwd, "select current_user(), 1+1"); got != "app@%\t2\n" {
					t.Errorf("got %q, want app@%% and 2", got)
				}
			})
		})
	}
}

// Behind a server with Faults.ReadOnly, MariaDB has read-only transactions.
func testMariaDBReadOnly(t *testing.T, upstream rdsiamtest.Upstream) {
	server, config := startMySQLFront(t, upstream)
	db := openMySQL(t, config)
	db.SetMaxIdleConns(0)
	if _, err := db.ExecContext(t.Context(), "create or replace table written (n int)"); err != nil {
		t.Fatal(err)
	}
	server.SetFaults(readOnly)
	_, err := db.ExecContext(t.Context(), "insert into written values (1)")
	wantMySQLError(t, "insert", err, 1792, "Cannot execute statement in a READ ONLY transaction")
	server.SetFaults(rdsiamtest.Faults{})
	if _, err := db.ExecContext(t.Context(), "insert into written values (1)"); err != nil {
		t.Errorf("after the fault: %v", err)
	}
}

// What the built-in answers refuse with ReadOnly is what a server with read_only refuses.
func TestReadOnlyOfMariaDB(t *testing.T) {
	upstream := realMariaDB(t, "CREATE TABLE app.t (a int primary key)", "SET GLOBAL read_only = 1")["TLS"]
	_, config := startMySQLFront(t, upstream)
	db := openMySQL(t, config)
	const refused = "The MariaDB server is running with the --read-only option so it cannot execute this statement"
	for _, statement := range mysqlWrites {
		_, err := db.ExecContext(t.Context(), statement)
		wantMySQLError(t, statement, err, 1290, refused)
	}
	for _, statement := range []string{"start transaction read only", "commit", "set transaction read write", "begin", "rollback"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	var plain, global bool
	if err := db.QueryRowContext(t.Context(), "select @@read_only, @@global.read_only").Scan(&plain, &global); err != nil || !plain || !global {
		t.Errorf("read_only is %v, %v, %v", plain, global, err)
	}
}

func testMariaDBStatements(t *testing.T, upstream rdsiamtest.Upstream) {
	_, config := startMySQLFront(t, upstream)
	config.ParseTime = true
	db := openMySQL(t, config)
	var user, version, encrypted string
	if err := db.QueryRowContext(t.Context(), "select current_user(), version()").Scan(&user, &version); err != nil {
		t.Fatalf("query: %v", err)
	}
	if user != "app@%" || !strings.Contains(version, "MariaDB") {
		t.Errorf("got user %q on %q, want app@%% on MariaDB", user, version)
	}
	if err := db.QueryRowContext(t.Context(), "show status like 'Ssl_cipher'").Scan(new(string), &encrypted); err != nil {
		t.Fatalf("query: %v", err)
	}
	if (encrypted != "") != (upstream.TLS != nil) {
		t.Errorf("got cipher %q at the upstream, want one: %t", encrypted, upstream.TLS != nil)
	}
	for _, statement := range []string{
		"create or replace table t (id int auto_increment primary key, a bigint, b double, c longtext, d datetime)",
		"insert into t (a, b, c, d) values (-1, 2.5, 'größer', '2026-01-02 03:04:05'), (null, null, null, null)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	long := strings.Repeat("x", 300_000)
	result, err := db.ExecContext(t.Context(), "insert into t (c) values (?)", long)
	if err != nil {
		t.Fatalf("insert: %v", err)
	}
	if id, err := result.LastInsertId(); id != 3 || err != nil {
		t.Errorf("got id %d and error %v, want 3", id, err)
	}
	var a int64
	var b float64
	var c, back string
	var d time.Time
	if err := db.QueryRowContext(t.Context(), "select a, b, c, d from t where id = ?", 1).Scan(&a, &b, &c, &d); err != nil {
		t.Fatalf("query: %v", err)
	}
	if a != -1 || b != 2.5 || c != "größer" || !d.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("got %v, %v, %q, %v", a, b, c, d)
	}
	if err := db.QueryRowContext(t.Context(), "select c from t where id = 3").Scan(&back); err != nil || back != long {
		t.Errorf("got %d bytes and error %v, want %d", len(back), err, len(long))
	}
	if _, err := db.ExecContext(t.Context(), "select * from no_such_table"); mysqlRefusal(t, err).Number != 1146 {
		t.Errorf("got %v, want error 1146", err)
	}
}

// The file begins each of its packets, also the one whose number comes round to
// zero, with the byte of COM_CHANGE_USER.
func testMariaDBLocalFile(t *testing.T, upstream rdsiamtest.Upstream) {
	_, config := startMySQLFront(t, upstream)
	db := openMySQL(t, config)
	if _, err := db.ExecContext(t.Context(), "create or replace table t (a longtext)"); err != nil {
		t.Fatalf("create: %v", err)
	}
	const size = 6 << 20
	name := strings.ReplaceAll(t.Name(), " ", "_")
	mysql.RegisterReaderHandler(name, func() io.Reader { return strings.NewReader(strings.Repeat("\x11", size)) })
	defer mysql.DeregisterReaderHandler(name)
	if _, err := db.ExecContext(t.Context(), "load data local infile 'Reader::"+name+"' into table t"); err != nil {
		t.Fatalf("load: %v", err)
	}
	var got int
	if err := db.QueryRowContext(t.Context(), "select length(a) from t").Scan(&got); err != nil || got != size {
		t.Errorf("got %d bytes and error %v, want %d", got, err, size)
	}
}

// An error that is not about the account is the upstream's own.
func testMariaDBUnknownDatabase(t *testing.T, upstream rdsiamtest.Upstream) {
	upstream.Database = ""
	_, config := startMySQLFront(t, upstream)
	config.DBName = "no_such_database"
	refusal := mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context()))
	if refusal.Number != 1044 && refusal.Number != 1049 {
		t.Errorf("got %v, want the upstream's error about the database", refusal)
	}
	upstream.Password = "wrong"
	_, config = startMySQLFront(t, upstream)
	refusal = mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context()))
	if refusal.Number != 1429 || !strings.Contains(refusal.Message, "Access denied") {
		t.Errorf("got %v, want error 1429 that quotes the upstream", refusal)
	}
}

// The upstream itself drops a client that numbers its packets so as to hide a
// change of user.
func testMariaDBChangeUser(t *testing.T, upstream rdsiamtest.Upstream) {
	server, _ := startMySQLFront(t, upstream)
	changeUser := []byte("\x11root\x00\x00\x00")
	c := logInWire(t, server, 0)
	if number, _ := wireError(c.command(changeUser...)); number != 1045 {
		t.Errorf("got error %d, want 1045", number)
	}
	for _, sequence := range []byte{1, 2, 255} {
		c := logInWire(t, server, 0)
		c.sequence = sequence
		c.send(changeUser)
		reply, _ := io.ReadAll(c.conn) // until the session ends
		if len(reply) > 0 {
			if number, text := wireError(reply[4:]); number != 1156 {
				t.Errorf("number %d: got error %d %q, want 1156: packets out of order", sequence, number, text)
			}
		}
	}
}

// The session has the upstream's connection id, so that KILL finds it.
func testMariaDBKill(t *testing.T, upstream rdsiamtest.Upstream) {
	_, config := startMySQLFront(t, upstream)
	db := openMySQL(t, config)
	victim, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("log in: %v", err)
	}
	defer victim.Close()
	var id int
	if err := victim.QueryRowContext(t.Context(), "select connection_id()").Scan(&id); err != nil {
		t.Fatalf("query: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "kill ?", id); err != nil {
		t.Fatalf("kill: %v", err)
	}
	if _, err := victim.ExecContext(t.Context(), "do 1"); err == nil {
		t.Error("the killed session goes on")
	}
}

// mariaDBClient runs the command line client of MariaDB as app.
func mariaDBClient(t *testing.T, server *rdsiamtest.Server, token, statement string) string {
	t.Helper()
	program, err := exec.LookPath("mariadb")
	if err != nil {
		skipWithoutServer(t, "no mariadb in PATH: apt-get install mariadb-client-core")
	}
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "--no-defaults", "--host="+host, "--port="+port, "--protocol=tcp", "--user=app",
		"--ssl-ca="+authority, "--batch", "--skip-column-names", "--execute="+statement)
	command.Env = append(os.Environ(), "MYSQL_PWD="+token)
	output, err := command.CombinedOutput()
	if err != nil {
		return string(output) + err.Error()
	}
	return string(output)
}

func TestMySQLMariaDBClient(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	token := tokenFor(t, server, "app")
	if got := mariaDBClient(t, server, token, "select current_user(), null, 'a'; set @a = 1; select version()"); got != "app@%\tNULL\ta\n8.4.6-rdsiamtest\n" {
		t.Errorf("got %q, want two answers", got)
	}
	want := "ERROR 1045 (28000): Access denied for user 'app'@'127.0.0.1' (using password: YES)\n"
	if got := mariaDBClient(t, server, breakSignature(token), "select 1"); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
