package realserver_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// A bind of user "u" with password "good:", and an unbind, as OpenLDAP's client
// library sends them.
const (
	bindU  = "\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x01u\x80\x05good:"
	unbind = "\x30\x05\x02\x01\x02\x42\x00"
)

func TestAnswerBinds(t *testing.T) {
	success := func(id byte) string {
		return string([]byte{0x30, 0x0c, 0x02, 0x01, id, 0x61, 0x07, 0x0a, 0x01, 0, 0x04, 0, 0x04, 0})
	}
	refusal := func(id byte) string {
		return string([]byte{0x30, 0x0c, 0x02, 0x01, id, 0x61, 0x07, 0x0a, 0x01, 49, 0x04, 0, 0x04, 0})
	}
	tests := []struct {
		name, in, want string
		checked        string
	}{
		{"good", bindU + unbind, success(1), "u good:"},
		{"wrong", strings.Replace(bindU, "good", "evil", 1) + unbind, refusal(1), "u evil:"},
		{"two binds", bindU + strings.Replace(bindU, "\x02\x01\x01", "\x02\x01\x07", 1), success(1) + success(7), "u good:|u good:"},
		{"long lengths", "\x30\x84\x00\x00\x00\x15\x02\x01\x01\x60\x81\x0f\x02\x01\x03\x04\x01u\x80\x82\x00\x05good:", success(1), "u good:"},
		{"empty password", "\x30\x0d\x02\x01\x01\x60\x08\x02\x01\x03\x04\x01u\x80\x00", refusal(1), ""},
		{"unbind only", unbind, "", ""},
		{"cut off", bindU[:len(bindU)-1], "", ""},
		{"indefinite length", "\x30\x80" + bindU[2:] + "\x00\x00", "", ""},
		{"indefinite length inside", "\x30\x11\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x80\x80\x05good:", "", ""},
		{"a gigabyte", "\x30\x84\x40\x00\x00\x00" + bindU[2:], "", ""},
		{"length that overflows", "\x30\x89\x01\x00\x00\x00\x00\x00\x00\x00\x12" + bindU[2:], "", ""},
		{"inner length beyond the message", strings.Replace(bindU, "\x80\x05", "\x80\x06", 1) + "x", "", ""},
		{"SASL", strings.Replace(bindU, "\x80\x05", "\xa3\x05", 1), "", ""},
		{"long message id", "\x30\x16\x02\x05\x01\x01\x01\x01\x01\x60\x0d\x02\x01\x03\x04\x01u\x80\x05good:", "", ""},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &checker{good: "good"}
			got := converse(t, realserver.AnswerBinds(t.Context(), c.check), tt.in)
			if got != tt.want {
				t.Errorf("answer % x, want % x", got, tt.want)
			}
			if checked := strings.Join(c.take(), "|"); checked != tt.checked {
				t.Errorf("checked %q, want %q", checked, tt.checked)
			}
		})
	}
}

func FuzzAnswerBinds(f *testing.F) {
	f.Add(bindU + unbind)
	f.Add(bindU + bindU)
	f.Add("\x30\x84\x00\x00\x00\x15\x02\x01\x01\x60\x81\x0f\x02\x01\x03\x04\x01u\x80\x82\x00\x05good:")
	f.Add("\x30\x80\x02\x01\x01")
	f.Fuzz(func(t *testing.T, in string) {
		accepted := 0
		out := converse(t, realserver.AnswerBinds(t.Context(), func(_ context.Context, user, token string) error {
			if token == "" || !strings.Contains(in, user) || !strings.Contains(in, token) {
				t.Errorf("asked for user %q, token %q, which was not sent", user, token)
			}
			if len(token)%2 == 0 {
				return errRefused
			}
			accepted++
			return nil
		}), in)
		if got := strings.Count(out, "\x0a\x01\x00\x04\x00\x04\x00"); got != accepted {
			t.Errorf("%d binds accepted, want %d", got, accepted)
		}
	})
}

// The length that a client claims is not believed before the bytes are there.
func TestBindIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	converse(t, realserver.AnswerBinds(t.Context(), (&checker{}).check), "\x30\x84\x40\x00\x00\x00"+bindU[2:])
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d bytes allocated for a message that says it has a gigabyte", got)
	}
}
