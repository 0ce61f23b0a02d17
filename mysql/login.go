package rdsmysql

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
	"github.com/rdsiam/rdsiam/internal/lazytimeout"
)

// tokenTimeout bounds the wait for a token where Config.Timeout is not set: enough for
// credentials that come from a slow service, and an end for the callers of
// database/sql that have no deadline.
const tokenTimeout = 30 * time.Second

// BeforeConnect returns a function for mysql.BeforeConnect that logs in each new
// connection of a mysql connector with a token of tokens:
//
//	err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(tokens)))
//
// It sees the Config when the driver is about to dial and applies the same rules as
// [New]: settings that would let the token travel without verified TLS, and every other
// configuration error, end the login with a [*rdsiam.ConfigError] before anything is
// dialed. The Config given to mysql.NewConnector is not changed.
//
// The function waits for the token as long as Config.Timeout, or 30 seconds where that
// is zero, or until the context ends. It is safe for concurrent use. To run a function
// of your own as well, call both from one, yours first: what it changes is then checked.
// [rdsiam.Explain] explains the errors of servers.
//
// A hook never learns how the login ends. [New] with [rdsiam.NewConnector] has none of these
// limits:
//
//   - Two bytes before TLS, from anybody on the network, can make go-sql-driver/mysql panic
//     in a goroutine of database/sql, which ends the process. No hook can contain that.
//   - After driver.ErrBadConn database/sql logs in up to 3 times for one call. The driver
//     returns it where the server answers the login as read-only and RejectReadOnly is set,
//     and where a statement that sets up the session cannot be sent. The same goes for a
//     function of your own that returns it before or after this one.
//   - An error in which the server sends the token back is not masked. In what the driver
//     logs it is, except in the name of a plugin that the server names before TLS.
//   - The connection keeps the token in its copy of the Config for as long as it lives.
func BeforeConnect(tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) func(context.Context, *mysql.Config) error {
	resolver := endpoints.NewResolver(defaultPort, options...)
	return func(ctx context.Context, config *mysql.Config) error {
		ready, err := logIn(ctx, config, tokens, resolver)
		if err == nil {
			maskLog(config, ready.token)
		}
		return err
	}
}

// readyConfig is what is known of a Config that is ready to be dialed with a token.
type readyConfig struct {
	given  *tls.Config // what the caller had in Config.TLS
	login  rdsiam.Login
	token  rdsiam.Token
	forget func() // takes the token out of the Config, which is nowhere else in reach
}

// logIn puts a token into config, which must be the copy that is about to dial.
func logIn(ctx context.Context, config *mysql.Config, tokens rdsiam.TokenSource, resolver *endpoints.Resolver) (*readyConfig, error) {
	ready, err := prepare(config, resolver)
	if err != nil {
		return nil, err
	}
	timeout := config.Timeout
	if timeout <= 0 {
		timeout = tokenTimeout
	}
	patience := lazytimeout.New(ctx, timeout)
	defer patience.End()
	if ready.token, err = ready.login.Token(patience, tokens); err != nil {
		return nil, err
	}
	config.Passwd = ready.token.Reveal()
	ready.forget = func() { config.Passwd = "" }
	return ready, nil
}

// describe returns err fit for the caller. r is nil where err comes from before the
// token.
func (r *readyConfig) describe(err error) error {
	if r == nil {
		return err
	}
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		masked := *answer
		masked.Message = r.token.Mask(answer.Message)
		return &masked
	}
	if masked := r.token.Mask(err.Error()); masked != err.Error() {
		return errors.New(masked)
	}
	return r.login.Endpoint.DescribeCertificateError(err, r.given)
}

// refusals are the errors with which a server turns a user away.
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
var refusals = map[uint16]bool{
	1045: true, // access denied
	1129: true, // host blocked after many errors
	1130: true, // host not allowed
	1251: true, // authentication protocol not supported by the client
	1524: true, // plugin not loaded: IAM authentication is not enabled
	1698: true, // access denied, without a password
	1862: true, // password expired
	3118: true, // account locked
	3159: true, // TLS required
	4151: true, // account locked, MariaDB
}
