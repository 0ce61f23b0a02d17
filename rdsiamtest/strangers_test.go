package rdsiamtest_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// longName is as long as the packet of a MySQL login can carry.
var longName = strings.Repeat("\x01é", 40_000)

// refuseStranger logs in as longName, without TLS, on a server that does not ask for it.
func refuseStranger(t *testing.T, server *rdsiamtest.Server) {
	t.Helper()
	conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &wireClient{t: t, conn: conn}
	c.receive()
	const capabilities = wireProtocol41 | wireSecure | wirePluginAuth
	c.send(append(wireResponse(capabilities), longName+"\x00\x01x\x00mysql_clear_password\x00"...))
	for reply := c.receive(); reply[0] != 0xff; reply = c.receive() {
		c.send([]byte("not a token\x00"))
	}
}

// heapAfter returns by how much the heap has grown after work.
func heapAfter(work func()) int64 {
	live := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC() // frees what the first one only emptied out of pools
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := live()
	work()
	return live() - before
}

// Names of 120 kB cost 120 to 260 kB a login when they were kept as they came.
func TestStrangersCostLittle(t *testing.T) {
	const limit = 4 << 20 // of 120 kB that each login brings
	program, err := rdsiamtest.NewMySQL(rdsiamtest.WithInMemory(), rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for name, test := range map[string]struct {
		server       *rdsiamtest.Server
		logins, want int
	}{
		"test":    {rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable)), 300, 300},
		"program": {program, 1200, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			refuseStranger(t, test.server) // what is made once does not count
			grown := heapAfter(func() {
				for range test.logins - 1 {
					refuseStranger(t, test.server)
				}
			})
			t.Logf("%d logins: the heap grew by %d kB", test.logins, grown>>10)
			if grown > limit {
				t.Errorf("the heap grew by %d MB, want at most %d", grown>>20, limit>>20)
			}
			if kept := len(test.server.Logins()); kept != test.want {
				t.Errorf("%d logins are kept, want %d", kept, test.want)
			}
			runtime.KeepAlive(test.server)
		})
	}
}

// A program's server keeps the newest logins, oldest first.
func TestProgramKeepsTheNewest(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithInMemory(), rdsiamtest.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const all = 2500
	for i := range all {
		_ = server.Verify(t.Context(), fmt.Sprint("user ", i), "no token")
	}
	kept := server.Logins()
	for i, logIn := range kept {
		if want := fmt.Sprint("user ", all-len(kept)+i); logIn.User != want {
			t.Fatalf("login %d is of %q, want %q", i, logIn.User, want)
		}
	}
	if len(kept) != 1000 {
		t.Errorf("%d logins, want 1000", len(kept))
	}
}

// Whatever comes from a client is cut before it is recorded or said.
func TestLongNamesAreCut(t *testing.T) {
	check := func(t *testing.T, what, text string) {
		t.Helper()
		if len(text) > 3000 || !utf8.ValidString(text) {
			t.Errorf("%s has %d bytes: %.80q…", what, len(text), text)
		}
	}
	t.Run("token", func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
		for name, change := range map[string]func(*request){
			"user":       func(r *request) { r.query.Set("DBUser", longName) },
			"region":     func(r *request) { r.region = strings.Repeat("r", 100_000) },
			"access key": func(r *request) { r.credentials.AccessKeyID = strings.Repeat("K", 100_000) },
			"host":       func(r *request) { r.address = strings.Repeat("h", 200) + ".example:1" },
		} {
			request := goodRequest(server, "app")
			change(request)
			check(t, name+": error", fmt.Sprint(server.Verify(t.Context(), "app", request.sign(t))))
			check(t, name+": entry", fmt.Sprintf("%+v", lastLogin(t, server)))
		}
		check(t, "login", fmt.Sprint(server.Verify(t.Context(), longName, tokenFor(t, server, "app"))))
		check(t, "login's entry", fmt.Sprintf("%+v", lastLogin(t, server)))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory())
		conn, frontend := dialRaw(t, server)
		name := longName[:4500]
		writeAll(t, conn, &pgproto3.StartupMessage{
			ProtocolVersion: pgproto3.ProtocolVersion30,
			Parameters:      map[string]string{"user": name, "database": name},
		})
		message, err := frontend.Receive()
		refusal, ok := message.(*pgproto3.ErrorResponse)
		if err != nil || !ok {
			t.Fatalf("got %#v, %v; want an error", message, err)
		}
		check(t, "error", refusal.Message)
		check(t, "entry", fmt.Sprintf("%+v", lastLogin(t, server)))
	})
	t.Run("MySQL", func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
		c := dialWire(t, server)
		const capabilities = wireProtocol41 | wireSecure | wirePluginAuth | wireConnectWithDB
		half := longName[:59_999]
		c.send(append(wireResponse(capabilities), half+"\x00\x00"+half+"\x00mysql_clear_password\x00"...))
		_, text := wireError(c.receive())
		check(t, "error", text)
		check(t, "entry", fmt.Sprintf("%+v", lastLogin(t, server)))

		c = logInWire(t, server, 0)
		_, text = wireError(c.command([]byte("\x11" + half + "\x00\x00\x00")...))
		check(t, "error of a change of account", text)
		check(t, "entry of a change of account", fmt.Sprintf("%+v", lastLogin(t, server)))
	})
}

