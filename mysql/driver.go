// Package rdsmysql logs in to Amazon RDS for MySQL, RDS for MariaDB, Aurora MySQL
// and their proxies with AWS identities, through github.com/go-sql-driver/mysql.
//
// [ParseDSN] and [New] make a [Driver] for [rdsiam.NewConnector], which is the way
// to a *sql.DB:
//
//	my, err := rdsmysql.ParseDSN("app@tcp(prod.abc123.eu-west-1.rds.amazonaws.com:3306)/app")
//	db := sql.OpenDB(rdsiam.NewConnector(my, tokens))
//
// [BeforeConnect] is the same login as a hook, for programs that make the connector
// with mysql.NewConnector themselves.
//
// # TLS
//
// A token is a password in clear text on the wire, so it only travels inside TLS
// that has verified the server. Without a tls setting, and with tls=true, that is
// set up here, with the RDS root certificates; a registered or given tls.Config is
// kept, and gets roots where it has none. tls=false, tls=preferred, tls=skip-verify
// and AllowFallbackToPlaintext are errors. RDS asks for tokens in ways that the driver
// knows as AllowCleartextPasswords and AllowNativePasswords: both are set here, together
// with TLS, and need not be given.
//
// # Networks
//
// Logins over tcp dial with Config.DialFunc, or with net.Dialer where that is nil. A function
// that was registered with mysql.RegisterDialContext under the name tcp is not called: register
// it under a name of its own, or set Config.DialFunc.
//
// # Timeouts
//
// A login ends with its context, and database/sql opens some connections without a
// deadline. The timeout of a DSN is for dialing alone: set readTimeout too, or a server
// that takes the connection and says nothing is waited for without end.
//
// # Passwords
//
// A password in a DSN is an error. Config.Passwd is discarded.
//
// # Codes
//
// The codes of this package's ConfigErrors, besides those of package rdsiam, are:
//
//	address-default, before-connect-set, before-connect-unknown, driver-zero, dsn-parameter,
//	dsn-password, dsn-unreadable, dsn-url, dsql-not-mysql, mysql-config-nil, mysql-config-refused,
//	mysql-user-too-long, old-passwords, plaintext-fallback, tls-false, tls-name-late,
//	tls-preferred, tls-skip-verify, unix-socket.
package rdsmysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

// Driver logs in to one endpoint as one user. It implements [rdsiam.Driver]; give it
// to [rdsiam.NewConnector]. It never changes and is safe for concurrent use.
type Driver struct {
	config    *mysql.Config
	resolver  *endpoints.Resolver
	before    func(context.Context, *mysql.Config) error
	connector *connector // of config
	login     rdsiam.Login
}

var _ rdsiam.Driver = (*Driver)(nil)

// ParseDSN makes a Driver of a DSN in the form of go-sql-driver/mysql, without a
// password: user@tcp(host:3306)/database?parameter=value. All that is wrong with the
// DSN is reported now, as a [*rdsiam.ConfigError] that never quotes a password.
func ParseDSN(dsn string, options ...rdsiam.EndpointOption) (*Driver, error) {
	config, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return newDriver(config, options...)
}

// New makes a Driver of a Config, which is copied and never changed. Use
// mysql.NewConfig or mysql.ParseDSN to make the Config, so that it has the defaults of
// the driver. Config.Passwd is discarded. A Config with a BeforeConnect function is
// refused, because the driver keeps only one: see [Driver.WithBeforeConnect]. All that
// is wrong with the Config is reported now, as a [*rdsiam.ConfigError].
func New(config *mysql.Config, options ...rdsiam.EndpointOption) (*Driver, error) {
	if config == nil {
		return nil, configError("mysql-config-nil", "mysql.Config", "",
			"is nil",
			"make it with mysql.NewConfig or mysql.ParseDSN")
	}
	if err := refuseBeforeConnect(config, mysql.BeforeConnect(nil)); err != nil {
		return nil, err
	}
	return newDriver(config, options...)
}

// newDriver is New for a Config without a BeforeConnect function, such as a parsed one.
func newDriver(config *mysql.Config, options ...rdsiam.EndpointOption) (*Driver, error) {
	d := &Driver{config: config.Clone(), resolver: endpoints.NewResolver(defaultPort, options...)}
	d.config.Passwd = ""
	if host, _, err := net.SplitHostPort(d.config.Addr); err == nil && d.config.TLS != nil && d.config.TLS.ServerName == host {
		// mysql.ParseDSN wrote it there. The driver writes it again when it dials, by
		// then for the address that a WithBeforeConnect function may have chosen.
		d.config.TLS.ServerName = ""
	}
	var err error
	if d.connector, err = newConnector(d.config, d.resolver); err != nil {
		return nil, err
	}
	if d.login, err = check(d.config, d.resolver); err != nil {
		return nil, err
	}
	return d, nil
}

