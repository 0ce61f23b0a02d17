package provision

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
)

// The lock of a server that runners take, and for how long they wait for each other.
const (
	lockName    = "rdsiam.provision"
	lockSeconds = 60
)

func (p *Plan) applyMySQL(ctx context.Context, conn *sql.Conn, report *Report) (err error) {
	report.Attempts = 1
	literal, err := p.checkServer(ctx, conn)
	if err != nil {
		return err
	}
	var locked sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", lockName, lockSeconds).Scan(&locked); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if locked.Int64 != 1 {
		return lockTimeout.at(p.Account, Statement{}, errors.New("no lock within "+itoa(lockSeconds)+" seconds"))
	}
	defer func() { err = errors.Join(err, p.unlock(ctx, conn)) }()
	return p.inOwnSession(ctx, conn, func() error { return p.stepsMySQL(ctx, conn, literal, report) })
}

// stepsMySQL runs the statements.
func (p *Plan) stepsMySQL(ctx context.Context, conn *sql.Conn, literal bool, report *Report) error {
	outcome, err := p.foresee(ctx, func(ctx context.Context) (*state, error) { return p.readMySQL(ctx, conn) })
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if report.Warnings, err = p.absentDatabases(ctx, conn); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	for _, s := range p.Statements {
		if err := p.stepMySQL(ctx, conn, s, literal, report); err != nil {
			return err
		}
	}
	report.Outcome = outcome
	return nil
}

// absentDatabases warns of grants on databases that do not exist, which MySQL and MariaDB take.
func (p *Plan) absentDatabases(ctx context.Context, q querier) ([]string, error) {
	absent := make(map[string]bool)
	for t := range p.want {
		if t.level == levelDatabase {
			absent[t.space] = true
		}
	}
	if len(absent) == 0 {
		return nil, nil
	}
	err := collect(ctx, q, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		delete(absent, name)
		return err
	}, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		warnings = append(warnings, "database "+name+" does not exist: what is granted on it counts as soon as it does")
	}
	return warnings, err
}

// checkServer refuses servers and sessions that the plan is not for. literal is
// whether the server takes names of databases in grants literally.
func (p *Plan) checkServer(ctx context.Context, conn *sql.Conn) (literal bool, err error) {
	// What is the default anyway cannot be set within a transaction, which neither
	// server reports otherwise.
	if _, err := conn.ExecContext(ctx, "SET TRANSACTION READ WRITE"); err != nil {
		return false, explain(p.Engine, p.Account, Statement{}, err)
	}
	var version string
	var globalReadOnly, innoDBReadOnly bool
	if err := conn.QueryRowContext(ctx, "SELECT VERSION(), @@global.read_only, @@global.innodb_read_only").Scan(&version, &globalReadOnly, &innoDBReadOnly); err != nil {
		return false, explain(p.Engine, p.Account, Statement{}, err)
	}
	if isMariaDB := strings.Contains(version, "MariaDB"); isMariaDB != (p.Engine == MariaDB) {
		return false, otherEngine.at(p.Account, Statement{}, errors.New("the plan is for "+p.Engine.String()+", the server says "+version))
	}
	if globalReadOnly || innoDBReadOnly {
		return false, readOnly.at(p.Account, Statement{}, nil)
	}
	return p.readNaming(ctx, conn)
}

// unlock gives the lock back, also when ctx has ended. What fails here fails with the connection,
// and with it the lock is gone.
func (p *Plan) unlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", lockName)
	if err == nil || errors.Is(err, sql.ErrConnDone) || isBroken(err) {
		return nil
	}
	return explain(p.Engine, p.Account, Statement{}, err)
}

// isBroken reports whether err is no answer of the server.
func isBroken(err error) bool { return serverCode(err) == "" }

// stepMySQL runs a statement. A REVOKE of what the account does not have is done.
func (p *Plan) stepMySQL(ctx context.Context, conn *sql.Conn, s Statement, literal bool, report *Report) error {
	s.SQL = s.on(literal)
	err := p.execMySQL(ctx, conn, s, report)
	failed := (*Error)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	switch {
	case s.Kind == KindRevoke && isAbsent(failed):
		return nil
	case failed.Code == grantHidden.code, failed.Code == grantWide.code:
		return p.explainHidden(ctx, conn, s, failed)
	case failed.Code == defaultRole.code:
		return p.explainRoles(ctx, conn, s, failed)
	case failed.Code == noPrivilege.code:
		return p.explainPrivilege(ctx, conn, failed)
	}
	return err
}

// isAbsent reports whether a failure answers a REVOKE of what was not granted: on a database, a table, a
// routine, a role.
func isAbsent(failed *Error) bool {
	return slices.Contains([]string{"1141", "1147", "1403", "1962"}, failed.ServerCode)
}

// usualNotes are those of statements that run again: CREATE USER IF NOT EXISTS finds the
// account, DROP USER IF EXISTS does not, in MySQL and in MariaDB.
var usualNotes = []string{"3163", "1973", "3162", "1974"}

// execMySQL runs a statement and reports the warnings of the server.
func (p *Plan) execMySQL(ctx context.Context, conn *sql.Conn, s Statement, report *Report) error {
	// Warnings stay until a statement uses a table, and those for accounts do not.
	if _, err := conn.ExecContext(ctx, "SELECT 1 FROM information_schema.COLLATIONS LIMIT 0"); err != nil {
		return explain(p.Engine, p.Account, s, err)
	}
	if err := p.exec(ctx, conn, s, report); err != nil {
		return err
	}
	step := &report.Steps[len(report.Steps)-1]
	err := collect(ctx, conn, func(scan func(...any) error) error {
		var severity, code, text string
		if err := scan(&severity, &code, &text); err != nil {
			return err
		}
		if slices.Contains(usualNotes, code) {
			return nil
		}
		step.Warnings = append(step.Warnings, severity+" "+code+": "+text)
		return nil
	}, "SHOW WARNINGS")
	if err != nil {
		return explain(p.Engine, p.Account, s, err)
	}
	return nil
}
