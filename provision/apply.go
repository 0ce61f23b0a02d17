package provision

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Session is what statements are run in: a pool, of which one connection is taken, a
// connection, or a transaction.
type Session interface {
	*sql.DB | *sql.Conn | *sql.Tx
}

// Report lists what [Apply] did.
type Report struct {
	Steps    []Step
	Attempts int // how many times a transaction was begun because other runners were in the way

	// Granted is what was in the way of a drop in PostgreSQL: what others than the owner granted to
	// the account, and what the account granted to others, which is gone if the drop has
	// DropOptions.RevokeGranted.
	Granted []Granted
}

// Step is a statement that was executed.
type Step struct {
	Statement
	Duration time.Duration
	Warnings []string // of the server, such as "WARNING 01007: …"; those of PostgreSQL need WithNotices
}

// record is a Report in the making.
type record struct {
	Report
	listener *listener // nil if nobody asked for notices
}

// Apply runs a plan. It may run any number of times, and many runners may run it
// at once.
//
// In PostgreSQL everything happens in one transaction. Given a pool or connection,
// which must not be in a transaction, Apply begins it, and tries again while other runners,
// also those in other databases, are in the way. Given a transaction, Apply leaves it to
// the caller to try again ([ErrBusy]) and to commit, and an error means that it has to be
// rolled back. In the end Apply verifies that the account has what it was granted, since
// PostgreSQL grants less than it is asked for with no more than a warning.
//
// MySQL and MariaDB commit with every such statement. A transaction is refused ([ErrTransaction]),
// and an error leaves a part of the plan done, which never gives more than asked; run it again.
// A lock of the server keeps runners apart. Where a new grant would hide an older one by a
// pattern, or by a name with unescaped wildcards, the older one is carried over.
//
// The error is an [*Error], or that of ctx. Even then the report lists what ran.
func Apply[S Session](ctx context.Context, session S, p *Plan, o ...ApplyOption) (*Report, error) {
	var settings applyOptions
	for _, option := range o {
		option(&settings)
	}
	var report record
	if settings.notices != nil && p.Engine == PostgreSQL {
		report.listener = settings.notices.listen()
		defer report.listener.stop()
	}
	err := p.apply(ctx, session, &report)
	return &report.Report, err
}

func (p *Plan) apply(ctx context.Context, session any, report *record) error {
	switch s := session.(type) {
	case *sql.DB:
		conn, err := s.Conn(ctx)
		if err != nil {
			return failure{}.at(p.Account, Statement{}, err)
		}
		defer conn.Close()
		return p.applyConn(ctx, conn, report)
	case *sql.Conn:
		return p.applyConn(ctx, s, report)
	case *sql.Tx:
		if p.Engine != PostgreSQL {
			return givenTx.at(p.Account, Statement{}, nil)
		}
		report.Attempts = 1
		if err := p.findConnection(ctx, s, report); err != nil {
			return err
		}
		return p.runPostgreSQL(ctx, s, report)
	}
	panic("unreachable")
}

func (p *Plan) applyConn(ctx context.Context, conn *sql.Conn, report *record) error {
	if p.Engine != PostgreSQL {
		return p.applyMySQL(ctx, conn, report)
	}
	if err := p.refuseTransaction(ctx, conn); err != nil {
		return err
	}
	if err := p.findConnection(ctx, conn, report); err != nil {
		return err
	}
	return p.applyPostgreSQL(ctx, conn, report)
}

// findConnection lets notices know the connection, if anybody asked for them.
func (p *Plan) findConnection(ctx context.Context, q querier, report *record) error {
	if report.listener == nil {
		return nil
	}
	err := report.listener.find(ctx, q)
	if errors.Is(err, errDeaf) {
		return unheard.at(p.Account, Statement{}, err)
	}
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	return nil
}

// querier is what all sessions have.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec runs a statement and reports it.
func (p *Plan) exec(ctx context.Context, q querier, s Statement, report *record) error {
	report.listener.take() // what belongs to no step
	begin := time.Now()
	if _, err := q.ExecContext(ctx, s.SQL); err != nil {
		return explain(p.Engine, p.Account, s, err)
	}
	report.Steps = append(report.Steps, Step{Statement: s, Duration: time.Since(begin), Warnings: report.listener.take()})
	return nil
}
