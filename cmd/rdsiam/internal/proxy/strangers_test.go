package proxy_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// front is one of the two protocols that strangers come by.
type front struct {
	name  string
	start func(testing.TB) *database
	logIn func(context.Context, testing.TB, *running, string) error // with a password, and out again
}

var fronts = []front{
	{"PostgreSQL", func(t testing.TB) *database { return emulatedPostgreSQL(t) }, logInPostgreSQL},
	{"MySQL", func(t testing.TB) *database { return emulatedMySQL(t) }, logInMySQL},
}

func logInPostgreSQL(ctx context.Context, t testing.TB, r *running, password string) error {
	conn, err := pgx.ConnectConfig(ctx, pgxConfig(t, r, app, password))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func logInMySQL(ctx context.Context, _ testing.TB, r *running, password string) error {
	db, err := mysqlDB(mysqlConfig(r, app, password))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// connectAndLeave is what a port scan or a health check does.
func connectAndLeave(t testing.TB, r *running) {
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Error(err)
		return
	}
	conn.Close()
}

// staySilent holds so many connections that say nothing, until leave is called.
func staySilent(t testing.TB, r *running, n int) (leave func()) {
	var conns []net.Conn
	for range n {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	return func() {
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// inParallel runs what n times, eight at a time.
func inParallel(n int, what func()) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range 8 {
		all.Go(func() {
			for next.Add(1) <= int64(n) {
				what()
			}
		})
	}
	all.Wait()
}

// comeIn logs in so many times with the password, and counts how often that is refused.
func (f *front) comeIn(t testing.TB, r *running, times int) (refused int) {
	for range times {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := f.logIn(ctx, t, r, password); err != nil {
			t.Log(err)
			refused++
		}
		cancel()
	}
	return refused
}

// Whoever does not know the password costs no login at the database, and keeps nobody out
// who does. When the database was asked first, 23 of these 60 were refused by a front of
// MySQL, and 701 logins were made at the database.
func TestStrangers(t *testing.T) {
	const times, guesses = 20, 400
	for _, front := range fronts {
		t.Run(front.name, func(t *testing.T) {
			d := front.start(t)
			r := d.proxy(t, "tcp", proxy.Settings{Password: password, DrainTime: time.Minute}) // sessions end after their clients
			inParallel(200, func() { connectAndLeave(t, r) })
			refused := front.comeIn(t, r, times)
			leave := staySilent(t, r, 300)
			refused += front.comeIn(t, r, times)
			leave()
			start := time.Now()
			var strangers sync.WaitGroup
			strangers.Go(func() {
				inParallel(guesses, func() {
					if front.logIn(t.Context(), t, r, "a wrong password") == nil {
						t.Error("a stranger was let in")
					}
				})
			})
			refused += front.comeIn(t, r, times)
			strangers.Wait()
			rate := guesses / time.Since(start).Seconds()
			r.stop()
			if err := r.waitStopped(t); err != nil {
				t.Error(err)
			}
			logins := len(d.verifier.Logins())
			log := r.log.String()
			t.Logf("%d of %d refused; %d logins at the database; %.0f wrong passwords a second; %d bytes in the log",
				refused, 3*times, logins, rate, len(log))
			if refused > 0 {
				t.Errorf("%d of %d that know the password were refused", refused, 3*times)
			}
			if learned := 1; logins > 3*times+learned {
				t.Errorf("%d logins at the database, want %d", logins, 3*times)
			}
			if lines := strings.Count(log, "\n"); lines > 200 || !strings.Contains(log, "were left out") {
				t.Errorf("%d lines in the log, or none was left out", lines)
			}
		})
	}
}

// Where there is no password to prove, the count that TestStrangers goes by sees a login at
// the database for each client.
func TestStrangersWithoutPassword(t *testing.T) {
	for _, front := range fronts {
		t.Run(front.name, func(t *testing.T) {
			const guesses = 100
			d := front.start(t)
			r := d.proxy(t, "tcp", proxy.Settings{})
			inParallel(guesses, func() { _ = front.logIn(t.Context(), t, r, "a wrong password") })
			if logins := len(d.verifier.Logins()); logins < guesses {
				t.Errorf("%d logins at the database, want %d", logins, guesses)
			}
		})
	}
}

// Of many clients that say nothing the oldest make room, at once. Without the budget all of
// them stay.
func TestManySilentClients(t *testing.T) {
	const clients = 300
	for _, tt := range []struct {
		name                 string
		mysql                bool
		budget, stay, inTime int
	}{
		{"PostgreSQL", false, 256, 256, 44},
		{"MySQL", true, 256, 256, 44},
		{"no budget", true, 1 << 20, clients, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r *inMemory
				if tt.mysql {
					r = emulatedMySQLInMemory(t)
				} else {
					r = emulatedInMemory(t, asItIs)
				}
				r.SetMaxStrangers(tt.budget)
				start := time.Now()
				var ends sync.WaitGroup
				var atOnce, later atomic.Int64
				for range clients {
					client := r.connect()
					ends.Go(func() {
						_, _ = io.Copy(io.Discard, client)
						if time.Since(start) == 0 {
							atOnce.Add(1)
						} else {
							later.Add(1)
						}
					})
					synctest.Wait()
				}
				ends.Wait()
				if atOnce.Load() != int64(tt.inTime) || later.Load() != int64(tt.stay) {
					t.Errorf("%d were sent away at once and %d later, want %d and %d", atOnce.Load(), later.Load(), tt.inTime, tt.stay)
				}
				if waited := time.Since(start); waited != 10*time.Second {
					t.Errorf("the last was sent away after %v", waited)
				}
				r.stop()
				if err := r.waitStopped(t); err != nil {
					t.Error(err)
				}
				const said = "client 1: the client was the oldest of those that have not logged in yet"
				if got := strings.Contains(r.log.String(), said); got != (tt.inTime > 0) {
					t.Errorf("the log is %q", r.log)
				}
			})
		})
	}
}

// What a client learns of its refusal is in the log before.
func TestRefusalIsLoggedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emulatedInMemory(t, asItIs)
		client := r.connect()
		defer client.Close()
		r.startUp(t, client, "stranger")
		synctest.Wait() // the answer is not read
		if got := r.log.String(); !strings.Contains(got, `client 1: the client wants to log in as "stranger"`) {
			t.Errorf("the log is %q", got)
		}
		r.stop()
		if err := r.waitStopped(t); err != nil {
			t.Error(err)
		}
	})
}
