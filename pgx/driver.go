// Package rdspgx logs in to PostgreSQL on Amazon RDS and Aurora with AWS identities,
// through github.com/jackc/pgx/v5.
//
// [ParseDSN] and [New] make a driver for database/sql, by a connector whose errors say
// what is wrong and what to change:
//
//	pg, err := rdspgx.ParseDSN("postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app")
//	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens))
//
// [BeforeConnect] makes a hook for pgxpool, for a pgx connection, and for stdlib.OpenDB:
//
//	poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens)
//
// # Rules
//
// Both follow the same rules:
//
//   - Every host of the configuration gets the token that is signed for it, and only
//     after its certificate was verified for that host. TLS settings that would allow
//     less (sslmode allow, prefer, require, verify-ca) are raised to full verification,
//     and entries without TLS are dropped. sslmode=disable is refused.
//   - A host that refuses the login is not asked again at its other addresses.
//   - Servers that ask for a password by MD5 or SCRAM, as RDS does for roles outside
//     rds_iam, receive nothing. RDS Proxy, of which AWS does not say how it asks, gets
//     what it asks for, inside verified TLS.
//   - A password in a DSN is refused. PGPASSWORD, .pgpass, service files and
//     Config.Password are ignored; every other setting counts as pgx documents it.
//
// # Codes
//
// The codes of this package's ConfigErrors, besides those of package rdsiam, are:
//
//	channel-binding-require, connection-plaintext, connection-tls-changed,
//	connection-unknown-host, connection-unverified, driver-zero, dsn-at-sign, dsn-nul,
//	dsn-password, dsn-unreadable, fallback-without-tls, hosts-alike, pgx-config-nil,
//	pgx-config-not-parsed, postgresql-user-too-long, require-auth-without-password,
//	sslmode-disable, stdlib-options-unreadable, token-source-nil, unix-socket,
//	verify-callback-unknown.
package rdspgx

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

// Driver opens pgx connections for a [rdsiam.Connector]. The connections are those of
// pgx's stdlib package, with everything that they can do. A Driver is safe for
// concurrent use and does not change after it was made. The zero Driver is not valid.
type Driver struct {
	config        func() *pgx.ConnConfig // never changed; a func does not print it
	resolver      *endpoints.Resolver
	stdlibOptions []stdlib.OptionOpenDB
	beforeConnect func(context.Context, *pgx.ConnConfig) error // the caller's, from stdlibOptions; may be nil
	connect       func(context.Context) (driver.Conn, error)   // by config and stdlibOptions, for a context with an openCall
	login         rdsiam.Login
	unreadable    error // why beforeConnect could not be read
}

var _ rdsiam.Driver = (*Driver)(nil)

// ParseDSN returns a driver for a connection string in URL or keyword/value form, with
// everything that pgx reads from it and from the environment (PGHOST, PGUSER,
// PGSERVICE, PGSSLROOTCERT and so on). It names no password. Every error is a
// [*rdsiam.ConfigError]; none holds the connection string.
func ParseDSN(dsn string, options ...rdsiam.EndpointOption) (*Driver, error) {
	config, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return New(config, options...)
}

// New returns a driver for a configuration made by pgx.ParseConfig, which it copies.
// Hooks of the configuration (AfterNetConnect, OnPgError, ValidateConnect, AfterConnect,
// Tracer) stay in force. Its Password is ignored. Every error is a
// [*rdsiam.ConfigError].
func New(config *pgx.ConnConfig, options ...rdsiam.EndpointOption) (*Driver, error) {
	prepared := config
	if config != nil {
		// On a copy of its own: what Open prepares must be what the caller gave.
		prepared = config.Copy()
	}
	resolver := endpoints.NewResolver(defaultPort, options...)
	result, err := prepare(prepared, resolver)
	if err != nil {
		return nil, err
	}
	given := config.Copy()
	given.Password = ""
	d := &Driver{config: func() *pgx.ConnConfig { return given }, resolver: resolver, login: result.login(result.hosts[0])}
	d.connect = d.newConnect()
	return d, nil
}

