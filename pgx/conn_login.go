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

// connLogin is one call of pgx.ConnectConfig, which may dial several hosts, and each at
// several addresses, one after the other.
type connLogin struct {
	*preparedConfig
	config   *pgconn.Config // pgx's own copy
	logins   []hostLogin    // of each host
	one      [1]hostLogin   // where logins lives: most configurations have one host
	current  *hostLogin
	ofCaller callbacks      // whose place ours take in config
	conn     net.Conn       // that was dialed last
	loggedIn *pgconn.PgConn // nil while no login has succeeded
}

// hostLogin is the login to one host.
type hostLogin struct {
	token   rdsiam.Token
	kind    rdsiam.EndpointKind
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
func (p *preparedConfig) begin(config *pgconn.Config) *connLogin {
	l := &connLogin{preparedConfig: p, config: config, ofCaller: callbacksOf(config)}
	l.logins = slices.Grow(l.one[:0], len(p.hosts))[:len(p.hosts)]
	config.AfterNetConnect = l.afterNetConnect
	return l
}

// afterNetConnect is called for each address that was dialed, before pgx says
// anything but the request for TLS. It is the only place where a password is set, after
// the function of the caller, which could read it. On an error it returns conn all the
// same: pgx closes it.
func (l *connLogin) afterNetConnect(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if call, ok := ctx.Value(hookCallKey{}).(*hookCall); config != l.config || ok && call.config == config {
		// A copy of the configuration, made by pgx.Conn.Config, begins anew.
		return l.preparedConfig.afterNetConnect(ctx, config, conn)
	}
	l.release()
	l.conn = conn
	n, err := l.verifiedHost(ctx, conn)
	if err != nil {
		return conn, err
	}
	l.current = &l.logins[n]
	l.current.kind = l.hosts[n].endpoint.Kind()
	if err := l.current.end(l.hosts[n].endpoint); err != nil {
		return conn, err
	}
	if l.conn, err = l.callCaller(ctx, config, conn); err != nil {
		return l.conn, err
	}
	if err := l.getToken(ctx, l.hosts[n].endpoint); err != nil {
		return l.conn, err
	}
	l.hold()
	return l.conn, nil
}

// end returns why this host is not tried at another of its addresses, or nil.
func (h *hostLogin) end(endpoint rdsiam.Endpoint) error {
	if h.refused != "" {
		return fmt.Errorf("rdsiam: not tried again, since %s refused this login (SQLSTATE %s) at another of its addresses", endpoint, h.refused)
	}
	return h.failed
}

// getToken asks for the token of the current host, unless an earlier address left one
// that the server still takes.
func (l *connLogin) getToken(ctx context.Context, endpoint rdsiam.Endpoint) error {
	if expires := l.current.token.Expires(); l.current.token.Reveal() != "" && (expires.IsZero() || time.Now().Before(expires)) {
		return nil
	}
	l.current.token, l.current.failed = l.token(ctx, endpoint)
	return l.current.failed
}

// hold puts the token into the configuration, and our callbacks in the place of the
// caller's, until release.
func (l *connLogin) hold() {
	l.ofCaller = callbacksOf(l.config)
	l.config.OnPgError = l.onPgError
	if l.config.OnNotice != nil {
		l.config.OnNotice = l.onNotice
	}
	l.config.ValidateConnect = l.validateConnect
	l.config.Password = l.current.token.Reveal()
}

// release takes out of the configuration what hold has put there.
func (l *connLogin) release() {
	l.config.Password = ""
	l.config.OnPgError, l.config.OnNotice = l.ofCaller.onPgError, l.ofCaller.onNotice
	l.config.ValidateConnect, l.config.AfterConnect = l.ofCaller.validateConnect, l.ofCaller.afterConnect
}

// finish leaves nothing of the login in the configuration, which a live connection
// keeps: pgx.Conn.Config hands it out to be connected again.
func (l *connLogin) finish() {
	l.release()
	l.config.AfterNetConnect = l.hook
}

func (l *connLogin) token(ctx context.Context, endpoint rdsiam.Endpoint) (rdsiam.Token, error) {
	traced := tracedLoginOf(ctx) // before the timeout, which costs nothing until it is used
	if l.config.ConnectTimeout <= 0 {
		patience := lazytimeout.New(ctx, tokenTimeout)
		defer patience.End()
		ctx = patience
	}
	login := rdsiam.Login{Endpoint: endpoint, User: l.config.User}
	traced.asks(ctx, login)
	token, err := login.Token(ctx, l.tokens)
	traced.asked(ctx, token, err)
	if err != nil {
		return rdsiam.Token{}, noTokenError{err}
	}
	return token, nil
}

// noTokenError hides net.Error from errors.As: pgx would replace a timeout by an error of
// its own, and the caller would blame the database.
type noTokenError struct{ error }

func (e noTokenError) Is(target error) bool { return errors.Is(e.error, target) }

func (e noTokenError) As(target any) bool {
	_, network := target.(*net.Error)
	return !network && errors.As(e.error, target)
}

// verifiedHost returns the number of the host at the other end of conn, which has
// proved to be it or will have before anything is sent to it.
func (l *connLogin) verifiedHost(ctx context.Context, conn net.Conn) (int, error) {
	encrypted, ok := conn.(*tls.Conn)
	if !ok {
		return 0, l.unsafe("connection-plaintext", "a connection without TLS")
	}
	if !l.prepared() {
		return 0, l.unsafe("connection-tls-changed", "TLS settings that were changed after the hook")
	}
	if len(l.hosts) > 1 {
		return l.handshake(ctx, encrypted)
	}
	// The handshake is left to pgx, which makes it with its first write.
	return 0, nil
}

// prepared reports whether the hosts of the configuration are those that the hook left.
func (l *connLogin) prepared() bool {
	of := func(config *tls.Config) func(host) bool {
		return func(h host) bool { return h.verifiedBy(config) }
	}
	for _, fallback := range l.config.Fallbacks {
		if !slices.ContainsFunc(l.hosts, of(fallback.TLSConfig)) {
			return false
		}
	}
	return len(l.config.Fallbacks) == len(l.hosts)-1 && slices.ContainsFunc(l.hosts, of(l.config.TLSConfig))
}

// handshake finds out which of several hosts was dialed. pgx does not tell; the name
// that was verified does.
func (l *connLogin) handshake(ctx context.Context, conn *tls.Conn) (int, error) {
	err := conn.HandshakeContext(ctx)
	state := conn.ConnectionState()
	n, ok := l.find(state.ServerName, conn.RemoteAddr())
	switch {
	case err != nil && ok:
		return 0, l.hosts[n].endpoint.DescribeCertificateError(err, l.hosts[n].given.config())
	case err != nil:
		return 0, err
	case !ok:
		return 0, l.unsafe("connection-unknown-host", fmt.Sprintf("a connection to %s at %v, which is none of the configured hosts", state.ServerName, conn.RemoteAddr()))
	case len(state.VerifiedChains) == 0 && !l.hosts[n].callerVerifies:
		return 0, l.unsafe("connection-unverified", "a connection to a server whose certificate was not verified")
	}
	return n, nil
}

// find returns the number of the host with this name; of several, the one with the port
// that was dialed.
func (l *connLogin) find(name string, address net.Addr) (n int, ok bool) {
	var found []int
	for n, host := range l.hosts {
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
	i := slices.IndexFunc(found, func(n int) bool { return strconv.Itoa(int(l.hosts[n].port)) == port })
	if i < 0 {
		return 0, false
	}
	return found[i], true
}

func (l *connLogin) unsafe(code, what string) error {
	return configError(code, "connection to "+l.hosts[0].endpoint.String(), "",
		"the token is not sent over "+what,
		"let rdspgx.BeforeConnect run last, and let DialFunc return the bare connection")
}

// onPgError sees every error that the server answers during the login. Each ends it.
func (l *connLogin) onPgError(conn *pgconn.PgConn, answer *pgconn.PgError) bool {
	maskAnswer(l.current.token, answer)
	if isRefusal(l.current.kind, answer) {
		l.current.refused = answer.Code
	}
	if l.current.kind == rdsiam.KindDSQL && answer.Code == dsqlDenied && answer.Hint != "" {
		answer.Message += " (" + answer.Hint + ")" // the reason, which pgx leaves out of its error
	}
	l.release()
	if l.config.OnPgError != nil {
		l.config.OnPgError(conn, answer)
	}
	return false
}

// onNotice sees every notice of the server during the login.
func (l *connLogin) onNotice(conn *pgconn.PgConn, notice *pgconn.Notice) {
	maskAnswer(l.current.token, (*pgconn.PgError)(notice))
	l.ofCaller.onNotice(conn, notice)
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
func (l *connLogin) validateConnect(ctx context.Context, conn *pgconn.PgConn) error {
	l.release()
	l.loggedIn = conn
	if l.config.ValidateConnect != nil {
		if err := l.config.ValidateConnect(ctx, conn); err != nil {
			// pgx goes on to the next host, or takes this one after all if it
			// was merely not preferred, and calls AfterConnect alone.
			l.config.AfterConnect = l.afterConnect
			return err
		}
	}
	l.finish()
	return nil
}

// afterConnect is called for a connection that validateConnect did not finish.
func (l *connLogin) afterConnect(ctx context.Context, conn *pgconn.PgConn) error {
	l.finish()
	l.loggedIn = conn
	if l.config.AfterConnect == nil {
		return nil
	}
	return l.config.AfterConnect(ctx, conn)
}

// dsqlDenied is the SQLSTATE with which Aurora DSQL refuses a login, among other things.
// A login to RDS that ends with it may be tried again.
const dsqlDenied = "08006"

// isRefusal reports whether answer turns the user away: class 28, invalid authorization
// specification, or what Aurora DSQL says instead if kind is that of a cluster there.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func isRefusal(kind rdsiam.EndpointKind, answer *pgconn.PgError) bool {
	return strings.HasPrefix(answer.Code, "28") ||
		kind == rdsiam.KindDSQL && answer.Code == dsqlDenied && strings.Contains(answer.Message, "access denied")
}

// serverErrors yields every error in the tree of err that a server answered. errors.As
// would find the first only, and a host that was starting up hide the refusal of another.
func serverErrors(err error) iter.Seq[*pgconn.PgError] {
	return func(yield func(*pgconn.PgError) bool) { walk(err, yield) }
}

func walk(err error, yield func(*pgconn.PgError) bool) bool {
	if answer, ok := err.(*pgconn.PgError); ok && !yield(answer) { //nolint:errorlint // walks the tree itself
		return false
	}
	switch wrapped := err.(type) { //nolint:errorlint // walks the tree itself
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
