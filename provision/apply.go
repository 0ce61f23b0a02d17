package provision

import (
	"context"
	"database/sql"
	"time"
)

// Session is what statements are run in: a pool, of which one connection is taken, a
// connection, or a transaction.
type Session interface {
	*sql.DB | *sql.Conn | *sql.Tx
}

// Report tells what [Apply] did.
type Report struct {
	Steps    []Step
	Attempts int // how many times a transaction was begun because other runners were in the way
}

// Step is a statement that was executed.
type Step struct {
	Statement
	Duration time.Duration
	Warnings []string // of MySQL and MariaDB; database/sql keeps those of PostgreSQL to itself
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
// The error is an [*Error], or that of ctx. The report says also then what was done.
func Apply[S Session](ctx context.Context, session S, p *Plan) (*Report, error) {
	report := new(Report)
	switch s := any(session).(type) {
	case *sql.DB:
		conn, err := s.Conn(ctx)
		if err != nil {
			return report, &Error{Account: p.Account, err: err}
		}
		defer conn.Close()
		return report, p.applyConn(ctx, conn, report)
	case *sql.Conn:
		return report, p.applyConn(ctx, s, report)
	case *sql.Tx:
		if p.Engine != PostgreSQL {
			return report, &Error{Kind: ErrTransaction, Account: p.Account, mend: "give Apply a *sql.Conn or *sql.DB; in goose, use a migration without transaction"}
		}
		report.Attempts = 1
		return report, p.runPostgreSQL(ctx, s, report)
	}
	panic("unreachable")
}

func (p *Plan) applyConn(ctx context.Context, conn *sql.Conn, report *Report) error {
	if p.Engine == PostgreSQL {
		if err := p.refuseTransaction(ctx, conn); err != nil {
			return err
		}
		return p.applyPostgreSQL(ctx, conn, report)
	}
	return p.applyMySQL(ctx, conn, report)
}

// querier is what all sessions have.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec runs a statement and reports it.
func (p *Plan) exec(ctx context.Context, q querier, s Statement, report *Report) error {
	begin := time.Now()
	if _, err := q.ExecContext(ctx, s.SQL); err != nil {
		return explain(p.Engine, p.Account, s, err)
	}
	report.Steps = append(report.Steps, Step{Statement: s, Duration: time.Since(begin)})
	return nil
}
