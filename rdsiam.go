// Package rdsiam logs in to Amazon RDS and Aurora with an AWS identity instead of a
// password: a SigV4-signed token, valid for 15 minutes, takes the password's place.
//
// # Quick start
//
// A service opens its database in three lines. ParseDSN is that of the driver's own
// package: rdspgx for PostgreSQL, rdsmysql for MySQL and MariaDB.
//
//	pg, err := rdspgx.ParseDSN("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
//	tokens := rdsiam.NewTokenSource(cfg.Credentials) // cfg is an aws.Config
//	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens))
//
// pgx, pgxpool and go-sql-driver/mysql take a hook instead: rdspgx.BeforeConnect and
// rdsmysql.BeforeConnect.
//
// # Endpoints and regions
//
// The host name says which region signs; no setting and no environment variable is
// consulted for it. Behind a CNAME, a tunnel or a custom endpoint, [WithEndpoint]
// names the real endpoint: it is what is signed, and what the server's certificate
// is verified against. See [ResolveEndpoint].
//
// # TLS
//
// A token travels only through a connection whose certificate was verified for the
// endpoint it was signed for. Settings that would allow less are raised where that
// is what their author must have meant, and refused otherwise. Roots for the
// commercial regions are built in. See [Endpoint.TLSConfig].
//
// # Tokens and credentials
//
// A token lives 15 minutes or as long as the credentials that signed it. It is made
// when a connection is opened, and reused for a minute, because RDS throttles logins
// with new tokens. Connections outlive their token. Nothing runs in the background. See
// [NewTokenSource].
//
// # Errors
//
// A [*ConfigError] is found before anything is sent, a [*CredentialsError] means that
// there is no token, and a [*LoginError] is what a [Connector] returns for everything
// else; it holds a [*CertificateError] where the server could not be verified. [Explain]
// says what the terse refusals of RDS usually mean and what to change.
//
// # Observing
//
// [WithObserver] gives a function every step of a login through a Connector, and
// rdspgx.Tracer those of a hook. The hook of rdsmysql cannot know how a login ends.
//
// # Testing
//
// Package rdsiamtest has servers that check tokens and policies as RDS does, without AWS.
//
// # Compatibility
//
// Until version 1.0 the API may change; the changelog says how.
package rdsiam

import (
	"context"
	"database/sql/driver"
	"errors"
	"reflect"
	"time"
)

// Driver opens connections for a [Connector]. The packages rdspgx and rdsmysql have
// one each; programs use it but seldom implement it. Implementations are safe for
// concurrent use.
type Driver interface {
	// Open connects and logs in. It asks the source, by [Login.Token], once for
	// each host that it tries, and returns the error of the underlying driver
	// with every trace of the token removed.
	Open(context.Context, TokenSource) (driver.Conn, error)

	// Login returns the user and endpoint that Open uses, the first host where there are
	// several, as far as that is known before a connection is made.
	Login() Login

	// Refused returns the code that the server answered with, if err, an error of
	// Open, holds one: the SQLSTATE of PostgreSQL, the error number of MySQL. ok
	// reports whether it refused the login with it.
	Refused(err error) (code string, ok bool)

	// Driver returns the underlying driver, for [database/sql.DB.Driver].
	Driver() driver.Driver
}

// Connector is a [driver.Connector] that logs in with tokens, for [database/sql.OpenDB]. It is
// safe for concurrent use. Connect of the zero Connector returns a [*ConfigError].
type Connector struct {
	driver  Driver
	tokens  TokenSource
	observe func(context.Context, Event)
}

var _ driver.Connector = (*Connector)(nil)

// ConnectorOption changes what [NewConnector] makes.
type ConnectorOption func(*Connector)

// WithObserver has observe called for every step of a login, in the goroutine that
// logs in: it must return soon, and be safe for concurrent use. See [Event].
func WithObserver(observe func(context.Context, Event)) ConnectorOption {
	return func(c *Connector) { c.observe = observe }
}

// NewConnector returns a Connector that opens connections with d and logs in with
// tokens. The driver's constructors have reported every configuration error; a nil
// d or tokens is reported by the first Connect.
func NewConnector(d Driver, tokens TokenSource, options ...ConnectorOption) *Connector {
	c := &Connector{driver: d, tokens: tokens}
	for _, option := range options {
		if option != nil {
			option(c)
		}
	}
	return c
}

// Connect opens a connection and logs in. It returns within the context's deadline.
// An error is a [*ConfigError], a [*CredentialsError], or a [*LoginError].
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	r := &recordingSource{connector: c, login: c.driver.Login()}
	r.started = r.now()
	r.tokens = r.one[:0]
	r.report(ctx, Event{Kind: LoginStarted}, time.Time{})
	conn, err := c.driver.Open(ctx, r)
	if err == nil {
		r.report(ctx, Event{Kind: LoginSucceeded}, r.started)
		return conn, nil
	}
	err, refused := r.explain(ctx, err)
	kind := LoginFailed
	if refused {
		kind = LoginRefused
	}
	r.report(ctx, Event{Kind: kind, Err: err}, r.started)
	return nil, err
}

func (c *Connector) check() error {
	switch {
	case isNil(c.driver):
		return configError("driver-nil", "driver", "",
			"is nil",
			"check the error of ParseDSN or New, and pass the driver that it returned")
	case isNil(c.tokens):
		return errNilSource()
	}
	return nil
}

