package rdsiamtest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
)

// splice logs in to the upstream server and hands the session to it.
func (f *postgresFront) splice(ctx context.Context) {
	readOnly := f.client.ReadOnly()
	upstream, reader, err := f.connectUpstream(ctx, readOnly)
	if err != nil {
		f.refuse(upstreamError(err))
		return
	}
	session, err := upstream.Hijack()
	if err != nil {
		f.refuse(upstreamError(err))
		return
	}
	defer session.Conn.Close()
	defer context.AfterFunc(ctx, func() { session.Conn.Close() })()

	key := f.sessions.Add(func(ctx context.Context) {
		f.client.cancelStatement()
		_ = upstream.CancelRequest(ctx) // PostgreSQL does not answer it either
	})
	defer f.sessions.Remove(key)
	if f.welcome(session.ParameterStatuses, key) == nil && f.client.beginSplice(readOnly) {
		pgrelay.Splice(delayedConn{f.stream, f.client, postgresGoodbye}, pgrelay.ReadFrom(reader, session.Conn))
	}
}

// connectUpstream also returns what the connection has to be read from.
func (f *postgresFront) connectUpstream(
	ctx context.Context, readOnly bool,
) (conn *pgconn.PgConn, reader io.Reader, err error) {
	config, err := f.upstream.postgresConfig(f.request, f.startup, f.client.connectUpstream)
	if err != nil {
		return nil, nil, err
	}
	if readOnly {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		reader = r
		return pgproto3.NewFrontend(pgrelay.Messages(r), w)
	}
	conn, err = pgconn.ConnectConfig(ctx, config)
	return conn, reader, err
}

// postgresConfig asks for the session that the client asked for.
func (u *Upstream) postgresConfig(
	r loginRequest, startup map[string]string, connect func(context.Context) (net.Conn, error),
) (*pgconn.Config, error) {
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
		config.User = r.user
	}
	if config.Database == "" {
		config.Database = r.database
	}
	config.TLSConfig = u.tlsConfig()
	config.Fallbacks = nil
	config.RuntimeParams = maps.Clone(startup)
	delete(config.RuntimeParams, "user")
	delete(config.RuntimeParams, "database")
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx) }
	return config, nil
}

// upstreamError passes on what the upstream server said.
func upstreamError(err error) (code, message string) {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code, said.Message
	}
	return "08001", "rdsiamtest could not log in to the server given to WithUpstream: " + err.Error()
}
