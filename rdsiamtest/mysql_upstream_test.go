package rdsiamtest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// startMySQLFront starts a server whose account app is handed to upstream, and
// returns a configuration that logs in to it.
func startMySQLFront(t *testing.T, upstream rdsiamtest.Upstream, options ...rdsiamtest.Option) (*rdsiamtest.Server, *mysql.Config) {
	t.Helper()
	server := rdsiamtest.StartMySQL(t, append(options, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(upstream))...)
	return server, mysqlConfig(t, server, "app", tokenFor(t, server, "app"))
}

// Another rdsiamtest server with a password account can be the upstream.
func TestMySQLUpstreamPasswords(t *testing.T) {
	tests := []struct {
		name     string
		request  rdsiamtest.AuthRequest
		user     string
		password string
		want     string
	}{
		{"caching_sha2_password", rdsiamtest.RequestToken, "", "secret", "app@%"},
		{"mysql_native_password", rdsiamtest.RequestNativePassword, "", "secret", "app@%"},
		{"another user", rdsiamtest.RequestToken, "owner", "owned", "owner@%"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			upstream := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"),
				rdsiamtest.WithPasswordUser("owner", "owned"), rdsiamtest.WithAuthRequest(tt.request))
			host, _, _ := net.SplitHostPort(upstream.Endpoint())
			_, config := startMySQLFront(t, rdsiamtest.Upstream{
				Address:  upstream.Addr().String(),
				User:     tt.user,
				Password: tt.password,
				TLS:      &tls.Config{RootCAs: upstream.RootCAs(), ServerName: host},
			})
			var user, database string
			if err := openMySQL(t, config).QueryRowContext(t.Context(), "select current_user(), database()").Scan(&user, &database); err != nil {
				t.Fatalf("query: %v", err)
			}
			if user != tt.want || database != "mysql" {
				t.Errorf("got user %q in %q, want %q in mysql", user, database, tt.want)
			}
			if got := lastLogin(t, upstream); got.AccessKeyID != "" || !got.TLS {
				t.Errorf("got log entry %+v at the upstream, want a password over TLS", got)
			}
		})
	}
}

func TestMySQLUpstreamErrors(t *testing.T) {
	refusing := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"))
	plain := rdsiamtest.StartMySQL(t, rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
	host, _, _ := net.SplitHostPort(refusing.Endpoint())
	verified := &tls.Config{RootCAs: refusing.RootCAs(), ServerName: host}
	tests := []struct {
		name     string
		upstream rdsiamtest.Upstream
		text     string
	}{
		{"wrong password", rdsiamtest.Upstream{Address: refusing.Addr().String(), Password: "wrong", TLS: verified}, "Access denied for user 'app'"},
		{"no TLS there", rdsiamtest.Upstream{Address: plain.Addr().String(), TLS: verified}, "the server offers no TLS"},
		{"password in clear", rdsiamtest.Upstream{Address: plain.Addr().String()}, "a password in clear needs TLS"},
		{"unknown authority", rdsiamtest.Upstream{Address: refusing.Addr().String(), TLS: &tls.Config{RootCAs: x509.NewCertPool(), ServerName: host}}, "unknown authority"},
		{"another name", rdsiamtest.Upstream{Address: refusing.Addr().String(), TLS: &tls.Config{RootCAs: refusing.RootCAs()}}, "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, config := startMySQLFront(t, tt.upstream)
			refusal := mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context()))
			if refusal.Number != 1429 || !strings.Contains(refusal.Message, "upstream") || !strings.Contains(refusal.Message, tt.text) {
				t.Errorf("got %v, want error 1429 about the upstream with %q", refusal, tt.text)
			}
			if strings.Contains(refusal.Message, config.Passwd) {
				t.Error("the error shows the token")
			}
		})
	}
}

// A refused client causes no login at the upstream.
func TestMySQLUpstreamAfterRefusal(t *testing.T) {
	upstream := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"))
	_, config := startMySQLFront(t, rdsiamtest.Upstream{
		Address:  upstream.Addr().String(),
		Password: "secret",
		TLS:      &tls.Config{InsecureSkipVerify: true},
	})
	config.Passwd = breakSignature(config.Passwd)
	if got := mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context())).Number; got != 1045 {
		t.Errorf("got error %d, want 1045", got)
	}
	upstream.Close()
	if logIns := upstream.Logins(); len(logIns) != 0 {
		t.Errorf("got logins %+v at the upstream, want none", logIns)
	}
}

func TestMySQLUpstreamChangeUser(t *testing.T) {
	upstream := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"))
	server, _ := startMySQLFront(t, rdsiamtest.Upstream{
		Address:  upstream.Addr().String(),
		Password: "secret",
		TLS:      &tls.Config{InsecureSkipVerify: true},
	})
	c := logInWire(t, server, 0)
	if reply := c.command(0x0e); reply[0] != 0 {
		t.Fatalf("ping: got %q, want OK", reply)
	}
	if number, _ := wireError(c.command([]byte("\x11admin\x00\x00\x00")...)); number != 1045 {
		t.Errorf("got error %d, want 1045", number)
	}
	if _, err := c.tryReceive(); err == nil {
		t.Error("the session goes on, want it to end")
	}
	if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonChangeUser || got.PasswordReceived {
		t.Errorf("got %+v, want reason %q and no password", got, rdsiamtest.ReasonChangeUser)
	}
	upstream.Close()
	if got := lastLogin(t, upstream).Reason; got != rdsiamtest.ReasonAccepted {
		t.Errorf("the upstream saw %q, want only the login", got)
	}
}

