package rdspgx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/lazytimeout"
)

// tokenTimeout bounds the wait for a token where ConnectTimeout is zero: enough for
// credentials that come from a slow service, and an end for pools that connect in the
// background with no deadline.
const tokenTimeout = 30 * time.Second

// attempt is one call of pgx.ConnectConfig, which may dial several hosts, and each at
// several addresses, one after the other.
type attempt struct {
	*installation
	config   *pgconn.Config // pgx's own copy
	tries    []try          // of each host
	one      [1]try         // where tries lives: most configurations have one host
	current  *try
	ofCaller callbacks      // whose place ours take in config
	conn     net.Conn       // that was dialed last
	loggedIn *pgconn.PgConn // nil while no login has succeeded
}

// try is the login to one host.
type try struct {
	token   rdsiam.Token
	failed  error  // why there is no token
	refused string // the SQLSTATE with which it refused, or ""
}

// callbacks are those that could read the token, or hear the server repeat it.
type callbacks struct {
	onPgError       pgconn.PgErrorHandler
	onNotice        pgconn.NoticeHandler
	validateConnect pgconn.ValidateConnectFunc
	afterConnect    pgconn.AfterConnectFunc
}

func callbacksOf(config *pgconn.Config) callbacks {
	return callbacks{config.OnPgError, config.OnNotice, config.ValidateConnect, config.AfterConnect}
}

// begin starts the login of a connection whose configuration is config. It can hold what
// belongs to this one connection, being the copy of pgx.ConnectConfig.
func (i *installation) begin(config *pgconn.Config) *attempt {
	a := &attempt{installation: i, config: config, ofCaller: callbacksOf(config)}
	a.tries = slices.Grow(a.one[:0], len(i.hosts))[:len(i.hosts)]
	config.AfterNetConnect = a.afterNetConnect
	return a
}

// afterNetConnect is called for each address that was dialed, before pgx says
// anything but the request for TLS. It is the only place where a password is set, after
// the function of the caller, which could read it. On an error it returns conn all the
// same: pgx closes it.
func (a *attempt) afterNetConnect(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if call, ok := ctx.Value(hookCallKey{}).(*hookCall); config != a.config || ok && call.config == config {
		// A copy of the configuration, made by pgx.Conn.Config, begins anew.
		return a.installation.afterNetConnect(ctx, config, conn)
	}
	a.release()
	a.conn = conn
	n, err := a.verifiedHost(ctx, conn)
	if err != nil {
		return conn, err
	}
	a.current = &a.tries[n]
	if err := a.current.end(a.hosts[n].endpoint); err != nil {
		return conn, err
	}
	if a.conn, err = a.callCaller(ctx, config, conn); err != nil {
		return a.conn, err
	}
	if err := a.getToken(ctx, a.hosts[n].endpoint); err != nil {
		return a.conn, err
	}
	a.hold()
	return a.conn, nil
}

// end returns why this host is not tried at another of its addresses, or nil.
func (t *try) end(endpoint rdsiam.Endpoint) error {
	if t.refused != "" {
		return fmt.Errorf("rdsiam: not tried again, since %s refused this login (SQLSTATE %s) at another of its addresses", endpoint, t.refused)
	}
	return t.failed
}

// getToken asks for the token of the current host, unless an earlier address left one
// that the server still takes.
func (a *attempt) getToken(ctx context.Context, endpoint rdsiam.Endpoint) error {
	if expires := a.current.token.Expires(); a.current.token.Reveal() != "" && (expires.IsZero() || time.Now().Before(expires)) {
		return nil
	}
	a.current.token, a.current.failed = a.token(ctx, endpoint)
	return a.current.failed
}

// hold puts the token into the configuration, and our callbacks in the place of the
// caller's, until release.
func (a *attempt) hold() {
	a.ofCaller = callbacksOf(a.config)
	a.config.OnPgError = a.onPgError
	if a.config.OnNotice != nil {
		a.config.OnNotice = a.onNotice
	}
	a.config.ValidateConnect = a.validateConnect
	a.config.Password = a.current.token.Reveal()
}

// release takes out of the configuration what hold has put there.
func (a *attempt) release() {
	a.config.Password = ""
	a.config.OnPgError, a.config.OnNotice = a.ofCaller.onPgError, a.ofCaller.onNotice
	a.config.ValidateConnect, a.config.AfterConnect = a.ofCaller.validateConnect, a.ofCaller.afterConnect
}

// finish leaves nothing of the attempt in the configuration, which a live connection
// keeps: pgx.Conn.Config hands it out to be connected again.
func (a *attempt) finish() {
	a.release()
	a.config.AfterNetConnect = a.hook
}

func (a *attempt) token(ctx context.Context, endpoint rdsiam.Endpoint) (rdsiam.Token, error) {
	if a.config.ConnectTimeout <= 0 {
		patience := lazytimeout.New(ctx, tokenTimeout)
		defer patience.End()
		ctx = patience
	}
	token, err := rdsiam.Login{Endpoint: endpoint, User: a.config.User}.Token(ctx, a.tokens)
	if err != nil {
		return rdsiam.Token{}, noTokenError{err}
	}
	return token, nil
}

// noTokenError tells errors.As that it is no net.Error, whatever it wraps. pgx would
// replace one that tells of a timeout, and who waited for credentials in vain would look
// for the fault at the database.
type noTokenError struct{ error }

func (e noTokenError) Is(target error) bool { return errors.Is(e.error, target) }

func (e noTokenError) As(target any) bool {
	_, network := target.(*net.Error)
	return !network && errors.As(e.error, target)
}

