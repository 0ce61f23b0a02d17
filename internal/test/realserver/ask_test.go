package realserver_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// conn is a connection on which everything has been received already.
type conn struct {
	net.Conn
	io.Reader
	bytes.Buffer
}

func (c *conn) Read(p []byte) (int, error)      { return c.Reader.Read(p) }
func (c *conn) Write(p []byte) (int, error)     { return c.Buffer.Write(p) }
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// converse has handle answer in and returns the answer.
func converse(t *testing.T, handle func(net.Conn), in string) string {
	t.Helper()
	c := &conn{Reader: strings.NewReader(in)}
	handle(c)
	return c.Buffer.String()
}

func TestAnswerQuestions(t *testing.T) {
	long := strings.Repeat("x", realserver.MaxQuestion)
	tests := []struct{ name, in, want, checked string }{
		{"good", "u\x00good:1", "1", "u good:1"},
		{"wrong", "u\x00evil", "", "u evil"},
		{"no token", "u", "", ""},
		{"empty", "", "", ""},
		{"too long", "u\x00good:" + long, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &checker{good: "good"}
			if got := converse(t, realserver.AnswerQuestions(t.Context(), c.check), tt.in); got != tt.want {
				t.Errorf("answer %q, want %q", got, tt.want)
			}
			if checked := strings.Join(c.take(), "|"); checked != tt.checked {
				t.Errorf("checked %q, want %q", checked, tt.checked)
			}
		})
	}
}

var handlers = map[string]struct {
	handle func(context.Context, realserver.Check) func(net.Conn)
	in     string
	yes    string
}{
	"socket": {realserver.AnswerQuestions, "u\x00good:", "1"},
	"ldap":   {realserver.AnswerBinds, bindU, "\x0a\x01\x00"},
}

// A check that says yes because it was stopped has not checked.
func TestStoppedCheck(t *testing.T) {
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			asked := 0
			check := func(context.Context, string, string) error {
				if asked++; asked == 2 {
					cancel()
				}
				return nil
			}
			if out := converse(t, h.handle(ctx, check), h.in); !strings.Contains(out, h.yes) {
				t.Errorf("answer %q before the end", out)
			}
			if out := converse(t, h.handle(ctx, check), h.in); strings.Contains(out, h.yes) {
				t.Errorf("answer %q after the end", out)
			}
		})
	}
}

// A client that sends nothing does not stay for ever.
func TestSilentClient(t *testing.T) {
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := net.Pipe()
				defer client.Close()
				h.handle(t.Context(), (&checker{}).check)(server)
			})
		})
	}
}
