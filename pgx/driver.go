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
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
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
// it, as any of class 28 does. Where several hosts were tried, the refusal counts.
func (d *Driver) Refused(err error) (code string, ok bool) {
	for answer := range serverErrors(err) {
		if isRefusal(answer) {
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