// A session cannot make its server keep more than it may.
func TestSessionKeepsLittle(t *testing.T) {
	const limit = 100 << 20
	t.Run("PostgreSQL", func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
		conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
		defer conn.Close(t.Context())
		text := "select 1 /* " + strings.Repeat("x", 8<<20) + " */" // cheap to read
		var refused error
		grown := heapAfter(func() {
			for i := range 20 {
				if _, refused = conn.PgConn().Prepare(t.Context(), fmt.Sprint("s", i), text, nil); refused != nil {
					break
				}
			}
		})
		wantPgError(t, refused, "53400", "")
		if grown > limit {
			t.Errorf("the heap grew by %d MB", grown>>20)
		}
		if err := conn.PgConn().Deallocate(t.Context(), "s0"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.PgConn().Prepare(t.Context(), "again", text, nil); err != nil {
			t.Errorf("after one was closed: %v", err)
		}
		many := "select " + strings.Repeat("1,", 2000) + "1"
		_, err := conn.PgConn().Exec(t.Context(), many).ReadAll()
		wantPgError(t, err, "54011", "target lists can have at most 1664 entries")
	})
	t.Run("MySQL", func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
		c := logInWire(t, server, wireDeprecateEOF)
		text := "\x16select '" + strings.Repeat("x", 8<<20) + "'"
		var number int
		grown := heapAfter(func() {
			for range 20 {
				reply := c.command([]byte(text)...)
				if number, _ = wireError(reply); number != 0 {
					break
				}
				for range binary.LittleEndian.Uint16(reply[5:]) {
					c.receive()
				}
			}
		})
		if number != 1461 {
			t.Errorf("error %d, want 1461", number)
		}
		if grown > limit {
			t.Errorf("the heap grew by %d MB", grown>>20)
		}
		for _, command := range []string{"\x02" + longName, "\x03use `" + longName + "`"} {
			if number, text := wireError(c.command([]byte(command)...)); number != 1102 || len(text) > 1000 {
				t.Errorf("error %d of %d bytes, want 1102", number, len(text))
			}
		}
	})
}

// Clients of a program's server that say nothing make room for others, and a session that
// they came after stays.
func TestStrangersMakeRoom(t *testing.T) {
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	logIn := func() *pgx.Conn { return connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app"))) }
	first := logIn()
	defer first.Close(t.Context())
	const more = 44
	var ended sync.WaitGroup
	for i := range 256 + more {
		conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i < more {
			ended.Go(func() { _, _ = io.Copy(io.Discard, conn) })
		}
	}
	ended.Wait()
	if err := first.Ping(t.Context()); err != nil {
		t.Errorf("the session has ended: %v", err)
	}
	last := logIn()
	last.Close(t.Context())
	reasons := make(map[rdsiamtest.Reason]int)
	for _, logIn := range server.Logins() {
		reasons[logIn.Reason]++
	}
	if made := reasons[rdsiamtest.ReasonNoRoom]; reasons[rdsiamtest.ReasonAccepted] != 2 || made < more || made > more+1 {
		t.Errorf("logins %v", reasons)
	}
}
