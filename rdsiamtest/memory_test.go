package rdsiamtest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMemoryPipe(t *testing.T) {
	read := func(conn net.Conn) (string, error) {
		b := make([]byte, 3)
		n, err := conn.Read(b)
		return string(b[:n]), err
	}
	wantRead := func(t *testing.T, conn net.Conn, want string, wantErr error) {
		t.Helper()
		if got, err := read(conn); got != want || !errors.Is(err, wantErr) {
			t.Errorf("read %q, %v; want %q, %v", got, err, want, wantErr)
		}
	}
	wantWrite := func(t *testing.T, conn net.Conn, text string, wantErr error) {
		t.Helper()
		if _, err := conn.Write([]byte(text)); !errors.Is(err, wantErr) {
			t.Errorf("write: %v, want %v", err, wantErr)
		}
	}
	tests := []struct {
		name string
		test func(t *testing.T, a, b net.Conn)
	}{
		{"in order and in parts", func(t *testing.T, a, b net.Conn) {
			wantWrite(t, a, "ab", nil)
			wantWrite(t, a, "cd", nil)
			wantRead(t, b, "abc", nil)
			wantRead(t, b, "d", nil)
		}},
		{"both directions", func(t *testing.T, a, b net.Conn) {
			wantWrite(t, a, "to", nil)
			wantWrite(t, b, "fro", nil)
			wantRead(t, a, "fro", nil)
			wantRead(t, b, "to", nil)
		}},
		{"read waits for a write", func(t *testing.T, a, b net.Conn) {
			go func() {
				time.Sleep(time.Second)
				a.Write([]byte("x"))
			}()
			wantRead(t, b, "x", nil)
		}},
		{"what was written before Close arrives", func(t *testing.T, a, b net.Conn) {
			wantWrite(t, a, "bye", nil)
			a.Close()
			wantRead(t, b, "bye", nil)
			wantRead(t, b, "", io.EOF)
		}},
		{"Close wakes the other end", func(t *testing.T, a, b net.Conn) {
			go func() {
				time.Sleep(time.Second)
				a.Close()
			}()
			wantRead(t, b, "", io.EOF)
		}},
		{"Close wakes its own end", func(t *testing.T, a, b net.Conn) {
			go func() {
				time.Sleep(time.Second)
				b.Close()
			}()
			wantRead(t, b, "", net.ErrClosed)
			wantWrite(t, b, "x", net.ErrClosed)
		}},
		{"writing to a closed end is no error", func(t *testing.T, a, b net.Conn) {
			b.Close()
			wantWrite(t, a, "x", nil)
			wantRead(t, a, "", io.EOF)
		}},
		{"deadline", func(t *testing.T, a, b net.Conn) {
			start := time.Now()
			b.SetReadDeadline(start.Add(time.Second))
			wantRead(t, b, "", os.ErrDeadlineExceeded)
			if waited := time.Since(start); waited != time.Second {
				t.Errorf("waited %s, want 1s", waited)
			}
			wantWrite(t, b, "ok", nil) // only reading has a deadline
		}},
		{"deadline comes before data", func(t *testing.T, a, b net.Conn) {
			wantWrite(t, a, "x", nil)
			b.SetDeadline(time.Now())
			wantRead(t, b, "", os.ErrDeadlineExceeded)
			wantWrite(t, b, "x", os.ErrDeadlineExceeded)
			b.SetDeadline(time.Time{})
			wantRead(t, b, "x", nil)
			wantWrite(t, b, "x", nil)
		}},
		{"deadline set while reading", func(t *testing.T, a, b net.Conn) {
			go func() {
				time.Sleep(time.Second)
				b.SetReadDeadline(time.Now())
			}()
			wantRead(t, b, "", os.ErrDeadlineExceeded)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := rdsiamtest.MemoryPipe("db:1")
				defer a.Close()
				defer b.Close()
				test.test(t, a, b)
			})
		})
	}
}