// isNil reports whether an interface holds nothing to call: nil, or a nil pointer or
// func of some type.
func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func:
		return v.IsNil()
	}
	return false
}

// Driver returns the underlying driver. It is nil if NewConnector was given a nil
// Driver.
func (c *Connector) Driver() driver.Driver {
	if isNil(c.driver) {
		return nil
	}
	return c.driver.Driver()
}

// recordingSource is the token source that the driver asks during one Connect. It remembers
// what it gave, for events and errors. A driver calls it from one goroutine.
type recordingSource struct {
	connector *Connector
	started   time.Time
	login     Login
	tokens    []Token  // of the hosts that were tried, the last one last
	one       [1]Token // where tokens begins: most configurations have one host
	noToken   error    // why the source had none, when it was asked last
}

// Token asks the Connector's source.
func (r *recordingSource) Token(ctx context.Context, login Login) (Token, error) {
	r.login = login
	asked := r.now()
	token, err := login.ask(ctx, r.connector.tokens)
	if err != nil {
		r.noToken = err
		r.report(ctx, Event{Kind: TokenFailed, Err: err}, asked)
		return Token{}, err
	}
	r.noToken = nil
	r.tokens = append(r.tokens, token)
	kind := TokenSigned
	if token.reused {
		kind = TokenReused
	}
	r.report(ctx, Event{Kind: kind}, asked)
	return token, nil
}

// lastToken returns the token that was given last, the zero Token where there is none.
func (r *recordingSource) lastToken() Token {
	if len(r.tokens) == 0 {
		return Token{}
	}
	return r.tokens[len(r.tokens)-1]
}

// now returns the time if an observer will be told how much of it has passed: on some
// machines a look at the clock takes as long as the rest of getting a token.
func (r *recordingSource) now() time.Time {
	if r.connector.observe == nil {
		return time.Time{}
	}
	return time.Now()
}

// report completes event, which is about what has been going on since began, if that is
// not zero.
func (r *recordingSource) report(ctx context.Context, event Event, began time.Time) {
	if r.connector.observe == nil {
		return
	}
	if !began.IsZero() {
		event.Duration = time.Since(began)
	}
	event.Login = r.login
	event.AccessKeyID = r.lastToken().accessKeyID
	event.TokenAge = r.lastToken().Age()
	r.connector.observe(ctx, event)
}

// explain turns the driver's error into the one that Connect returns. Where one host refused
// and another could not be asked, the refusal counts.
func (r *recordingSource) explain(ctx context.Context, err error) (_ error, refused bool) {
	code, refused := r.connector.driver.Refused(err)
	var config *ConfigError
	var credentials *CredentialsError
	switch {
	case r.noToken != nil && (len(r.tokens) == 0 || !refused):
		return withoutBadConn(r.noToken), false
	case refused:
	case errors.As(err, &config):
		return withoutBadConn(config), false
	case errors.As(err, &credentials):
		return withoutBadConn(credentials), false
	}
	return &LoginError{
		Endpoint:    r.login.Endpoint,
		User:        r.login.User,
		TokenAge:    r.lastToken().Age(),
		AccessKeyID: r.lastToken().accessKeyID,
		Code:        code,
		Refused:     refused,
		tokens:      r.tokens,
		err:         withoutBadConn(contextError(ctx, err)),
	}, refused
}

// contextError adds the caller's own cancellation to an error of a driver that does not
// wrap it, so that errors.Is finds it.
func contextError(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return errors.Join(cause, err)
	}
	return err
}

// Event is a step of a login, for metrics and logs. It never holds a token. slog and JSON
// show what it holds, and of an error also the codes of [Explain].
type Event struct {
	Kind  EventKind
	Login Login // user and endpoint, as far as known at this step

	// Duration is that of the whole login for LoginSucceeded, LoginRefused and
	// LoginFailed, that of getting the token for TokenSigned, TokenReused and
	// TokenFailed, and zero for LoginStarted.
	Duration time.Duration

	AccessKeyID string        // of the key that signed the last token, "" while there is none
	TokenAge    time.Duration // of the last token, zero while there is none
	Err         error         // what Connect or the token source returned
}

// EventKind says which step of a login an [Event] is.
type EventKind uint8

// The steps of a login. Each Connect reports LoginStarted first and one of
// LoginSucceeded, LoginRefused and LoginFailed last; a Token event for each host
// that is tried comes between.
const (
	LoginStarted   EventKind = iota + 1
	TokenSigned              // the source made a new token
	TokenReused              // the source gave out a token again
	TokenFailed              // the source had no token
	LoginSucceeded           // the connection is ready
	LoginRefused             // the server refused the login
	LoginFailed              // anything else: network, TLS, credentials, settings
)

// String returns the name of the step, such as "login refused".
func (k EventKind) String() string {
	switch k {
	case LoginStarted:
		return "login started"
	case TokenSigned:
		return "token signed"
	case TokenReused:
		return "token reused"
	case TokenFailed:
		return "no token"
	case LoginSucceeded:
		return "login succeeded"
	case LoginRefused:
		return "login refused"
	case LoginFailed:
		return "login failed"
	}
	return "unknown event"
}
