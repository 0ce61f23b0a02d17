//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// thief is a server without TLS that asks every client for a password in clear.
type thief struct {
	listener net.Listener
	all      sync.WaitGroup

	mu   sync.Mutex
	came int          // guarded by mu: clients
	seen bytes.Buffer // guarded by mu: what they sent
}

func startThief(t *testing.T, ask func(net.Conn, io.Reader)) *thief {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	th := &thief{listener: listener}
	th.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			th.mu.Lock()
			th.came++
			th.mu.Unlock()
			th.all.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				ask(conn, io.TeeReader(conn, th))
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		th.all.Wait()
	})
	return th
}

func (th *thief) Write(b []byte) (int, error) {
	th.mu.Lock()
	defer th.mu.Unlock()
	return th.seen.Write(b)
}

// take returns how many clients have come since the last call, and whether one sent a token.
func (th *thief) take() (came int, token bool) {
	th.mu.Lock()
	defer th.mu.Unlock()
	defer func() { th.came = 0; th.seen.Reset() }()
	return th.came, bytes.Contains(th.seen.Bytes(), []byte("X-Amz-Signature"))
}

func (th *thief) port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(th.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// askAsPostgreSQL declines encryption and asks for a password in clear.
func askAsPostgreSQL(conn net.Conn, from io.Reader) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return
		}
		if code := binary.BigEndian.Uint32(head[4:]); code == 80877103 || code == 80877104 { // TLS, GSS
			_, _ = conn.Write([]byte{'N'})
			continue
		}
		if _, err := io.CopyN(io.Discard, from, int64(binary.BigEndian.Uint32(head[:]))-8); err != nil {
			return
		}
		_, _ = conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
		var size [5]byte
		if _, err := io.ReadFull(from, size[:]); err == nil {
			_, _ = io.CopyN(io.Discard, from, int64(binary.BigEndian.Uint32(size[1:]))-4)
		}
		return
	}
}

// askAsMySQL greets without TLS and asks for mysql_clear_password.
func askAsMySQL(conn net.Conn, from io.Reader) {
	greeting := append([]byte("\n8.0.99\x00\x01\x00\x00\x00saltsalt\x00\x0f\xa2\x21\x02\x00\x0f\x00\x15"), make([]byte, 10)...)
	greeting = append(greeting, "saltsaltsalt\x00mysql_native_password\x00"...)
	_, _ = conn.Write(append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...))
	packet := func() bool {
		var head [4]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return false
		}
		_, err := io.CopyN(io.Discard, from, int64(head[0])|int64(head[1])<<8|int64(head[2])<<16)
		return err == nil
	}
	if packet() {
		asked := "\xfemysql_clear_password\x00"
		_, _ = conn.Write(append([]byte{byte(len(asked)), 0, 0, 2}, asked...))
		packet()
	}
}

