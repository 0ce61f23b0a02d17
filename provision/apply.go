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
	Outcome  Outcome
	Steps    []Step
	Warnings []string // of what a person should know, such as a grant on a database that does not exist
	Attempts int      // how many times a transaction was begun because other runners were in the way

	// Granted is what was in the way of a drop in PostgreSQL: what others than the owner granted to
	// the account, and what the account granted to others, which is gone if the drop has
	// DropOptions.RevokeGranted.
	Granted []Granted
}

// Step is a statement that was executed.
type Step struct {
	Statement
	Duration time.Duration
	Warnings []string // of MySQL and MariaDB, such as "Note 1008: …"
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
// A lock of the server keeps runners apart.
//
// [Report.Outcome] says what came of it. The error is an [*Error], or that of ctx; even then
// the report lists what ran.
func Apply[S Session](ctx context.Context, session S, p *Plan) (*Report, error) {
	report := new(Report)
	err := p.apply(ctx, session, report)
	if err != nil {
		_, given := any(session).(*sql.Tx)
		report.Outcome = p.outcomeOfFailure(report, given)
		if failed := (*Error)(nil); errors.As(err, &failed) {
			failed.Outcome = report.Outcome
		}
	}
	return report, err
}

func (p *Plan) apply(ctx context.Context, session any, report *Report) error {
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
		return p.runPostgreSQL(ctx, s, report)
	}
	panic("unreachable")
}

func (p *Plan) applyConn(ctx context.Context, conn *sql.Conn, report *Report) error {
	if p.Engine != PostgreSQL {
		return p.applyMySQL(ctx, conn, report)
	}
	if err := p.refuseTransaction(ctx, conn); err != nil {
		return err
	}
	return p.applyPostgreSQL(ctx, conn, report)
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
