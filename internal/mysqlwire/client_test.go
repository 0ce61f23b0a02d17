package mysqlwire_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const secret = "the token"

// A token goes to a server that asks for it in clear through TLS, and to no other.
func TestClientToken(t *testing.T) {
	issuer, err := rdsiamtest.NewMySQL(rdsiamtest.WithInMemory())
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	host, _, _ := net.SplitHostPort(issuer.Endpoint())
	verified := &tls.Config{RootCAs: issuer.RootCAs(), ServerName: host}
	tests := []struct {
		name    string
		config  *tls.Config
		request string // what the server sends after the response
		sent    bool
		want    string // in the error; "" for none
	}{
		{"asked in clear", verified, "\xfemysql_clear_password\x00", true, ""},
		{"without TLS", nil, "\xfemysql_clear_password\x00", false, "must not travel without TLS"},
		{"another name", &tls.Config{RootCAs: issuer.RootCAs(), ServerName: "other"}, "\xfemysql_clear_password\x00", false, "not other"},
		{"asked for a hash", verified, "\xfemysql_native_password\x00" + strings.Repeat("s", 20) + "\x00", false, `"mysql_native_password"`},
		{"asked for a longer hash", verified, "\xfecaching_sha2_password\x00" + strings.Repeat("s", 20) + "\x00", false, `"caching_sha2_password"`},
		{"asked for more", verified, "\x01\x04", false, "malformed"},
		{"not asked", verified, "\x00\x00\x00\x02\x00\x00\x00", false, "without asking for its token"},
		{"refused", verified, "\xff\x15\x04#28000no", false, "Error 1045 (28000): no"},
		{"asked as in MySQL 4.0", verified, "\xfe", false, "MySQL 4.0"},
		{"nothing", verified, "", false, "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := connected(t)
			theirs.SetDeadline(time.Now().Add(time.Minute))
			ours.SetDeadline(time.Now().Add(time.Minute))
			received := make(chan []byte, 1)
			go func() { received <- scriptedServer(theirs, issuer.Certificate(), tt.request) }()
			client, err := mysqlwire.NewClient(ours)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.LogIn(mysqlwire.Response{User: "app"}, mysqlwire.Account{Password: secret, Token: true, TLS: tt.config})
			ours.Close()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("log in: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want one with %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Error("the error shows the token")
			}
			want := "" // nor anything computed from it
			if tt.sent {
				want = secret + "\x00"
			}
			if got := <-received; string(got) != want {
				t.Errorf("the server received %q, want %q", got, want)
			}
			var other *mysqlwire.PluginError
			if isPlugin := strings.HasPrefix(tt.want, `"`); errors.As(err, &other) != isPlugin {
				t.Errorf("got %T, want a PluginError: %t", err, isPlugin)
			}
		})
	}
}

// A password goes in full to a server that asks for it by caching_sha2_password, and not
// for anything else that it may say.
func TestClientPassword(t *testing.T) {
	issuer, err := rdsiamtest.NewMySQL(rdsiamtest.WithInMemory())
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	host, _, _ := net.SplitHostPort(issuer.Endpoint())
	for name, test := range map[string]struct {
		request string
		sent    bool
		want    string // in the error; "" for none
	}{
		"full authentication": {"\x01\x04", true, ""},
		"something else":      {"\x01\x05", false, "malformed"},
		"too much":            {"\x01\x04\x04", false, "malformed"},
		"unknown plugin":      {"\xfeunknown\x00", false, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := connected(t)
			theirs.SetDeadline(time.Now().Add(time.Minute))
			ours.SetDeadline(time.Now().Add(time.Minute))
			received := make(chan []byte, 1)
			go func() { received <- scriptedServer(theirs, issuer.Certificate(), test.request) }()
			client, err := mysqlwire.NewClient(ours)
			if err != nil {
				t.Fatal(err)
			}
			account := mysqlwire.Account{Password: secret, TLS: &tls.Config{RootCAs: issuer.RootCAs(), ServerName: host}}
			_, err = client.LogIn(mysqlwire.Response{User: "app"}, account)
			ours.Close()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
			if got := bytes.Contains(<-received, []byte(secret)); got != test.sent {
				t.Errorf("the server received the password: %t, want %t", got, test.sent)
			}
		})
	}
}

// connected returns the two ends of a connection. Those of net.Pipe would wait for each
// other when a client refuses a certificate that is still being sent.
func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if ours, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// scriptedServer greets, sends request when the client has responded, accepts what comes
// then, and returns everything that it was sent.
func scriptedServer(conn net.Conn, certificate tls.Certificate, request string) []byte {
	defer conn.Close()
	server := mysqlwire.NewServer(conn)
	var received bytes.Buffer
	const capabilities = mysqlwire.ClientProtocol41 | mysqlwire.ClientSecureConnection | mysqlwire.ClientPluginAuth | mysqlwire.ClientSSL
	if server.Greet(mysqlwire.Greeting{Version: "8.4.0", Capabilities: capabilities, Plugin: mysqlwire.CachingSHA2}) != nil ||
		server.ReadResponse(context.Background(), &tls.Config{Certificates: []tls.Certificate{certificate}}) != nil {
		return nil
	}
	received.Write(server.Response.Answer)
	server.Packets.Write([]byte(request))
	if answer, err := server.Packets.Read(); err == nil {
		received.Write(answer)
		server.Packets.Write(mysqlwire.EncodeOK(mysqlwire.Autocommit))
	}
	io.Copy(&received, server.Conn())
	return received.Bytes()
}