// Each end of a spliced session ends the other, and Close ends both.
func TestMySQLUpstreamEnds(t *testing.T) {
	for name, end := range map[string]func(c *wireClient, server, upstream *rdsiamtest.Server){
		"client":   func(c *wireClient, _, _ *rdsiamtest.Server) { c.conn.Close() },
		"quit":     func(c *wireClient, _, _ *rdsiamtest.Server) { c.sequence = 0; c.send([]byte{1}) },
		"server":   func(_ *wireClient, server, _ *rdsiamtest.Server) { server.Close() },
		"upstream": func(_ *wireClient, _, upstream *rdsiamtest.Server) { upstream.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			upstream := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"))
			server, _ := startMySQLFront(t, rdsiamtest.Upstream{
				Address:  upstream.Addr().String(),
				Password: "secret",
				TLS:      &tls.Config{InsecureSkipVerify: true},
			})
			c := logInWire(t, server, 0)
			end(c, server, upstream)
			if _, err := c.tryReceive(); err == nil {
				t.Error("the session goes on, want it to end")
			}
		})
	}
}

// Close does not wait for an upstream that says nothing.
func TestMySQLUpstreamSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	server, _ := startMySQLFront(t, rdsiamtest.Upstream{Address: listener.Addr().String()})
	client, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	silent, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	start := time.Now()
	server.Close()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// scriptedMySQL accepts one login: it greets with a plugin, switches to
// caching_sha2_password if that is another, and asks for the full
// authentication. It sends the password that it got.
func scriptedMySQL(t *testing.T, plugin string) (address string, password <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		defer close(got)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		got <- serveFullAuthentication(conn, plugin)
		// Ends the session after its first command.
		(&wireClient{conn: conn}).tryReceive()
	}()
	return listener.Addr().String(), got
}

func serveFullAuthentication(conn net.Conn, plugin string) (password string) {
	scramble := "abcdefghijklmnopqrst"
	packets := &mysqlwire.Packets{Stream: conn, Limit: 1 << 20}
	greeting := "\x0a8.0.0\x00\x01\x00\x00\x00" + scramble[:8] + "\x00\x28\xa2\xff\x02\x00\x3b\x15\x15" +
		strings.Repeat("\x00", 10) + scramble[8:] + "\x00" + plugin + "\x00"
	packets.Write([]byte(greeting))
	packets.Read()
	if plugin != "caching_sha2_password" {
		scramble = "ABCDEFGHIJKLMNOPQRST"
		packets.Write([]byte("\xfecaching_sha2_password\x00" + scramble + "\x00"))
		packets.Read()
	}
	packets.Write([]byte{1, 4})
	request, _ := packets.Read()
	if string(request) != "\x02" {
		return "request " + string(request)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err.Error()
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err.Error()
	}
	packets.Write(append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...))
	hidden, _ := packets.Read()
	mixed, err := rsa.DecryptOAEP(sha1.New(), nil, key, hidden, nil)
	if err != nil {
		return err.Error()
	}
	for i := range mixed {
		mixed[i] ^= scramble[i%len(scramble)]
	}
	packets.Write([]byte{0, 0, 0, 2, 0, 0, 0})
	return strings.TrimSuffix(string(mixed), "\x00")
}

func TestMySQLUpstreamFullAuthentication(t *testing.T) {
	for _, plugin := range []string{"caching_sha2_password", "mysql_native_password", "unknown_plugin"} {
		t.Run(plugin, func(t *testing.T) {
			address, got := scriptedMySQL(t, plugin)
			const password = "a password of more than twenty bytes"
			_, config := startMySQLFront(t, rdsiamtest.Upstream{Address: address, Password: password})
			conn, err := openMySQL(t, config).Conn(t.Context())
			if err != nil {
				t.Fatalf("log in: %v", err)
			}
			conn.Close()
			if got := <-got; got != password {
				t.Errorf("the upstream got %q, want %q", got, password)
			}
		})
	}
}

// The client is offered what the upstream can do, less what would hide its
// commands, and the session keeps the upstream's version and number.
func TestMySQLUpstreamGreeting(t *testing.T) {
	address, _ := scriptedMySQL(t, "unknown_plugin")
	server, _ := startMySQLFront(t, rdsiamtest.Upstream{Address: address})
	greeting := dialWire(t, server).greeting
	if !strings.HasSuffix(string(greeting), "\x00caching_sha2_password\x00") {
		t.Errorf("got greeting %q, want a plugin that the front knows", greeting)
	}
	if !strings.HasPrefix(string(greeting), "\x0a8.0.0\x00\x01\x00\x00\x00") {
		t.Errorf("got greeting %q, want version and number of the upstream", greeting)
	}
	const flags = 1 + 6 + 4 + 9
	if got := string(greeting[flags:flags+2]) + string(greeting[flags+5:flags+7]); got != "\x08\xaa\x3b\x01" {
		t.Errorf("got capabilities %x, want those of the upstream and TLS, without compression and further factors: 08aa3b01", got)
	}
}
