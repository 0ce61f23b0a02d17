package rdsiamtest_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMySQLGreeting(t *testing.T) {
	server := rdsiamtest.StartMySQL(t)
	seen := make(map[string]bool)
	for range 3 {
		greeting := dialWire(t, server).greeting
		version, rest, ok := bytes.Cut(greeting[1:], []byte{0})
		if greeting[0] != 10 || !ok || !strings.HasPrefix(string(version), "8.4.") {
			t.Fatalf("got greeting %q, want protocol 10 and a version 8.4", greeting)
		}
		if !bytes.HasSuffix(greeting, []byte("\x00caching_sha2_password\x00")) {
			t.Errorf("got greeting %q, want it to end with caching_sha2_password", greeting)
		}
		scramble := string(rest[4:12]) + string(rest[31:43])
		if len(scramble) != 20 || strings.ContainsAny(scramble, "\x00$") || seen[scramble] {
			t.Errorf("got scramble %q, want 20 new bytes without NUL and $", scramble)
		}
		seen[scramble] = true
	}
}

// What follows the request for TLS in clear is no part of the login.
func TestMySQLBytesAfterTLSRequest(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	c := dialWire(t, server)
	capabilities := uint32(wireProtocol41 | wireSecure | wirePluginAuth | wireSSL)
	response := append(wireResponse(capabilities), "app\x00\x00mysql_clear_password\x00"...)
	packets := append([]byte{32, 0, 0, 1}, wireResponse(capabilities)...)
	packets = append(append(packets, byte(len(response)), 0, 0, 2), response...)
	if _, err := c.conn.Write(packets); err != nil {
		t.Fatalf("send: %v", err)
	}
	io.Copy(io.Discard, c.conn)
	server.Close()
	if logIns := server.Logins(); len(logIns) != 0 {
		t.Errorf("got log %+v, want none: the user was named in clear", logIns)
	}
}

func TestMySQLBadHandshake(t *testing.T) {
	full := uint32(wireProtocol41 | wireSecure | wirePluginAuth)
	tests := []struct {
		name    string
		payload []byte
	}{
		{"empty", nil},
		{"short", []byte{1, 2, 3}},
		{"MySQL 4.0", append(wireResponse(0), "app\x00"...)},
		{"no end of the user", append(wireResponse(full), "app"...)},
		{"answer longer than the packet", append(wireResponse(full), "app\x00\xffx"...)},
		{"no plugin", append(wireResponse(full), "app\x00\x00"...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
			c := dialWire(t, server)
			c.send(tt.payload)
			if number, text := wireError(c.receive()); number != 1043 {
				t.Errorf("got error %d %q, want 1043", number, text)
			}
			server.Close()
			if logIns := server.Logins(); len(logIns) != 0 {
				t.Errorf("got log %+v, want none", logIns)
			}
		})
	}
}

// A stranger is refused by the length that it announces.
func TestMySQLOverlongHandshake(t *testing.T) {
	c := dialWire(t, rdsiamtest.StartMySQL(t))
	if _, err := c.conn.Write([]byte{0xff, 0xff, 0xff, 1}); err != nil {
		t.Fatalf("send: %v", err)
	}
	c.sequence = 2
	if number, text := wireError(c.receive()); number != 1043 {
		t.Errorf("got error %d %q, want 1043", number, text)
	}
}

// A flag that the server did not offer counts as not sent.
func TestMySQLTLSNotOffered(t *testing.T) {
	c := dialWire(t, rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable)))
	c.send(append(wireResponse(wireProtocol41|wireSecure|wirePluginAuth|wireSSL), "app\x00\x00mysql_native_password\x00"...))
	if request := c.receive(); string(request) != "\xfemysql_clear_password\x00" {
		t.Errorf("got %q, want a switch to mysql_clear_password", request)
	}
}

// A client that can't change its plugin can't send a token.
func TestMySQLOldClient(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	c := dialWire(t, server)
	c.startTLS(server, wireProtocol41|wireSecure)
	c.send(append(wireResponse(wireProtocol41|wireSecure), "app\x00\x00"...))
	if number, _ := wireError(c.receive()); number != 1045 {
		t.Errorf("got error %d, want 1045", number)
	}
	if got := lastLogin(t, server).Reason; got != rdsiamtest.ReasonAbandoned {
		t.Errorf("got reason %q, want %q", got, rdsiamtest.ReasonAbandoned)
	}
}

// A client may send the token at once, with default-auth=mysql_clear_password.
func TestMySQLTokenUnasked(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	c := dialWire(t, server)
	const longAnswers = 1 << 21
	capabilities := uint32(wireProtocol41 | wireSecure | wirePluginAuth | longAnswers | wireConnectWithDB)
	c.startTLS(server, capabilities)
	token := tokenFor(t, server, "app") + "\x00"
	response := append(wireResponse(capabilities), "app\x00\xfc"...)
	response = binary.LittleEndian.AppendUint16(response, uint16(len(token)))
	c.send(append(response, token+"orders\x00mysql_clear_password\x00"...))
	if reply := c.receive(); reply[0] != 0 {
		t.Errorf("got %q, want OK", reply)
	}
	if got := lastLogin(t, server); !got.Accepted || got.Database != "orders" {
		t.Errorf("got log entry %+v, want an accepted one for orders", got)
	}
}

