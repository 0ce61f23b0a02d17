package rdspgx

import (
	"context"
	"crypto/tls"
	"net"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

// BeforeConnect returns a hook that logs in each new connection with a token of tokens:
//
//	poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens)               // pgxpool
//	stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(hook))              // database/sql
//	err := hook(ctx, config); conn, err := pgx.ConnectConfig(ctx, config) // pgx
//
// It prepares the configuration that is about to be dialed: verified TLS, no entries
// without TLS, no password. The token is asked for once a host was dialed, within
// ConnectTimeout, which begins then. AfterNetConnect, OnPgError, ValidateConnect and
// AfterConnect of the caller stay in force. To run a BeforeConnect of your own as well,
// call both from one function, yours first.
//
// The hook is safe for concurrent use, on copies of one configuration and, used again
// and again, on the same one. It serves [pgx.ConnectConfig] and what is built on it;
// pgconn.ConnectConfig does not copy its configuration and must have one for each
// connection.
//
// Errors of the hook are of type [*rdsiam.ConfigError]. Errors of the login are those
// of pgx, around a [*rdsiam.CredentialsError] where there was no token;
// [rdsiam.Login.Explain] says what they mean. A *pgconn.ConnectError carries
// a Config, whose Password is cleared when the server accepts or refuses the login. If
// the connection was cut before, or the server asked for something else than a
// clear-text password, it still holds the token, unless there is a [Tracer], which tells
// an observer of the steps of each login too. [New] with [rdsiam.NewConnector] clears it
// always.
func BeforeConnect(tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) func(context.Context, *pgx.ConnConfig) error {
	resolver := endpoints.NewResolver(defaultPort, options...)
	return func(_ context.Context, config *pgx.ConnConfig) error {
		_, err := install(config, tokens, resolver)
		return err
	}
}

// install prepares config and has pgx call back when a host was dialed.
func install(config *pgx.ConnConfig, tokens rdsiam.TokenSource, resolver *endpoints.Resolver) (*preparedConfig, error) {
	if tokens == nil {
		return nil, configError("token-source-nil", "token source", "",
			"is nil",
			"pass the result of rdsiam.NewTokenSource")
	}
	result, err := prepare(config, resolver)
	if err != nil {
		return nil, err
	}
	result.tokens = tokens
	result.hook = result.afterNetConnect
	config.AfterNetConnect = result.hook
	return result, nil
}

// preparedConfig is what the hook has put into a configuration. It does not change
// afterwards: any number of connections may share it.
type preparedConfig struct {
	tokens                  rdsiam.TokenSource
	user                    string
	hosts                   []host
	hook                    afterNetConnect // the method afterNetConnect
	afterNetConnectOfCaller afterNetConnect
}

// afterNetConnect is the type of pgconn.Config.AfterNetConnect.
type afterNetConnect = func(context.Context, *pgconn.Config, net.Conn) (net.Conn, error)

func (p *preparedConfig) login(at host) rdsiam.Login {
	return rdsiam.Login{Endpoint: at.endpoint, User: p.user}
}

// callCaller calls the caller's AfterNetConnect, behind which there may be another hook.
func (p *preparedConfig) callCaller(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if p.afterNetConnectOfCaller == nil {
		return conn, nil
	}
	wrapped, err := p.afterNetConnectOfCaller(context.WithValue(ctx, hookCallKey{}, &hookCall{config: config}), config, conn)
	if wrapped == nil {
		wrapped = conn // pgx closes it, and must have one
	}
	return wrapped, err
}

// afterNetConnect is what pgx calls when the first host of a connection was dialed.
func (p *preparedConfig) afterNetConnect(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if call, ok := ctx.Value(hookCallKey{}).(*hookCall); ok && call.config == config {
		call.prepared = p
		if config == nil {
			return conn, nil
		}
		return p.callCaller(ctx, config, conn)
	}
	return p.begin(config).afterNetConnect(ctx, config, conn)
}

// hookCall marks a call of a hook that is not to log in. One of our hooks meets another where
// it is applied twice to a configuration, or where pgx.Conn.Config is used for a new connection.
type hookCall struct {
	// config is nil where the hook is only to name its preparedConfig. Otherwise an outer hook
	// logs in on the connection of config, and the inner one gives way.
	config   *pgconn.Config
	prepared *preparedConfig
}

type hookCallKey struct{}

// preparedConfigOf returns the preparedConfig behind an AfterNetConnect function, or nil if
// it is not ours. A hook that is applied again would otherwise wrap itself. Functions
// cannot be compared; ours are known by their code, that of the methods in known. Where
// that fails, hooks wrap each other, and the inner ones give way: see afterNetConnect.
func preparedConfigOf(hook afterNetConnect, known ...afterNetConnect) *preparedConfig {
	if hook == nil || !slices.ContainsFunc(known, func(k afterNetConnect) bool { return sameCode(hook, k) }) {
		return nil
	}
	reveal := new(hookCall)
	_, _ = hook(context.WithValue(context.Background(), hookCallKey{}, reveal), nil, nil)
	return reveal.prepared
}

// ourHooks are the functions that this package puts into AfterNetConnect.
var ourHooks = []afterNetConnect{(*preparedConfig)(nil).afterNetConnect, (*connLogin)(nil).afterNetConnect}

// undo takes out of a TLS configuration what an earlier application of a hook has set.
// What the caller has set since stays.
func (p *preparedConfig) undo(config *tls.Config) {
	if p == nil {
		return
	}
	for n := range p.hosts {
		if h := &p.hosts[n]; h.verifiedBy(config) {
			config.ServerName, config.RootCAs, config.InsecureSkipVerify = h.given.serverName, h.given.roots, h.given.skipVerify
			return
		}
	}
}