// WithBeforeConnect returns a copy of d that calls fn before each login, in place of
// mysql.BeforeConnect, and in place of an fn given earlier. fn gets a copy of the
// Config that it may change in every field; the result is checked like the Config
// given to New before a token is asked for. An error of fn ends the login. fn is
// called concurrently when connections are opened concurrently. Of a nil Driver it returns
// nil, which Open reports.
func (d *Driver) WithBeforeConnect(fn func(context.Context, *mysql.Config) error) *Driver {
	if d == nil {
		return nil
	}
	changed := *d
	changed.before = fn
	return &changed
}

// Open dials and logs in once, with one token of tokens, for which it waits like
// [BeforeConnect]. The connection is the driver's own, with all its optional interfaces.
//
// A panic of the driver over what a server sends is an error, and the connection is closed.
// That is not so for a network registered with mysql.RegisterDialContext, whose connections
// only the driver sees: it stays open. Config.DialFunc has no such limit.
//
// The error never has the text of the token in it, even where the server sends it back. It may
// be driver.ErrBadConn, which [rdsiam.Connector] hides from database/sql: that would log in
// again up to twice. Where RejectReadOnly is set and the server answers the login as
// read-only, the error has a method ReadOnly that returns true. Most read-only servers accept
// the login, and what RejectReadOnly does to statements is the driver's own.
func (d *Driver) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	if d == nil || d.config == nil {
		return nil, configError("driver-zero", "rdsmysql.Driver", "",
			"is nil or its zero value",
			"make it with rdsmysql.ParseDSN or rdsmysql.New")
	}
	connector, err := d.changedConnector(ctx)
	if err != nil {
		return nil, err
	}
	login := &driverLogin{connector: connector, tokens: tokens}
	defer login.release()
	conn, err := login.connect(ctx)
	if err != nil {
		return nil, login.describe(err)
	}
	return conn, nil
}

// changedConnector returns the connector of the Config, or of a copy that the caller's
// function has changed.
func (d *Driver) changedConnector(ctx context.Context) (*connector, error) {
	if d.before == nil {
		return d.connector, nil
	}
	config := d.config.Clone()
	if err := d.before(ctx, config); err != nil {
		return nil, err
	}
	if err := refuseBeforeConnect(config, mysql.BeforeConnect(nil)); err != nil {
		return nil, err
	}
	return newConnector(config, d.resolver)
}

// Login returns the endpoint and user that were given to ParseDSN or New. A function
// given to WithBeforeConnect may choose others.
func (d *Driver) Login() rdsiam.Login {
	if d == nil {
		return rdsiam.Login{}
	}
	return d.login
}

// Refused returns the number of the MySQL error in err in decimal, such as "1045", or ""
// where there is none, and whether the server turned the user away with it. An unknown
// database or too many connections are no refusal of the user.
func (d *Driver) Refused(err error) (code string, ok bool) {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return "", false
	}
	return strconv.Itoa(int(answer.Number)), refusals[answer.Number]
}

// Driver returns the driver of go-sql-driver/mysql.
func (d *Driver) Driver() driver.Driver { return &mysql.MySQLDriver{} }

// driverLogin is one login by Driver.Open. What the connector's functions need of it they
// find in the context.
type driverLogin struct {
	connector *connector
	tokens    rdsiam.TokenSource
	ready     *readyConfig  // nil until there is a token
	conn      *greetingConn // nil until dialed
}

type driverLoginKey struct{}

func (l *driverLogin) connect(ctx context.Context) (conn driver.Conn, err error) {
	defer l.contain(&err)
	return l.connector.driver.Connect(context.WithValue(ctx, driverLoginKey{}, l))
}

// dialed reports whether a server may have had a part in what happens. Before that it is the
// caller's own code: the token source and the dial function.
func (l *driverLogin) dialed() bool {
	return l.ready != nil && (l.conn != nil || !l.connector.seesDial)
}

// contain makes an error of a panic: database/sql logs in from goroutines of its own, where
// it would end the process for what a server sent. Panics of the caller's code are not hidden.
func (l *driverLogin) contain(err *error) {
	if !l.dialed() {
		return
	}
	reason := recover()
	if reason == nil {
		return
	}
	if l.conn != nil {
		_ = l.conn.Close()
	}
	*err = newPanicError(reason)
}

// logInFromContext is the hook in the driver's connector.
func logInFromContext(ctx context.Context, config *mysql.Config) (err error) {
	l := ctx.Value(driverLoginKey{}).(*driverLogin)
	l.ready, err = logIn(ctx, config, l.tokens, l.connector.resolver)
	if err == nil {
		l.connector.logger.add(&l.ready.token)
	}
	return err
}

// describe returns err fit for the caller.
func (l *driverLogin) describe(err error) error {
	if l.conn != nil && l.conn.refused != nil && errors.Is(err, mysql.ErrInvalidConn) {
		err = l.conn.refused // which the driver logs and drops
	}
	if l.connector.rejectReadOnly && l.dialed() && errors.Is(err, driver.ErrBadConn) {
		return &readOnlyError{err}
	}
	return l.ready.describe(err)
}

// release forgets the token once the login is over: the driver keeps its copy of the Config
// for as long as the connection lives, and needs the password no more.
func (l *driverLogin) release() {
	if l.ready != nil {
		l.ready.forget()
		l.connector.logger.remove(&l.ready.token)
	}
}
