package rdsiamtest_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// FuzzMySQLFront sends any bytes to a server that offers no TLS, so that they
// get as far as they can, or to a session that is logged in. Whatever they are,
// the server ends when the client has gone; the bubble fails the test if it hangs.
func FuzzMySQLFront(f *testing.F) {
	packet := func(sequence byte, payload string) string {
		n := len(payload)
		return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}) + payload
	}
	// CLIENT_PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH; with CONNECT_WITH_DB,
	// CONNECT_ATTRS and PLUGIN_AUTH_LENENC_CLIENT_DATA in the second.
	const plain = "\x00\x82\x08\x00\x00\x00\x00\x01\x2d"
	const attributes = "\x08\x82\x38\x00\x00\x00\x00\x01\x2d"
	filler := strings.Repeat("\x00", 23)
	for _, seed := range []string{
		"",
		"\xff\xff\xff\x01",
		packet(1, plain+filler+"app\x00\x00mysql_clear_password\x00"),
		packet(1, plain+filler+"app\x00\x04pass\x00mysql_native_password\x00") + packet(3, "token\x00"),
		packet(1, attributes+filler+"app\x00\xfc\x04\x00passdb\x00caching_sha2_password\x00\x04\x01a\x01b") + packet(3, "token\x00"),
		packet(1, "\x00\x8a\x08\x00\x00\x00\x00\x01\x2d"+filler) + "\x16\x03\x01\x00\x05hello",
	} {
		f.Add(false, []byte(seed))
	}
	for _, seed := range []string{
		packet(0, "\x03select 1, 'a' as b, null, -1.5, current_user(), @@max_allowed_packet limit 1;"),
		packet(0, "\x03set names utf8mb4 /* x */ -- y") + packet(0, "\x0e") + packet(0, "\x01"),
		packet(0, "\x16select ?, ?") +
			packet(0, "\x18\x01\x00\x00\x00\x00\x00ahead") +
			packet(0, "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x02\x01\xfd\x00\x08\x80\x03abc") +
			packet(0, "\x1a\x01\x00\x00\x00") + packet(0, "\x19\x01\x00\x00\x00"),
		packet(0, "\x11admin\x00\x00\x00"),
		packet(0, "\x02db") + packet(0, "\x1f") + packet(0, "\x1b\x01\x00"),
	} {
		f.Add(true, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, loggedIn bool, sent []byte) {
		synctest.Test(t, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
				rdsiamtest.WithPasswordUser("legacy", "secret"), rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
			if loggedIn {
				client, conn := net.Pipe()
				go server.ServeMySQLSession(conn, "app")
				exchange(client, sent)
				return
			}
			client, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
			if err != nil {
				t.Fatalf("dial: %v", err)
			}
			exchange(client, sent)
			server.Close()
			for _, logIn := range server.Logins() {
				if logIn.Accepted {
					t.Errorf("accepted %+v", logIn)
				}
			}
		})
	})
}

// exchange sends bytes and reads until the other end has taken them or gone.
func exchange(client net.Conn, sent []byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, client)
	}()
	client.Write(sent)
	client.Close()
	<-done
}
