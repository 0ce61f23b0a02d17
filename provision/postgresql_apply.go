package provision

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Runners in one database wait for each other. Those in different databases collide at
// what these share, and one of them has to begin again.
const (
	maxAttempts = 20
	minDelay    = 10 * time.Millisecond
	maxDelay    = time.Second
)

func (p *Plan) applyPostgreSQL(ctx context.Context, conn *sql.Conn, report *Report) error {
	for delay := minDelay; ; delay = min(2*delay, maxDelay) {
		report.Attempts++
		report.Steps = nil
		err := p.transactPostgreSQL(ctx, conn, report)
		failed := (*Error)(nil)
		if !errors.As(err, &failed) || failed.Code != otherRunner.code || report.Attempts == maxAttempts {
			return err
		}
		timer := time.NewTimer(rand.N(delay))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return waitCanceled.at(p.Account, Statement{}, ctx.Err())
		}
	}
}

// refuseTransaction fails if the connection is in a transaction, which would end with
// ours. Neither the driver nor BEGIN says so; but only there does a setting for the transaction
// outlive its statement.
func (p *Plan) refuseTransaction(ctx context.Context, conn *sql.Conn) error {
	const name = "rdsiam.transaction"
	if _, err := conn.ExecContext(ctx, `SELECT pg_catalog.set_config($1, 'open', true)`, name); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	var open bool
	if err := conn.QueryRowContext(ctx, `SELECT coalesce(pg_catalog.current_setting($1, true), '') OPERATOR(pg_catalog.=) 'open'`, name).Scan(&open); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if open {
		return openTx.at(p.Account, Statement{}, nil)
	}
	return nil
}

func (p *Plan) transactPostgreSQL(ctx context.Context, conn *sql.Conn, report *Report) error {
	// After waiting for another runner, statements must see what it did.
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	defer tx.Rollback() // does nothing after a commit
	if err := p.runPostgreSQL(ctx, tx, report); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		if serverCode(err) == "" {
			report.Outcome = OutcomeUnknown
		}
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	return nil
}

// runPostgreSQL runs the plan in a transaction and verifies what it did.
func (p *Plan) runPostgreSQL(ctx context.Context, tx *sql.Tx, report *Report) error {
	if err := p.checkEncoding(ctx, tx); err != nil {
		return err
	}
	patience, err := setPatience(ctx, tx)
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if p.drops {
		err := withCatalogPath(ctx, tx, func() (err error) {
			report.Granted, err = p.readGranted(ctx, tx)
			return err
		})
		if err != nil {
			return explain(p.Engine, p.Account, Statement{}, err)
		}
	}
	outcome, err := p.foresee(ctx, func(ctx context.Context) (found *state, err error) {
		err = withCatalogPath(ctx, tx, func() (err error) {
			found, err = p.readPostgreSQL(ctx, tx)
			return err
		})
		return found, err
	})
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	for _, s := range p.Statements {
		if err := p.exec(ctx, tx, s, report); err != nil {
			return err
		}
	}
	report.Outcome = outcome
	if err := p.verifyPostgreSQL(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, setLockTimeout, patience); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	return nil
}

// lockLimit is how long a statement waits for a lock of the server, at most: a runner that hangs
// must not hold up all others.
const lockLimit = 30 * time.Second

const setLockTimeout = `SELECT pg_catalog.set_config('lock_timeout', $1, true)`

// setPatience bounds what statements wait for locks, by the limit, by what is left of the
// context, and by the session's own setting, which it returns.
func setPatience(ctx context.Context, tx *sql.Tx) (string, error) {
	var own int64
	err := tx.QueryRowContext(ctx, `SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'lock_timeout'`).Scan(&own)
	if err != nil {
		return "", err
	}
	limit := lockLimit
	if own > 0 {
		limit = min(limit, time.Duration(own)*time.Millisecond)
	}
	if deadline, ok := ctx.Deadline(); ok {
		// The server answers in time to say why.
		limit = max(min(limit, time.Until(deadline)*9/10), time.Millisecond)
	}
	_, err = tx.ExecContext(ctx, setLockTimeout, strconv.FormatInt(limit.Milliseconds(), 10))
	return strconv.FormatInt(own, 10), err
}

// verifyPostgreSQL reads back what the plan was to do.
func (p *Plan) verifyPostgreSQL(ctx context.Context, tx *sql.Tx) error {
	if len(p.want)+len(p.reject) == 0 {
		return nil
	}
	var found *state
	err := withCatalogPath(ctx, tx, func() (err error) {
		found, err = p.readPostgreSQL(ctx, tx)
		return err
	})
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if lacking := found.missing(p.want); len(lacking) > 0 {
		return notGranted.at(p.Account, Statement{}, errors.New("the server did not grant "+joinDrifts(lacking)))
	}
	if left := found.present(p.reject, p.want); len(left) > 0 {
		return notRevoked.at(p.Account, Statement{}, errors.New("the server did not revoke "+joinDrifts(left)))
	}
	return nil
}

// checkEncoding refuses sessions to which a letter of UTF-8 is several.
func (p *Plan) checkEncoding(ctx context.Context, tx *sql.Tx) error {
	var letters int
	if err := tx.QueryRowContext(ctx, "SELECT pg_catalog.char_length('"+oneLetter+"')").Scan(&letters); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if letters != 1 {
		return p.wrongEncoding("set client_encoding to UTF8")
	}
	return nil
}

// withCatalogPath makes names and operators mean those of the server while f reads its
// catalog, whatever the session's search path, which is kept.
func withCatalogPath(ctx context.Context, tx *sql.Tx, f func() error) error {
	const set = `SELECT pg_catalog.set_config('search_path', $1, true)`
	var path string
	if err := tx.QueryRowContext(ctx, `SELECT pg_catalog.current_setting('search_path')`).Scan(&path); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, set, "pg_catalog, pg_temp"); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, set, path)
	return err
}

// joinDrifts lists a few drifts.
func joinDrifts(drifts []Drift) string {
	const few = 5
	var parts []string
	for i, d := range drifts {
		if i == few {
			parts = append(parts, "and "+itoa(len(drifts)-few)+" more")
			break
		}
		parts = append(parts, d.word+" on "+d.target.String())
	}
	return strings.Join(parts, ", ")
}
