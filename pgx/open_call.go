package rdspgx

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

// closeTimeout bounds the farewell to the server of a connection that is not to be used.
const closeTimeout = 5 * time.Second

// openCall is one call of Driver.Open, for the hook in pgx's connector, which all calls
// share.
type openCall struct {
	tokens   rdsiam.TokenSource
	prepared *preparedConfig // nil until the hook has run
	login    *connLogin      // nil until a host was dialed
}

type openCallKey struct{}

// open connects by connect, which finds the openCall in its context.
func (o *openCall) open(ctx context.Context, connect func(context.Context) (driver.Conn, error)) (driver.Conn, error) {
	conn, err := o.connect(context.WithValue(ctx, openCallKey{}, o), connect)
	login := o.login
	o.login = nil // pgx's connection keeps the openCall
	if err == nil {
		return conn, nil
	}
	if login != nil {
		login.abandon(ctx, err)
	}
	if o.prepared == nil || login != nil && login.loggedIn != nil {
		return nil, err // of the caller's own functions
	}
	return nil, o.prepared.describe(err)
}

// connect turns panics into errors. A server can cause them: pgx's check of
// target_session_attrs takes it for granted that there is a row.
func (o *openCall) connect(ctx context.Context, connect func(context.Context) (driver.Conn, error)) (conn driver.Conn, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			text := "rdsiam: panic during the login, in " + panickedIn() + ": " + fmt.Sprint(reason)
			if o.login != nil {
				text = o.login.mask(text)
			}
			conn, err = nil, fmt.Errorf("%s", text)
		}
	}()
	return connect(ctx)
}

// panickedIn returns the function that has panicked, with its line, for a deferred
// function that recovers.
func panickedIn() string {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Sprintf("%s (line %d)", frame.Function, frame.Line)
		}
	}
}

// prepare is the hook in pgx's connector.
func (o *openCall) prepare(config *pgx.ConnConfig, resolver *endpoints.Resolver) (err error) {
	if o.prepared, err = install(config, o.tokens, resolver); err != nil {
		return err
	}
	config.AfterNetConnect = o.afterNetConnect
	if tracer, ok := config.Tracer.(pgx.ConnectTracer); ok {
		config.Tracer = &endTracer{QueryTracer: config.Tracer, connect: tracer, call: o}
	}
	return nil
}

// afterNetConnect is called once, when the first host was dialed.
func (o *openCall) afterNetConnect(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	login := o.prepared.begin(config)
	if o.login == nil {
		o.login = login
	}
	return login.afterNetConnect(ctx, config, conn)
}

// endTracer releases the token before the caller's tracer gets the error of a connection
// that was cut.
type endTracer struct {
	pgx.QueryTracer // the caller's
	connect         pgx.ConnectTracer
	call            *openCall
}

// TraceConnectStart makes the connection keep the caller's tracer.
func (t *endTracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	data.ConnConfig.Tracer = t.QueryTracer
	return t.connect.TraceConnectStart(ctx, data)
}

// TraceConnectEnd calls the caller's.
func (t *endTracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if t.call.login != nil {
		t.call.login.release()
	}
	t.connect.TraceConnectEnd(ctx, data)
}

// abandon ends a login that failed with err. It leaves nothing of it in the
// configuration, which is in the error, and closes the connection where pgx has not.
func (l *connLogin) abandon(ctx context.Context, err error) {
	l.finish()
	//nolint:errorlint // pgx closes what it returns this error for; one further in is of another connection
	if failed, ok := err.(*pgconn.ConnectError); ok && failed.Config == l.config {
		return
	}
	if l.loggedIn != nil {
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		_ = l.loggedIn.Close(ctx)
	}
	_ = l.conn.Close()
}

// mask masks the tokens of the login.
func (l *connLogin) mask(text string) string {
	for n := range l.logins {
		text = l.logins[n].token.Mask(text)
	}
	return text
}

// describe makes an error of pgx fit for the caller: where a certificate did not verify,
// with the origin of the roots.
func (p *preparedConfig) describe(err error) error {
	if len(p.hosts) != 1 {
		return err // several hosts were verified one by one, where the error arose
	}
	return p.hosts[0].endpoint.DescribeCertificateError(err, p.hosts[0].given.config())
}
