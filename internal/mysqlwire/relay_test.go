package mysqlwire_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

func TestRelayCommands(t *testing.T) {
	packet := func(sequence byte, payload string) string {
		n := len(payload)
		return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}) + payload
	}
	const changeUser = "\x11admin\x00\x00\x00"
	long := strings.Repeat("\x11", 100_000)
	file := packet(0, "\x03load data local infile")
	for i := 2; i < 256; i++ {
		file += packet(byte(i), "line\n")
	}
	tests := []struct {
		name    string
		sent    string
		passed  int // bytes; -1: all
		refused bool
	}{
		{"commands", packet(0, "\x0e") + packet(0, "\x03select 1") + packet(0, "\x01"), -1, false},
		{"empty command", packet(0, "") + packet(0, "\x0e"), -1, false},
		{"long command", packet(0, "\x03"+long), -1, false},
		{"change of user", packet(0, changeUser), 0, true},
		{"after a command", packet(0, "\x0e") + packet(0, changeUser) + packet(0, "\x0e"), 5, true},
		{"after an empty command", packet(0, "") + packet(0, changeUser), 4, true},
		{"long change of user", packet(0, long), 0, true},
		{"part of a long command", packet(0, "\x03"+long) + packet(1, long) + packet(2, changeUser), -1, false},
		{"after a long command", packet(0, "\x03"+long) + packet(0, changeUser), 5 + len(long), true},
		{"file whose numbers come round", file + packet(0, changeUser) + packet(1, ""), -1, false},
		{"after a file", file + packet(0, "line") + packet(1, "") + packet(0, changeUser), len(file) + 12, true},
		{"after a file that ends on 255", file[:len(file)-9] + packet(255, "") + packet(0, changeUser), len(file) - 5, true},
		{"cut off", packet(0, "\x03select 1")[:7], -1, false},
		{"cut off in a header", packet(0, "\x0e")[:3], 0, false},
		{"cut off before the command", packet(0, "\x0e")[:4], 0, false},
	}
	for _, tt := range tests {
		for name, sent := range map[string]io.Reader{
			"at once":      strings.NewReader(tt.sent),
			"in pieces":    iotest.HalfReader(strings.NewReader(tt.sent)),
			"byte by byte": iotest.OneByteReader(strings.NewReader(tt.sent)),
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				var passed bytes.Buffer
				refused := mysqlwire.RelayCommands(&passed, sent)
				if (refused != nil) != tt.refused {
					t.Errorf("refused %.40q, want that: %t", refused, tt.refused)
				}
				if user := mysqlwire.ChangedUser(refused); tt.refused && user != "admin" && tt.name != "long change of user" {
					t.Errorf("refused a change to %q, want that to admin", user)
				}
				want := tt.sent
				if tt.passed >= 0 {
					want = tt.sent[:tt.passed]
				}
				if passed.String() != want {
					t.Errorf("%d bytes were passed on, want the first %d of %d", passed.Len(), len(want), len(tt.sent))
				}
			})
		}
	}
}
