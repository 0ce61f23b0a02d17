package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/pgrelay"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// postgresConfig has nothing of the environment, whose settings are for clients.
func postgresConfig(target Target) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig("host=placeholder port=5432 user=placeholder password='' dbname=placeholder passfile='' " +
		"sslmode=verify-full sslnegotiation=postgres sslcertmode=allow sslrootcert='' sslcert='' sslkey='' connect_timeout=0 " +
		"target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth=''")
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "pgx-config", Setting: "PGSERVICE", Problem: "a setting of the environment keeps pgx from working: " + err.Error(),
			Fix: "unset PGSERVICE and the other variables of PostgreSQL; the proxy uses none of them"}
	}
	host, port, err := net.SplitHostPort(target.Dialed)
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "proxy-address", Setting: "address", Value: target.Dialed, Problem: err.Error(), Fix: "write host:port"}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "proxy-address", Setting: "address", Value: target.Dialed, Problem: "has no port number", Fix: "write host:port"}
	}
	config.Host, config.Port, config.User = host, uint16(number), target.User
	config.TLSConfig, config.Fallbacks = new(tls.Config), nil             // rdspgx completes it
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0 // they are large, and would stay
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		// What follows the login is the relay's.
		return pgproto3.NewFrontend(pgrelay.Messages(r), w)
	}
	return config, nil
}

// postgresUpstream is a session at the database.
type postgresUpstream struct {
	*pgconn.HijackedConn
	notices []*pgconn.Notice
}

// connect logs in with what the client asks for in its start-up message.
func (p *PostgreSQL) connect(ctx context.Context, parameters map[string]string, counters *counters) (*postgresUpstream, error) {
	upstream := new(postgresUpstream)
	config := p.config.Copy()
	config.Database = parameters["database"]
	config.RuntimeParams = maps.Clone(parameters)
	delete(config.RuntimeParams, "user")
	delete(config.RuntimeParams, "database")
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { upstream.notices = append(upstream.notices, notice) }
	driver, err := rdspgx.New(config, p.target.Options...)
	if err != nil {
		return nil, err
	}
	conn, err := p.target.connect(ctx, driver, counters)
	if err != nil {
		return nil, err
	}
	if upstream.HijackedConn, err = hijack(ctx, conn.(*stdlib.Conn).Conn().PgConn()); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return upstream, nil
}

func hijack(ctx context.Context, conn *pgconn.PgConn) (*pgconn.HijackedConn, error) {
	ctx, cancel := context.WithTimeout(ctx, logInTime)
	defer cancel()
	// After a write that took long, pgconn still reads in the background, and would take
	// the answer to the client's first statement.
	if err := conn.SyncConn(ctx); err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	hijacked.Frontend = nil // its buffers are not needed any more
	return hijacked, nil
}

// welcome is what ends the client's login: everything that the database said at the end of
// the proxy's own. The client is told the true process id and key, since programs compare
// the id with what the database says.
func (u *postgresUpstream) welcome() []byte {
	var b []byte
	add := func(message pgproto3.BackendMessage) {
		if encoded, err := message.Encode(b); err == nil { // else it was too long to have arrived
			b = encoded
		}
	}
	add(&pgproto3.AuthenticationOk{})
	for name, value := range u.ParameterStatuses {
		add(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	add(&pgproto3.BackendKeyData{ProcessID: u.PID, SecretKey: u.SecretKey})
	for _, notice := range u.notices {
		add(&pgproto3.NoticeResponse{
			Severity: notice.Severity, SeverityUnlocalized: notice.SeverityUnlocalized, Code: notice.Code,
			Message: notice.Message, Detail: notice.Detail, Hint: notice.Hint,
		})
	}
	add(&pgproto3.ReadyForQuery{TxStatus: u.TxStatus})
	return b
}

// logInAnswer is what a client is told of a login at the database that has failed: what
// the database said, and what that means.
func (p *PostgreSQL) logInAnswer(err error) *pgproto3.ErrorResponse {
	told := p.target.tell(err)
	answer := &pgproto3.ErrorResponse{Code: "08001", Message: told.text, Hint: told.hint} // sqlclient_unable_to_establish_sqlconnection
	var said *pgconn.PgError
	if errors.As(err, &said) {
		answer.Code, answer.Message = said.Code, said.Message
		details := []string{told.text + "."}
		if said.Detail != "" {
			details = append(details, said.Detail)
		}
		answer.Detail = strings.Join(details, "\n")
		if said.Hint != "" {
			answer.Hint = strings.TrimSpace(said.Hint + "\n" + told.hint)
		}
	}
	return answer
}