// verifiedHost returns the number of the host at the other end of conn, which has
// proved to be it or will have before anything is sent to it.
func (a *attempt) verifiedHost(ctx context.Context, conn net.Conn) (int, error) {
	encrypted, ok := conn.(*tls.Conn)
	if !ok {
		return 0, a.unsafe("a connection without TLS")
	}
	if !a.prepared() {
		return 0, a.unsafe("TLS settings that were changed after the hook")
	}
	if len(a.hosts) > 1 {
		return a.handshake(ctx, encrypted)
	}
	// The handshake is left to pgx, which makes it with its first write.
	return 0, nil
}

// prepared reports whether the hosts of the configuration are those that the hook left.
func (a *attempt) prepared() bool {
	of := func(config *tls.Config) func(host) bool {
		return func(h host) bool { return h.verifiedBy(config) }
	}
	for _, fallback := range a.config.Fallbacks {
		if !slices.ContainsFunc(a.hosts, of(fallback.TLSConfig)) {
			return false
		}
	}
	return len(a.config.Fallbacks) == len(a.hosts)-1 && slices.ContainsFunc(a.hosts, of(a.config.TLSConfig))
}

// handshake finds out which of several hosts was dialed. pgx does not tell; the name
// that was verified does.
func (a *attempt) handshake(ctx context.Context, conn *tls.Conn) (int, error) {
	err := conn.HandshakeContext(ctx)
	state := conn.ConnectionState()
	n, ok := a.find(state.ServerName, conn.RemoteAddr())
	switch {
	case err != nil && ok:
		return 0, a.hosts[n].endpoint.DescribeCertificateError(err, a.hosts[n].given.config())
	case err != nil:
		return 0, err
	case !ok:
		return 0, a.unsafe(fmt.Sprintf("a connection to %s at %v, which is none of the configured hosts", state.ServerName, conn.RemoteAddr()))
	case len(state.VerifiedChains) == 0 && !a.hosts[n].callerVerifies:
		return 0, a.unsafe("a connection to a server whose certificate was not verified")
	}
	return n, nil
}

// find returns the number of the host with this name; of several, the one with the port
// that was dialed.
func (a *attempt) find(name string, address net.Addr) (n int, ok bool) {
	var found []int
	for n, host := range a.hosts {
		if host.endpoint.Host() == name {
			found = append(found, n)
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	if address == nil {
		return 0, false
	}
	_, port, _ := net.SplitHostPort(address.String())
	i := slices.IndexFunc(found, func(n int) bool { return strconv.Itoa(int(a.hosts[n].port)) == port })
	if i < 0 {
		return 0, false
	}
	return found[i], true
}

func (a *attempt) unsafe(what string) error {
	return &rdsiam.ConfigError{Setting: "connection to " + a.hosts[0].endpoint.String(), Problem: "the token is not sent over " + what,
		Fix: "let rdspgx.BeforeConnect run last, and let DialFunc return the bare connection"}
}

// onPgError sees every error that the server answers during the login. Each ends it.
func (a *attempt) onPgError(conn *pgconn.PgConn, answer *pgconn.PgError) bool {
	maskAnswer(a.current.token, answer)
	if isRefusal(answer) {
		a.current.refused = answer.Code
	}
	a.release()
	if a.config.OnPgError != nil {
		a.config.OnPgError(conn, answer)
	}
	return false
}

// onNotice sees every notice of the server during the login.
func (a *attempt) onNotice(conn *pgconn.PgConn, notice *pgconn.Notice) {
	maskAnswer(a.current.token, (*pgconn.PgError)(notice))
	a.ofCaller.onNotice(conn, notice)
}

// maskAnswer masks the token in all that a server says.
func maskAnswer(token rdsiam.Token, answer *pgconn.PgError) {
	for _, text := range []*string{
		&answer.Severity, &answer.SeverityUnlocalized, &answer.Code, &answer.Message, &answer.Detail, &answer.Hint,
		&answer.InternalQuery, &answer.Where, &answer.SchemaName, &answer.TableName, &answer.ColumnName,
		&answer.DataTypeName, &answer.ConstraintName, &answer.File, &answer.Routine,
	} {
		*text = token.Mask(*text)
	}
}

// validateConnect is called when the login has succeeded.
func (a *attempt) validateConnect(ctx context.Context, conn *pgconn.PgConn) error {
	a.release()
	a.loggedIn = conn
	if a.config.ValidateConnect != nil {
		if err := a.config.ValidateConnect(ctx, conn); err != nil {
			// pgx goes on to the next host, or takes this one after all if it
			// was merely not preferred, and calls AfterConnect alone.
			a.config.AfterConnect = a.afterConnect
			return err
		}
	}
	a.finish()
	return nil
}

// afterConnect is called for a connection that validateConnect did not finish.
func (a *attempt) afterConnect(ctx context.Context, conn *pgconn.PgConn) error {
	a.finish()
	a.loggedIn = conn
	if a.config.AfterConnect == nil {
		return nil
	}
	return a.config.AfterConnect(ctx, conn)
}

// isRefusal reports whether answer turns the user away: class 28, invalid authorization
// specification. https://www.postgresql.org/docs/current/errcodes-appendix.html
func isRefusal(answer *pgconn.PgError) bool { return strings.HasPrefix(answer.Code, "28") }

// serverErrors yields every error in the tree of err that a server answered. errors.As
// would find the first only, and a host that was starting up hide the refusal of another.
func serverErrors(err error) iter.Seq[*pgconn.PgError] {
	return func(yield func(*pgconn.PgError) bool) { walk(err, yield) }
}

func walk(err error, yield func(*pgconn.PgError) bool) bool {
	if answer, ok := err.(*pgconn.PgError); ok && !yield(answer) {
		return false
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapped.Unwrap(); inner != nil {
			return walk(inner, yield)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			if !walk(inner, yield) {
				return false
			}
		}
	}
	return true
}