// WithOptions returns a copy of the driver that passes options to pgx's stdlib package
// as well, after those of earlier calls. Nil options are left out. A function given by
// stdlib.OptionBeforeConnect runs before the rules of this package are applied to the
// configuration that it leaves.
func (d *Driver) WithOptions(options ...stdlib.OptionOpenDB) *Driver {
	return d.withOptions("BeforeConnect", options)
}

// withOptions reads the function of stdlib.OptionBeforeConnect in this field of pgx.
func (d *Driver) withOptions(field string, options []stdlib.OptionOpenDB) *Driver {
	if d == nil || d.config == nil {
		return d
	}
	with := *d
	with.stdlibOptions = slices.DeleteFunc(slices.Concat(d.stdlibOptions, options), func(o stdlib.OptionOpenDB) bool { return o == nil })
	if len(with.stdlibOptions) == 0 {
		return d
	}
	with.beforeConnect, with.unreadable = beforeConnectOf(stdlib.GetConnector(*d.config(), with.stdlibOptions...), field)
	with.connect = with.newConnect()
	return &with
}

// newConnect returns what connects by pgx's connector with our own hook in it, last so
// that it counts. The connector itself would print its configuration.
func (d *Driver) newConnect() func(context.Context) (driver.Conn, error) {
	prepareConnect := func(ctx context.Context, config *pgx.ConnConfig) error {
		if d.beforeConnect != nil {
			if err := d.beforeConnect(ctx, config); err != nil {
				return err
			}
		}
		return ctx.Value(openCallKey{}).(*openCall).prepare(config, d.resolver)
	}
	return stdlib.GetConnector(*d.config(), slices.Concat(d.stdlibOptions, []stdlib.OptionOpenDB{stdlib.OptionBeforeConnect(prepareConnect)})...).Connect
}

// beforeConnectOf reads the function that stdlib.OptionBeforeConnect has set, which
// our own option would replace. The field is exported, its type is not.
func beforeConnectOf(connector driver.Connector, field string) (func(context.Context, *pgx.ConnConfig) error, error) {
	if value := reflect.ValueOf(connector); value.Kind() == reflect.Struct {
		if value = value.FieldByName(field); value.IsValid() && value.CanInterface() {
			if hook, ok := value.Interface().(func(context.Context, *pgx.ConnConfig) error); ok {
				return hook, nil
			}
		}
	}
	return nil, configError("stdlib-options-unreadable", "WithOptions", "",
		"this version of pgx does not let rdspgx see whether the options have a BeforeConnect function, which its own would replace",
		"use the version of pgx in the go.mod of rdsiam, or rdspgx.BeforeConnect with stdlib.OpenDB")
}

// Open connects and logs in with a token of tokens, which it asks once for each host
// that it tries, and once more where the token expires before a later address of the
// host is dialed. Of errors by pgx the Config has no password. A panic of pgx or of a
// callback during the login is an error, and after every error the connection is closed.
func (d *Driver) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	if d == nil || d.config == nil {
		return nil, configError("driver-zero", "rdspgx.Driver", "",
			"is nil or its zero value",
			"make it with rdspgx.ParseDSN or rdspgx.New")
	}
	if d.unreadable != nil {
		return nil, d.unreadable
	}
	opened := &openCall{tokens: tokens}
	return opened.open(ctx, d.connect)
}

// Login returns the first host and the user of the configuration. A function given by
// stdlib.OptionBeforeConnect may choose others.
func (d *Driver) Login() rdsiam.Login {
	if d == nil {
		return rdsiam.Login{}
	}
	return d.login
}

// Refused returns the SQLSTATE in err, and whether the server refused the login with
// it, as any of class 28 does, and 08006 of an Aurora DSQL that denies access. Where several
// hosts were tried, the refusal counts.
func (d *Driver) Refused(err error) (code string, ok bool) {
	kind := d.Login().Endpoint.Kind()
	for answer := range serverErrors(err) {
		if isRefusal(kind, answer) {
			return answer.Code, true
		}
		if code == "" {
			code = answer.Code
		}
	}
	return code, false
}

// Driver returns pgx's database/sql driver.
func (d *Driver) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

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
