package rdsiamtest_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A delay in front of an upstream ends with the statement that is canceled, and holds up
// nobody who leaves.
func TestUpstreamStatementDelay(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(t *testing.T, conn *pgx.Conn)
		want time.Duration
	}{
		"leave": {func(t *testing.T, conn *pgx.Conn) {
			if err := conn.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}, 0},
		"give up": {func(t *testing.T, conn *pgx.Conn) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := conn.Exec(ctx, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			<-conn.PgConn().CleanupDone() // after 15 seconds, if the delay went on
		}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front, _ := startSpliced(t, "PostgreSQL")
				conn := connectPGX(t, pgxConfig(t, front, "app", tokenFor(t, front, "app")))
				front.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
				began := time.Now()
				test.end(t, conn)
				if took := time.Since(began); took != test.want {
					t.Errorf("it took %s, want %s", took, test.want)
				}
			})
		})
	}
}

// A statement that is canceled during its delay goes on to the upstream, and the session
// goes on.
func TestUpstreamStatementCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		front, _ := startSpliced(t, "PostgreSQL")
		conn := connectPGX(t, canceling(pgxConfig(t, front, "app", tokenFor(t, front, "app"))))
		front.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			_, err := conn.Exec(ctx, "SELECT 1") // the upstream answers at once: nothing is left to cancel there
			cancel()
			if took := time.Since(began); err != nil || took >= 2*time.Second {
				t.Errorf("got %v after %s", err, took)
			}
		}
	})
}

// What a client asked that went during the delay is not asked of the upstream.
func TestUpstreamClientGoesDuringADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
		var writes atomic.Int32
		behind := rdsiamtest.Upstream{Address: upstream.Endpoint(), Password: "secret", TLS: upstreamTLS(upstream)}.InMemory(
			func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := upstream.DialContext(ctx, network, address)
				return countingConn{conn, &writes}, err
			})
		front := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(), rdsiamtest.WithUpstream(behind))
		client := logInWire(t, front, 0)
		front.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
		synctest.Wait()
		writes.Store(0)
		client.sequence = 0
		client.send([]byte("\x03select 1"))
		synctest.Wait()
		client.conn.Close()
		synctest.Wait()
		if n := writes.Load(); n > 1 { // the end of TLS
			t.Errorf("%d writes to the upstream", n)
		}
	})
}

// A client learns at once that its upstream is gone, also during a delay.
func TestUpstreamGoesDuringADelay(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front, upstream := startSpliced(t, engine)
				conn, err := openDB(t, engine, front).Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				front.SetFaults(rdsiamtest.Faults{StatementDelay: 24 * time.Hour})
				time.AfterFunc(time.Second, func() { upstream.DropConnections() })
				began := time.Now()
				_, err = conn.ExecContext(t.Context(), "SELECT 1")
				if took := time.Since(began); err == nil || took != time.Second {
					t.Errorf("got %v after %s", err, took)
				}
			})
		})
	}
}

type countingConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}
