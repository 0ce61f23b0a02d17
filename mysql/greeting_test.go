package rdsmysql_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// shortGreeting ends after the lower capabilities, and so has 8 bytes to mix a password
// with; the driver wants 20.
func shortGreeting() []byte {
	whole := greetingPacket("", true)
	return whole[:len("\x0a8.0.0-fake\x00")+4+8+1+2]
}

// Before TLS anybody on the network can answer in the server's place.
func TestMalformedGreeting(t *testing.T) {
	whole := greetingPacket("mysql_native_password", true)
	tests := []struct {
		name string
		raw  []byte
		want string
	}{
		{"two bytes", packet(10, 0), "the greeting of the server is malformed: it ends before its capabilities"},
		{"8-byte seed", packet(shortGreeting()...), "the greeting of the server is malformed: it ends before its 20-byte seed"},
		{"empty", packet(), "the greeting of the server is malformed: it is empty"},
		{"no end of the version", packet(bytes.Repeat([]byte{10}, 80)...), "the greeting of the server is malformed: its version does not end"},
		{"cut in the seed", packet(whole[:55]...), "the greeting of the server is malformed: it ends before its 20-byte seed"},
		{"short error", packet(0xff, 16), "the greeting of the server is malformed: its error packet is too short"},
		{"error without text", packet(0xff, 16, 4), "the greeting of the server is malformed: its error packet is too short"},
		{"error with half a state", packet(0xff, 16, 4, '#', '0', '8'), "the greeting of the server is malformed: its error packet is too short"},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.9\r\n"), `the server does not speak MySQL's protocol: it began with "SSH-2.0-OpenSSH_9.9\r\n"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := startFake(t, func(f *fakeServer) { f.raw = test.raw })
			db := sql.OpenDB(rdsiam.NewConnector(driverFor(t, f, nil), &countingSource{}))
			defer db.Close()
			err := db.PingContext(t.Context())
			var failed *rdsiam.LoginError
			if !errors.As(err, &failed) || !errors.Is(err, mysql.ErrInvalidConn) {
				t.Fatalf("got %T %v, want a LoginError with ErrInvalidConn", err, err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s in it", err, test.want)
			}
			if sent := f.wire.clientSent(); len(sent) != 0 {
				t.Errorf("%d bytes were sent", len(sent))
			}
			f.stop()
			if f.closed.Load() != 1 {
				t.Errorf("%d connections were closed, want 1", f.closed.Load())
			}
		})
	}
}

// What the driver itself can read it gets unchanged, and so do its errors.
func TestGreetingsThatTheDriverReads(t *testing.T) {
	old := greetingPacket("", false)
	binary.LittleEndian.PutUint16(old[len("\x0a8.0.0-fake\x00")+4+8+1:], 0)
	many := append([]byte{0xff, 16, 4}, "#08004Too many connections"...)
	for name, test := range map[string]struct {
		payload []byte
		want    error
	}{
		"protocol 9":                 {[]byte{9}, nil},
		"too old":                    {old, mysql.ErrOldProtocol},
		"too old and short":          {old[:len("\x0a8.0.0-fake\x00")+4+8+1+2], mysql.ErrOldProtocol},
		"no TLS":                     {greetingPacket("mysql_native_password", false), mysql.ErrNoTLS},
		"error":                      {many, &mysql.MySQLError{Number: 1040}},
		"error with an empty text":   {many[:9], &mysql.MySQLError{Number: 1040}},
		"error without a state":      {[]byte{0xff, 16, 4, 'T'}, &mysql.MySQLError{Number: 1040}},
		"longer than one TCP packet": {append(greetingPacket("mysql_native_password", false), make([]byte, 2000)...), mysql.ErrNoTLS},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, func(f *fakeServer) { f.raw = packet(test.payload...) })
			bare := testConfig(func(c *mysql.Config) { c.DialFunc, c.Logger, c.TLSConfig = f.dial, &mysql.NopLogger{}, "true" })
			connector, err := mysql.NewConnector(bare)
			if err != nil {
				t.Fatal(err)
			}
			_, want := connector.Connect(t.Context())
			_, err = driverFor(t, f, nil).Open(t.Context(), &countingSource{})
			if err == nil || want == nil || err.Error() != want.Error() || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, the driver alone says %v, want %v", err, want, test.want)
			}
		})
	}
}

// A greeting that arrives byte by byte is read like one that arrives whole.
func TestGreetingInPieces(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	d := driverFor(t, f, func(c *mysql.Config) {
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := f.dial(ctx, network, addr)
			return oneByteConn{conn}, err
		}
	})
	conn, err := d.Open(t.Context(), &countingSource{})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

type oneByteConn struct{ net.Conn }

func (c oneByteConn) Read(b []byte) (int, error) { return c.Conn.Read(b[:min(1, len(b))]) }

// By syscall.Conn the driver finds out whether a connection of the pool is still alive.
func TestLivenessCheckIsKept(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	var checks atomic.Int32
	d := driverFor(t, f, func(c *mysql.Config) {
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := f.dialTCP(ctx, network, addr)
			return checkedConn{conn, conn.(syscall.Conn), &checks}, err
		}
	})
	conn, err := d.Open(t.Context(), &countingSource{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(driver.SessionResetter).ResetSession(t.Context()); err != nil || checks.Load() != 1 {
		t.Errorf("got %v after %d checks, want 1", err, checks.Load())
	}
}

type checkedConn struct {
	net.Conn
	system syscall.Conn
	checks *atomic.Int32
}

func (c checkedConn) SyscallConn() (syscall.RawConn, error) {
	c.checks.Add(1)
	return c.system.SyscallConn()
}

func TestDialFuncThatReturnsNothing(t *testing.T) {
	d, err := rdsmysql.New(testConfig(func(c *mysql.Config) {
		c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = d.Open(t.Context(), &countingSource{}); err == nil || !strings.Contains(err.Error(), "returned neither a connection nor an error") {
		t.Errorf("got %v", err)
	}
}

// Without a dial function the Driver dials tcp itself, and so can close what it dialed.
func TestMalformedGreetingOverTCP(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.raw = packet(10, 0) })
	config := testConfig(func(c *mysql.Config) { c.Addr, c.Logger = f.listener.Addr().String(), &mysql.NopLogger{} })
	d, err := rdsmysql.New(config, rdsiam.WithEndpoint(testHost), rdsiam.WithRootCAs(f.roots))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = d.Open(t.Context(), &countingSource{}); !errors.Is(err, mysql.ErrInvalidConn) {
		t.Errorf("got %v", err)
	}
	f.stop()
	if f.closed.Load() != 1 {
		t.Error("the connection is open")
	}
}
