package proxy

import (
	"context"
	"errors"
	"net"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/pgrelay"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// PostgreSQL is the [Engine] of PostgreSQL.
type PostgreSQL struct {
	target  Target
	config  *pgx.ConnConfig // of each login, but for what the client chooses
	cancels cancels
}

// NewPostgreSQL returns an engine that logs in to target. The error is a
// [*rdsiam.ConfigError].
func NewPostgreSQL(target Target) (*PostgreSQL, error) {
	config, err := postgresConfig(target)
	if err != nil {
		return nil, err
	}
	if _, err := rdspgx.New(config, target.Options...); err != nil {
		return nil, err
	}
	return &PostgreSQL{target: target, config: config}, nil
}

// SocketName is the name that clients look for where they are told a directory as the host
// and no port.
func (p *PostgreSQL) SocketName() string { return ".s.PGSQL.5432" }

// Example is a command line of psql.
func (p *PostgreSQL) Example(address, user string) string {
	host, port := filepath.Dir(address), ""
	if !IsSocket(address) {
		host, port, _ = net.SplitHostPort(address)
		port = " -p " + port
	}
	return "psql -h " + shellWord(host) + port + " -U " + shellWord(user) + " postgres"
}

func (p *PostgreSQL) prepare(*Server) {}

// checkLogin takes a login for good whose database is not there or not for this user: that is
// for each client to name.
func (p *PostgreSQL) checkLogin(ctx context.Context, counters *counters) error {
	upstream, err := p.connect(ctx, map[string]string{"database": "postgres"}, counters)
	if err == nil {
		return upstream.Conn.Close()
	}
	const invalidCatalogName, insufficientPrivilege = "3D000", "42501"
	var said *pgconn.PgError
	if errors.As(err, &said) && (said.Code == invalidCatalogName || said.Code == insufficientPrivilege) {
		return nil
	}
	return err
}

func (p *PostgreSQL) endpoint() rdsiam.Endpoint { return p.target.Endpoint }

func (p *PostgreSQL) ready(ctx context.Context) error { return p.target.ready(ctx) }

func (p *PostgreSQL) logIn(ctx context.Context, c *client) *session {
	first, err := readStartup(c)
	switch {
	case err != nil:
		return p.refuse(c, clientError(err))
	case first.cancel != nil:
		p.cancel(ctx, c, first.cancel)
		return nil
	}
	if err := p.admit(c, first); err != nil {
		return p.refuse(c, clientError(err))
	}
	upstream, err := p.connect(ctx, first.parameters, c.server.counters)
	if err != nil {
		return p.refuse(c, err)
	}
	c.within(clientTime)
	forget := p.cancels.add(upstream)
	err = c.keep()
	if err == nil {
		err = c.tell(upstream.welcome())
	}
	if err != nil {
		forget()
		upstream.Conn.Close()
		c.report(err)
		return nil
	}
	return &session{client: c.Conn, server: upstream.Conn, traffic: newPostgresTraffic(), end: forget}
}

// cancel passes a request on, if it names a session: who knows the key of one is no stranger.
func (p *PostgreSQL) cancel(ctx context.Context, c *client, request *pgproto3.CancelRequest) {
	session, ok := p.cancels.find(request)
	if !ok || c.prove() != nil {
		return
	}
	c.server.counters.canceled.Inc()
	cancelAt(ctx, session)
}

// admit lets the client in, as far as the proxy has to say. Who does not know the password
// learns nothing else.
func (p *PostgreSQL) admit(c *client, first startup) error {
	backend := pgproto3.NewBackend(pgrelay.Messages(c), c)
	backend.SetMaxBodyLen(maxStartup)
	if first.unknown != nil {
		backend.Send(first.unknown)
	}
	if password := c.server.password; password != nil {
		if err := askSCRAM(backend, password.scram); err != nil {
			return err
		}
	}
	if err := backend.Flush(); err != nil {
		return err
	}
	if asked := first.parameters["user"]; asked != p.target.User {
		return wrongUser(asked, p.target.User)
	}
	return c.admit()
}

// refuse tells the client of err. It returns no session.
func (p *PostgreSQL) refuse(c *client, err error) *session {
	c.report(err)
	if answer := p.answer(err); answer != nil {
		c.within(farewellTime)
		_, _ = c.Write(postgresError(answer))
	}
	return nil
}

// answer is what the client is told of err, nil for nothing.
func (p *PostgreSQL) answer(err error) *pgproto3.ErrorResponse {
	var refused *refusal
	switch {
	case errors.Is(err, errLeft):
		return nil
	case !errors.As(err, &refused):
		return p.logInAnswer(err)
	}
	answer := &pgproto3.ErrorResponse{Message: "rdsiam proxy: " + err.Error()}
	switch refused.reason {
	case refusedUser:
		answer.Code = "28000" // invalid_authorization_specification
	case refusedPassword:
		answer.Code, answer.Message = "28P01", "rdsiam proxy: wrong password" // invalid_password
		answer.Hint = "The password is that of the proxy, which it printed or was given by --password-file, and not one of the database."
	case refusedLimit:
		answer.Code = "53300" // too_many_connections
	case refusedProtocol:
		answer.Code = "08P01" // protocol_violation
	default:
		answer.Code = "08006" // connection_failure
	}
	return answer
}