// One mixed answer in 256 begins with NUL like an empty password: that client is
// asked for the password too.
func TestMySQLAnswerBeginsWithNUL(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("old", "secret"))
	c := dialWire(t, server)
	const capabilities = wireProtocol41 | wireSecure | wirePluginAuth
	c.startTLS(server, capabilities)
	answer := "\x00" + strings.Repeat("x", 31)
	c.send(append(wireResponse(capabilities), "old\x00\x20"+answer+"caching_sha2_password\x00"...))
	if request := c.receive(); string(request) != "\x01\x04" {
		t.Fatalf("got %q, want a request for full authentication", request)
	}
	c.send([]byte("secret\x00"))
	if reply := c.receive(); reply[0] != 0 {
		t.Errorf("got %q, want OK", reply)
	}
}

func TestMySQLChangeUser(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app", "admin"))
	c := logInWire(t, server, 0)
	number, text := wireError(c.command([]byte("\x11admin\x00\x00\x00")...))
	if want := "Access denied for user 'admin'@'127.0.0.1' (using password: YES)"; number != 1045 || text != want {
		t.Errorf("got error %d %q, want 1045 %q", number, text, want)
	}
	if _, err := c.tryReceive(); err == nil {
		t.Error("the session goes on, want it to end")
	}
	if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonChangeUser || got.User != "admin" || got.Accepted {
		t.Errorf("got log entry %+v, want a refused change to admin", got)
	}
}

func TestMySQLCommands(t *testing.T) {
	const malformed, unsupported, noStatement = 1835, 1235, 1243
	tests := []struct {
		name    string
		command string
		number  int // 0: no error
	}{
		{"ping", "\x0e", 0},
		{"init db", "\x02other", 0},
		{"reset connection", "\x1f", 0},
		{"set option", "\x1b\x00\x00", 0},
		{"prepare", "\x16set a = 1", 0},
		{"empty", "", malformed},
		{"statistics", "\x09", unsupported},
		{"unknown", "\xfe", unsupported},
		{"execute what is not there", "\x17\x09\x00\x00\x00\x00\x01\x00\x00\x00", noStatement},
		{"execute nothing", "\x17", noStatement},
		{"reset what is not there", "\x1a\x09\x00\x00\x00", noStatement},
	}
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	c := logInWire(t, server, 0)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if number, text := wireError(c.command([]byte(tt.command)...)); number != tt.number {
				t.Errorf("got error %d %q, want %d", number, text, tt.number)
			}
		})
	}
}

func TestMySQLMalformedExecution(t *testing.T) {
	tests := []struct{ name, parameters string }{
		{"nothing", ""},
		{"no types yet", "\x00\x00"},
		{"half a type", "\x00\x01\x08"},
		{"half a number", "\x00\x01\x08\x00\x01\x02"},
		{"text longer than the packet", "\x00\x01\xfd\x00\xfc\xff\xff"},
		{"NULL for a length", "\x00\x01\xfd\x00\xfb" + strings.Repeat("x", 0xfb)},
		{"a date of 200 bytes", "\x00\x01\x0c\x00\xc8"},
	}
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	c := logInWire(t, server, wireDeprecateEOF)
	prepared := c.command([]byte("\x16select ?")...)
	c.receive() // parameter
	c.receive() // column
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execute := append([]byte{0x17}, prepared[1:5]...)
			execute = append(append(execute, 0, 1, 0, 0, 0), tt.parameters...)
			if number, text := wireError(c.command(execute...)); number != 1835 {
				t.Errorf("got error %d %q, want 1835", number, text)
			}
		})
	}
}

// Clients that did not agree to do without get EOF packets: after the columns
// and after the rows.
func TestMySQLEndOfRows(t *testing.T) {
	tests := []struct {
		name         string
		capabilities uint32
		want         []string // first byte and length of each packet after the number of columns
	}{
		{"EOF", 0, []string{"column", "\xfe\x00\x00\x02\x00", "\x011", "\xfe\x00\x00\x02\x00"}},
		{"no EOF", wireDeprecateEOF, []string{"column", "\x011", "\xfe\x00\x00\x02\x00\x00\x00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
			c := logInWire(t, server, tt.capabilities)
			if columns := c.command([]byte("\x03select 1")...); string(columns) != "\x01" {
				t.Fatalf("got %q, want 1 column", columns)
			}
			for _, want := range tt.want {
				if got := string(c.receive()); got != want && !(want == "column" && strings.HasPrefix(got, "\x03def")) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if reply := c.command(0x0e); reply[0] != 0 {
				t.Errorf("ping: got %q, want OK: something was left over", reply)
			}
		})
	}
}

// A transaction shows in the status of each OK until it ends.
func TestMySQLTransactionStatus(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	c := logInWire(t, server, 0)
	for _, tt := range []struct {
		statement string
		status    byte
	}{{"begin", 3}, {"set a = 1", 3}, {"commit", 2}, {"start transaction", 3}, {"rollback", 2}} {
		if reply := c.command(append([]byte{3}, tt.statement...)...); reply[0] != 0 || reply[3] != tt.status {
			t.Errorf("%s: got %q, want OK with status %d", tt.statement, reply, tt.status)
		}
	}
	c.command([]byte("\x03begin")...)
	if reply := c.command(0x1f); reply[3] != 2 {
		t.Errorf("reset: got %q, want OK with status 2", reply)
	}
}