// TestLeaks leads clients to thieves by their arguments, option files and variables. What
// connect and exec run sends them no token; what has a token in its environment does.
func TestLeaks(t *testing.T) {
	for _, program := range []string{"psql", "mariadb"} {
		if _, err := exec.LookPath(program); err != nil {
			skipOrFail(t, "no "+program+" in PATH")
		}
	}
	postgreSQL, mySQL := startThief(t, askAsPostgreSQL), startThief(t, askAsMySQL)
	lab := newClientLab(t, "PG_THIEF="+postgreSQL.port(t), "MY_THIEF="+mySQL.port(t), "MY=mariadb", "MYSQL_ENDPOINT="+endpointHost+":3306", "PGCONNECT_TIMEOUT=5",
		"MARIADB=rdsiam connect "+endpointHost+":3306 --user app --client mariadb", "PSQL=rdsiam connect "+endpointHost+":5432 --user app --db x --client psql")
	home := t.TempDir()
	lab.environment = append(lab.environment, "HOME="+home)

	control := lab.shell(`PGPASSWORD="$(rdsiam token $ENDPOINT --user app)" psql "host=127.0.0.1 port=$PG_THIEF user=app dbname=x"`)
	output, _ := control.CombinedOutput()
	if _, token := postgreSQL.take(); !token {
		t.Fatalf("the thief does not get the token of PGPASSWORD, so that this proves nothing: %s", output)
	}
	control = lab.shell(`LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN=1 MYSQL_PWD="$(rdsiam token $MYSQL_ENDPOINT --user app)" mariadb --no-defaults --skip-ssl -h127.0.0.1 -P$MY_THIEF -uapp -e 'select 1'`)
	output, _ = control.CombinedOutput()
	if _, token := mySQL.take(); !token {
		t.Fatalf("the thief does not get the token of MYSQL_PWD, so that this proves nothing: %s", output)
	}

	clients := []string{"mariadb"}
	if words, err := realserver.MatrixClient("mysql", "mysql"); err == nil { // of the matrix
		clients = append(clients, programOf(t, "mysql", words))
	}
	lead := func(th *thief, script, options string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(home, ".my.cnf"), []byte(options), 0o600); err != nil {
			t.Fatal(err)
		}
		output, err := lab.shell(script).CombinedOutput()
		if err == nil {
			t.Errorf("%s: the thief's client succeeds: %s", script, output)
		}
		switch came, token := th.take(); {
		case token:
			t.Errorf("%s: the thief gets the token", script)
		case came == 0:
			t.Errorf("%s: nobody comes to the thief, so that this proves nothing: %s", script, output)
		}
		if bytes.Contains(output, []byte("X-Amz-Signature")) {
			t.Errorf("%s: prints the token", script)
		}
	}
	for _, script := range []string{
		`$PSQL -- -w "connect_timeout=3 host=127.0.0.1 port=$PG_THIEF user=app sslmode=disable"`,
		`$PSQL -- -w -h 127.0.0.1 -p $PG_THIEF`,
		`$PSQL --tcp -- -w -h localhost -p $PG_THIEF -U app`,
		`$PSQL -- -w postgresql://app@127.0.0.1:$PG_THIEF/x`,
		`rdsiam exec $ENDPOINT --user app -- sh -c 'PGHOST=127.0.0.1 PGPORT=$PG_THIEF psql -w x'`,
		`rdsiam exec $ENDPOINT --user app --tcp -- sh -c 'PGPORT=$PG_THIEF PGSSLMODE=prefer psql -w x'`,
		`rdsiam exec $ENDPOINT --user app --url U -- sh -c 'psql "postgresql://app@127.0.0.1:$PG_THIEF/x"'`,
		// The thief in place of the tunnel.
		`$PSQL --dial 127.0.0.1:$PG_THIEF -- -w -c 'select 1'`,
	} {
		lead(postgreSQL, script, "")
	}
	leads := "[client]\nhost=127.0.0.1\nprotocol=tcp\nport=" + mySQL.port(t) + "\nloose-enable-cleartext-plugin\n"
	for _, client := range clients {
		of := "rdsiam connect $MYSQL_ENDPOINT --user app --client " + client
		for _, options := range []string{"", "[client]\nloose-enable-cleartext-plugin\nssl-verify-server-cert=no\n"} {
			for _, script := range []string{
				of + ` -- --host=127.0.0.1 --port=$MY_THIEF --protocol=tcp --loose-ssl-mode=DISABLED --loose-enable-cleartext-plugin -e 'select 1'`,
				of + ` --tcp -- --port=$MY_THIEF --loose-skip-ssl --loose-enable-cleartext-plugin -e 'select 1'`,
				of + ` --dial 127.0.0.1:$MY_THIEF -- -e 'select 1'`,
			} {
				lead(mySQL, script, options)
			}
		}
		lead(mySQL, "rdsiam exec $MYSQL_ENDPOINT --user app -- "+client+" -e 'select 1'", leads+"loose-ssl-mode=DISABLED\nloose-skip-ssl\n")
		lead(mySQL, "rdsiam exec $MYSQL_ENDPOINT --user app -- "+client+" -e 'select 1'", leads+"loose-ssl-verify-server-cert=no\n")
	}
	lab.nothingLeft()
}
