package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// dialedMySQL is a proxy whose connections to the database pass through dial.
func dialedMySQL(t *testing.T, dial func(context.Context, func() (net.Conn, error)) (net.Conn, error)) *inMemory {
	t.Helper()
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app))
	engine, err := proxy.NewMySQL((&database{"rdsiamtest", server, "127.0.0.1:1", mysqlEngine}).target(t))
	if err != nil {
		t.Fatal(err)
	}
	return inMemoryBy(t, engine, func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(ctx, func() (net.Conn, error) { return server.DialContext(ctx, network, address) })
	})
}

func (r *inMemory) pingMySQL(t *testing.T) error {
	t.Helper()
	config := mysql.NewConfig()
	config.User, config.Logger = app, new(mysql.NopLogger)
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return r.connect(), nil }
	db, err := mysqlDB(config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.PingContext(t.Context())
}

// A proxy in front of a database that is down starts all the same. However many clients come,
// the database is asked once a second, and they get in when it is back.
func TestDatabaseIsDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		var dials atomic.Int64
		r := dialedMySQL(t, func(_ context.Context, dial func() (net.Conn, error)) (net.Conn, error) {
			dials.Add(1)
			if !up.Load() {
				return nil, errors.New("the database is down")
			}
			return dial()
		})
		for range 50 {
			if err := r.pingMySQL(t); err == nil || !strings.Contains(err.Error(), "the database is down") {
				t.Fatalf("error %v", err)
			}
		}
		if got := dials.Load(); got != 1 {
			t.Errorf("the database was asked %d times", got)
		}
		up.Store(true)
		time.Sleep(2 * time.Second)
		if err := r.pingMySQL(t); err != nil {
			t.Errorf("when the database is back: %v", err)
		}
		r.stop()
		if err := r.waitStopped(t); err != nil {
			t.Error(err)
		}
	})
}

// poorer is a connection to a server that greets without a capability.
type poorer struct {
	net.Conn
	without  mysqlwire.Capabilities
	greeting *bytes.Reader // nil until it was read
}

func (p *poorer) Read(b []byte) (int, error) {
	if p.greeting == nil {
		payload, err := (&mysqlwire.Packets{Stream: p.Conn, Limit: 1 << 10}).Read()
		if err != nil {
			return 0, err
		}
		greeting, err := mysqlwire.ParseGreeting(payload)
		if err != nil {
			return 0, err
		}
		greeting.Capabilities &^= p.without
		p.greeting = bytes.NewReader([]byte(packet(0, string(greeting.Encode()))))
	}
	if p.greeting.Len() > 0 {
		return p.greeting.Read(b)
	}
	return p.Conn.Read(b)
}

// After a failover to a server that can do less than a client was promised, the client must
// connect again, and then it is promised less.
func TestServerCanDoLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		r := dialedMySQL(t, func(_ context.Context, dial func() (net.Conn, error)) (net.Conn, error) {
			conn, err := dial()
			if dials.Add(1) > 1 && err == nil {
				conn = &poorer{Conn: conn, without: mysqlwire.ClientDeprecateEOF | mysqlwire.ClientMultiResults}
			}
			return conn, err
		})
		synctest.Wait()
		var answer *mysql.MySQLError
		if err := r.pingMySQL(t); !errors.As(err, &answer) || answer.Number != 1053 || !strings.Contains(answer.Message, "connect again") {
			t.Errorf("error %v", err)
		}
		if err := r.pingMySQL(t); err != nil {
			t.Errorf("the second time: %v", err)
		}
		r.stopsWithLog(t, "has changed since this client was greeted")
	})
}
