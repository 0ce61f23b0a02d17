package proxy_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// pipes is a listener for testing/synctest.
type pipes struct {
	conns chan net.Conn
	over  context.Context
	close context.CancelFunc
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.over.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "/pipe", Net: "unix"} }

// inMemory is a proxy without a network.
type inMemory struct {
	*running
	pipes *pipes
}

// dialing is an engine that a test connects to the database.
type dialing interface {
	proxy.Engine
	DialBy(pgconn.DialFunc)
}

// emulatedInMemory reaches the database by wrap of a connection to it.
func emulatedInMemory(t *testing.T, wrap func(net.Conn) net.Conn) *inMemory {
	t.Helper()
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app))
	d := &database{"rdsiamtest", server, "127.0.0.1:1", postgresEngine}
	engine, err := proxy.NewPostgreSQL(d.target(t))
	if err != nil {
		t.Fatal(err)
	}
	return inMemoryOf(t, server, engine, wrap)
}

func emulatedMySQLInMemory(t *testing.T) *inMemory {
	t.Helper()
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app))
	d := &database{"rdsiamtest", server, "127.0.0.1:1", mysqlEngine}
	engine, err := proxy.NewMySQL(d.target(t))
	if err != nil {
		t.Fatal(err)
	}
	return inMemoryOf(t, server, engine, asItIs)
}

func inMemoryOf(t *testing.T, server *rdsiamtest.Server, engine dialing, wrap func(net.Conn) net.Conn) *inMemory {
	t.Helper()
	return inMemoryBy(t, engine, func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := server.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	})
}

// inMemoryBy reaches the database by dial.
func inMemoryBy(t *testing.T, engine dialing, dial pgconn.DialFunc) *inMemory {
	t.Helper()
	engine.DialBy(dial)
	var err error
	r := &inMemory{&running{log: new(text), stopped: make(chan error, 1)}, &pipes{conns: make(chan net.Conn)}}
	if r.Server, err = proxy.NewServer(engine, proxy.Settings{DrainTime: time.Hour, Log: r.log.add}); err != nil {
		t.Fatal(err)
	}
	r.pipes.over, r.pipes.close = context.WithCancel(context.Background())
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { r.stopped <- r.Serve(ctx, r.pipes) }()
	return r
}

func (r *inMemory) connect() net.Conn {
	client, server := net.Pipe()
	r.pipes.conns <- server
	return client
}

// asItIs is for tests that are not about the connection to the database.
func asItIs(conn net.Conn) net.Conn { return conn }

// connectPostgreSQL logs in through the proxy.
func (r *inMemory) connectPostgreSQL(ctx context.Context, t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := r.openPostgreSQL(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func (r *inMemory) openPostgreSQL(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("host=/pipe dbname=postgres user=" + app)
	if err != nil {
		return nil, err
	}
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return r.connect(), nil }
	return pgx.ConnectConfig(ctx, config)
}
