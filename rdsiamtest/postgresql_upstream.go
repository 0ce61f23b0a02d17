package rdsiamtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// splice logs in to the upstream server and copies bytes between it and the
// client until one of them ends.
func (f *postgresFront) splice(ctx context.Context) {
	upstream, err := f.connectUpstream(ctx)
	if err != nil {
		f.refuse(upstreamError(err))
		return
	}
	defer upstream.Conn.Close()
	defer context.AfterFunc(ctx, func() { upstream.Conn.Close() })()

	processID, secretKey := f.sessions.add(func(ctx context.Context) {
		f.upstream.cancelPostgreSQL(ctx, upstream)
	})
	defer f.sessions.remove(processID)
	if f.welcome(upstream.ParameterStatuses, processID, secretKey) != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(upstream.Conn, f.stream)
		upstream.Conn.Close()
	})
	io.Copy(f.stream, upstream.Conn)
	f.client.Close()
	both.Wait()
}

func (f *postgresFront) connectUpstream(ctx context.Context) (*pgconn.HijackedConn, error) {
	config, err := f.upstream.postgresConfig(f.attempt, f.startup)
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return conn.Hijack()
}

// postgresConfig asks for the session that the client asked for.
func (u *Upstream) postgresConfig(a attempt, startup map[string]string) (*pgconn.Config, error) {
	// What pgconn would take from the environment of the process is either given
	// here or replaced below.
	config, err := pgconn.ParseConfig("host=upstream port=5432 user=upstream password=none database=postgres " +
		"sslmode=disable sslnegotiation=postgres sslcertmode=allow connect_timeout=60 target_session_attrs=any " +
		"min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth='' sslrootcert='' sslcert='' sslkey=''")
	if err != nil {
		return nil, err
	}
	config.User, config.Password, config.Database = u.User, u.Password, u.Database
	if config.User == "" {
		config.User = a.user
	}
	if config.Database == "" {
		config.Database = a.database
	}
	config.TLSConfig = u.TLS
	config.Fallbacks = nil
	config.RuntimeParams = maps.Clone(startup)
	delete(config.RuntimeParams, "user")
	delete(config.RuntimeParams, "database")
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return u.dial(ctx) }
	return config, nil
}

func (u *Upstream) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, u.Network, u.Address)
}

// upstreamError passes on what the upstream server said.
func upstreamError(err error) (code, message string) {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code, said.Message
	}
	return "08001", "rdsiamtest could not log in to the server given to WithUpstream: " + err.Error()
}

// cancelPostgreSQL asks the upstream server to cancel what a session is doing.
// A cancel request needs neither TLS nor a log-in, and has no answer.
func (u *Upstream) cancelPostgreSQL(ctx context.Context, session *pgconn.HijackedConn) {
	request, err := (&pgproto3.CancelRequest{ProcessID: session.PID, SecretKey: session.SecretKey}).Encode(nil)
	if err != nil {
		return
	}
	conn, err := u.dial(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(request); err != nil {
		return
	}
	// The server closes the connection when it has passed the request on; so
	// does this server then towards its own client.
	io.Copy(io.Discard, conn)
}

// sessionTable finds the session that a cancel request means. The zero table is
// empty.
type sessionTable struct {
	mu       sync.Mutex
	lastID   uint32
	sessions map[uint32]cancellable
}

type cancellable struct {
	secretKey []byte
	cancel    func(context.Context)
}

// add gives a session the numbers that a cancel request names.
func (t *sessionTable) add(cancel func(context.Context)) (processID uint32, secretKey []byte) {
	secretKey = make([]byte, 4)
	rand.Read(secretKey)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sessions == nil {
		t.sessions = make(map[uint32]cancellable)
	}
	t.lastID++
	t.sessions[t.lastID] = cancellable{secretKey, cancel}
	return t.lastID, secretKey
}

func (t *sessionTable) remove(processID uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, processID)
}

func (t *sessionTable) cancel(ctx context.Context, request *pgproto3.CancelRequest) {
	t.mu.Lock()
	session, ok := t.sessions[request.ProcessID]
	t.mu.Unlock()
	if ok && bytes.Equal(session.secretKey, request.SecretKey) {
		session.cancel(ctx)
	}
}
