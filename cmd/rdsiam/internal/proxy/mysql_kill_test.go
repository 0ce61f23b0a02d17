package proxy_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// A statement that is nothing but a KILL of a session of this proxy gets the id of the
// server; everything else passes as it is.
func TestKillIsTranslated(t *testing.T) {
	const attributes mysqlwire.Capabilities = 1 << 27
	tests := []struct {
		agreed     mysqlwire.Capabilities
		sent, want string
	}{
		{0, "\x03KILL QUERY 2147483650", "\x03KILL QUERY 42        "},
		{0, "\x03kill 2147483650", "\x03kill 42        "},
		{0, "\x03Kill hard connection 2147483650 ; ", "\x03Kill hard connection 42         ; "},
		{attributes, "\x03\x00\x01KILL QUERY 2147483650", "\x03\x00\x01KILL QUERY 42        "},
		{0, "\x0c\x02\x00\x00\x80", "\x0c\x2a\x00\x00\x00"},

		{0, "\x03KILL QUERY 2147483651", ""}, // of nobody here
		{0, "\x03KILL QUERY 42", ""},
		{0, "\x03KILL QUERY 21474836500", ""},
		{0, "\x03select 2147483650", ""},
		{0, "\x03select 1; KILL QUERY 2147483650", ""},
		{attributes, "\x03\x01\x01KILL QUERY 2147483650", ""},
		{attributes, "\x03", ""},
		{0, "\x16KILL QUERY 2147483650", ""}, // prepared
		{0, "\x0c\x02\x00\x00", ""},
		{0, "", ""},
	}
	for _, tt := range tests {
		traffic := proxy.NewMySQLTrafficWith(tt.agreed, 2147483650, 42)
		b := []byte(packet(0, tt.sent))
		if _, err := traffic.FromClient(b); err != nil {
			t.Fatal(err)
		}
		if tt.want == "" {
			tt.want = tt.sent
		}
		if got := string(b); got != packet(0, tt.want) {
			t.Errorf("%q becomes %q, want %q", tt.sent, got[4:], tt.want)
		}
	}
	traffic := proxy.NewMySQLTrafficWith(0, 2147483650, 42)
	inFile := packet(1, "\x03KILL 2147483650") // a part of LOAD DATA LOCAL
	b := []byte(inFile)
	if _, err := traffic.FromClient(b); err != nil || string(b) != inFile {
		t.Errorf("%q, %v", b, err)
	}
}
