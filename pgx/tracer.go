package rdspgx

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
)

// Tracer returns a tracer that has observe called for every step of the logins of a hook of
// [BeforeConnect], as [rdsiam.WithObserver] does for those of a Connector:
//
//	poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens)
//	poolConfig.ConnConfig.Tracer = rdspgx.Tracer(observe)
//
// multitracer.New of pgx puts it before another tracer. observe is called in the goroutine
// that logs in: it must return soon, and be safe for concurrent use. A nil observe is not
// called.
//
// Err of an event that ends a login is pgx's, which [rdsiam.Explain] explains. What the hook
// refuses, a [*rdsiam.ConfigError], comes before pgx connects and is no event, nor are
// connections without a hook, or of a Connector, which has an observer of its own.
//
// The tracer also takes the token out of the Config of every *pgconn.ConnectError, which
// the hook can do only where the server has answered.
func Tracer(observe func(context.Context, rdsiam.Event)) pgx.QueryTracer {
	return loginTracer{observe}
}

type loginTracer struct {
	observe func(context.Context, rdsiam.Event)
}

var _ pgx.ConnectTracer = loginTracer{}

// tracedLogin is one login between its start and its end, for the hook to find in the
// context. One goroutine uses it. A nil one, where nobody traces, does nothing.
type tracedLogin struct {
	observe        func(context.Context, rdsiam.Event)
	started, began time.Time // of the login; when the hook asked for a token
	login          rdsiam.Login
	token          rdsiam.Token // the last one
}

type tracedLoginKey struct{}

func tracedLoginOf(ctx context.Context) *tracedLogin {
	traced, _ := ctx.Value(tracedLoginKey{}).(*tracedLogin)
	return traced
}

// TraceConnectStart is called by pgx.
func (t loginTracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	if t.observe == nil || ctx.Value(openCallKey{}) != nil { // of a Connector
		return ctx
	}
	traced := &tracedLogin{observe: t.observe, started: time.Now()}
	if prepared := preparedConfigOf(data.ConnConfig.AfterNetConnect, ourHooks...); prepared != nil {
		traced.start(ctx, prepared.login(prepared.hosts[0]))
	}
	return context.WithValue(ctx, tracedLoginKey{}, traced)
}

// start reports the beginning, once it is known that a hook logs in: one that somebody has
// wrapped is known when it asks for a token.
func (t *tracedLogin) start(ctx context.Context, login rdsiam.Login) {
	first := t.login == rdsiam.Login{}
	t.login = login
	if first {
		t.report(ctx, rdsiam.Event{Kind: rdsiam.LoginStarted})
	}
}

// asks is called by the hook before it asks for a token.
func (t *tracedLogin) asks(ctx context.Context, login rdsiam.Login) {
	if t != nil {
		t.start(ctx, login)
		t.began = time.Now()
	}
}

// asked is called by the hook with the answer.
func (t *tracedLogin) asked(ctx context.Context, token rdsiam.Token, err error) {
	if t == nil {
		return
	}
	event := rdsiam.Event{Kind: rdsiam.TokenSigned, Duration: time.Since(t.began), Err: err}
	switch {
	case err != nil:
		event.Kind = rdsiam.TokenFailed
	case token.Reused():
		event.Kind = rdsiam.TokenReused
	}
	if err == nil {
		t.token = token
	}
	t.report(ctx, event)
}

// TraceConnectEnd is called by pgx.
func (loginTracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	var failed *pgconn.ConnectError
	if errors.As(data.Err, &failed) && failed.Config != nil {
		failed.Config.Password = ""
	}
	traced := tracedLoginOf(ctx)
	if traced == nil || traced.login == (rdsiam.Login{}) {
		return
	}
	traced.report(ctx, rdsiam.Event{Kind: endOf(traced.login.Endpoint.Kind(), data.Err), Duration: time.Since(traced.started), Err: data.Err})
	traced.token = rdsiam.Token{} // pgx may keep the context
}

// endOf returns the step that a login to an endpoint of this kind ended in with this error.
func endOf(kind rdsiam.EndpointKind, err error) rdsiam.EventKind {
	if err == nil {
		return rdsiam.LoginSucceeded
	}
	for answer := range serverErrors(err) {
		if isRefusal(kind, answer) {
			return rdsiam.LoginRefused
		}
	}
	return rdsiam.LoginFailed
}

func (t *tracedLogin) report(ctx context.Context, event rdsiam.Event) {
	event.Login, event.AccessKeyID, event.TokenAge = t.login, t.token.AccessKeyID(), t.token.Age()
	t.observe(ctx, event)
}

// TraceQueryStart and TraceQueryEnd do nothing: what pgx takes as a tracer must have them.
func (loginTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (loginTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
