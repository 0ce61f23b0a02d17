package provision

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The lock of a server that runners take, and for how long they wait for each other.
const (
	lockName    = "rdsiam.provision"
	lockSeconds = 60
)

func (p *Plan) applyMySQL(ctx context.Context, conn *sql.Conn, report *Report) (err error) {
	report.Attempts = 1
	if err := p.checkServer(ctx, conn); err != nil {
		return err
	}
	var locked sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", lockName, lockSeconds).Scan(&locked); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if locked.Int64 != 1 {
		return &Error{Kind: ErrBusy, Account: p.Account, err: errors.New("no lock within " + itoa(lockSeconds) + " seconds"), mend: needOtherRun}
	}
	restore, err := p.refuseNewAccounts(ctx, conn)
	defer func() { err = errors.Join(err, p.leave(ctx, conn, restore)) }()
	if err != nil {
		return err
	}
	for _, s := range p.Statements {
		if err := p.stepMySQL(ctx, conn, s, report); err != nil {
			return err
		}
	}
	return nil
}

// checkServer refuses servers and sessions that the plan is not for.
func (p *Plan) checkServer(ctx context.Context, conn *sql.Conn) error {
	var version string
	var readOnly, innoDBReadOnly bool
	if err := conn.QueryRowContext(ctx, "SELECT VERSION(), @@global.read_only, @@global.innodb_read_only").Scan(&version, &readOnly, &innoDBReadOnly); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	if isMariaDB := strings.Contains(version, "MariaDB"); isMariaDB != (p.Engine == MariaDB) {
		return &Error{Kind: ErrWrongDatabase, Account: p.Account, err: errors.New("the plan is for " + p.Engine.String() + ", the server says " + version), mend: "correct Account.Engine"}
	}
	if readOnly || innoDBReadOnly {
		return &Error{Kind: ErrReadOnlyEndpoint, Account: p.Account, mend: needWriter}
	}
	if p.Engine == MariaDB {
		var inTransaction bool
		if err := conn.QueryRowContext(ctx, "SELECT @@in_transaction").Scan(&inTransaction); err != nil {
			return explain(p.Engine, p.Account, Statement{}, err)
		}
		if inTransaction {
			return &Error{Kind: ErrTransaction, Account: p.Account, mend: "commit the transaction of this connection first"}
		}
	}
	return nil
}

// refuseNewAccounts makes MariaDB refuse a GRANT to an account that does not exist,
// because somebody just dropped it. With an empty sql_mode it would create one without a
// password. It returns the former mode if it changed it.
func (p *Plan) refuseNewAccounts(ctx context.Context, conn *sql.Conn) (former *string, err error) {
	const mode = "NO_AUTO_CREATE_USER"
	if p.Engine != MariaDB {
		return nil, nil // MySQL 8 always refuses
	}
	var now string
	if err := conn.QueryRowContext(ctx, "SELECT @@session.sql_mode").Scan(&now); err != nil {
		return nil, explain(p.Engine, p.Account, Statement{}, err)
	}
	if slices.Contains(strings.Split(now, ","), mode) {
		return nil, nil
	}
	if _, err := conn.ExecContext(ctx, "SET SESSION sql_mode = ?", strings.TrimPrefix(now+","+mode, ",")); err != nil {
		return nil, explain(p.Engine, p.Account, Statement{}, err)
	}
	return &now, nil
}

// leave gives the connection back as it was, also when ctx has ended. What fails here
// fails with the connection, and with it lock and mode are gone.
func (p *Plan) leave(ctx context.Context, conn *sql.Conn, mode *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var err error
	if mode != nil {
		_, err = conn.ExecContext(ctx, "SET SESSION sql_mode = ?", *mode)
	}
	_, errLock := conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", lockName)
	if err = errors.Join(err, errLock); err == nil || errors.Is(err, sql.ErrConnDone) || isBroken(err) {
		return nil
	}
	return explain(p.Engine, p.Account, Statement{}, err)
}

// isBroken tells of errors that are no answer of the server.
func isBroken(err error) bool { return serverCode(err) == "" }

func (p *Plan) stepMySQL(ctx context.Context, conn *sql.Conn, s Statement, report *Report) error {
	if s.hides != "" {
		return p.carryOver(ctx, conn, s.hides, report)
	}
	err := p.execMySQL(ctx, conn, s, report)
	if s.Kind == KindRevoke && isAbsent(err) {
		return nil
	}
	return err
}

// isAbsent tells of a REVOKE of what was not granted: on a database, a table, a routine.
func isAbsent(err error) bool {
	failed := (*Error)(nil)
	return errors.As(err, &failed) && slices.Contains([]string{"1141", "1147", "1403"}, failed.Code)
}

// execMySQL runs a statement and reports what the server remarks.
func (p *Plan) execMySQL(ctx context.Context, conn *sql.Conn, s Statement, report *Report) error {
	if err := p.exec(ctx, conn, s, report); err != nil {
		return err
	}
	step := &report.Steps[len(report.Steps)-1]
	err := collect(ctx, conn, func(scan func(...any) error) error {
		var severity, code, text string
		if err := scan(&severity, &code, &text); err != nil {
			return err
		}
		step.Warnings = append(step.Warnings, severity+" "+code+": "+text)
		return nil
	}, "SHOW WARNINGS")
	if err != nil {
		return explain(p.Engine, p.Account, s, err)
	}
	return nil
}

// carryOver makes sure that a new row for a database hides no older one: what the older
// one gives in this database is granted along with what is wanted. A row by the
// unescaped name, which was meant for this database alone, is then revoked.
func (p *Plan) carryOver(ctx context.Context, conn *sql.Conn, database string, report *Report) error {
	exact := target{level: levelDatabase, space: database}
	rows, err := p.readDatabaseRows(ctx, conn)
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	unescaped := target{level: levelPattern, space: database}
	if _, granted := rows[exact]; !granted {
		older, err := p.effectiveRow(rows, database)
		if err != nil {
			return err
		}
		words := slices.DeleteFunc(rows.words(older), func(word string) bool { return p.reject[older][word] || p.reject[exact][word] })
		if len(words) > 0 {
			union := access{exact: p.want[exact]}
			all := make(access)
			all.add(exact, slices.Concat(union.words(exact), words)...)
			list := strings.Join(all.words(exact), ", ")
			s := Statement{SQL: p.myGrant(KindGrant, list, myObject(exact)), Kind: KindGrant,
				Summary: change(KindGrant, list, exact.String()) + ", among it what the account has on " + older.String()}
			if err := p.execMySQL(ctx, conn, s, report); err != nil {
				return err
			}
		}
	}
	if words := rows.words(unescaped); len(words) > 0 {
		list := strings.Join(words, ", ")
		return p.execMySQL(ctx, conn, Statement{SQL: p.myGrant(KindRevoke, list, myObject(unescaped)), Kind: KindRevoke,
			Summary: change(KindRevoke, list, unescaped.String()) + ", an unescaped name, which stands for other databases too"}, report)
	}
	return nil
}

var privilegeWord = regexp.MustCompile(`^[A-Z]+( [A-Z]+)*$`)

// effectiveRow returns the row that counts for a database that has no row of its own:
// the zero target if none does. Of patterns, the one whose first wildcard comes last counts; where
// that leaves a doubt, or rights that are never granted here, somebody has to decide.
func (p *Plan) effectiveRow(rows access, database string) (target, error) {
	var best target
	bestAt, tie := -1, false
	for _, t := range rows.targets() {
		if t.level != levelPattern || !matches(t.space, database) {
			continue
		}
		switch at := firstWildcard(t.space); {
		case at > bestAt:
			best, bestAt, tie = t, at, false
		case at == bestAt:
			tie = true
		}
	}
	if tie {
		return target{}, p.hiddenGrant(best, "another pattern is as exact as it")
	}
	for _, word := range rows.words(best) {
		if word == wordGrantOption || !privilegeWord.MatchString(word) {
			return target{}, p.hiddenGrant(best, "it has "+word)
		}
	}
	return best, nil
}

func (p *Plan) hiddenGrant(t target, reason string) error {
	return &Error{Kind: ErrHiddenGrant, Account: p.Account,
		err: errors.New("the grant on " + t.String() + " cannot be carried over: " + reason), mend: "revoke it, or describe in Account.Grants what it should give"}
}

// readDatabaseRows reads the grants on databases and patterns of them.
func (p *Plan) readDatabaseRows(ctx context.Context, q querier) (access, error) {
	rows := make(access)
	err := collect(ctx, q, func(scan func(...any) error) error {
		var pattern, word, grantable string
		if err := scan(&pattern, &word, &grantable); err != nil {
			return err
		}
		t := rowTarget(pattern)
		if word != wordUsage {
			rows.add(t, word)
		}
		if grantable == "YES" {
			rows.add(t, wordGrantOption)
		}
		return nil
	}, "SELECT TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ?", p.grantee())
	return rows, err
}

// grantee is the account as information_schema has it, which escapes nothing.
func (p *Plan) grantee() string { return "'" + p.Account + "'@'" + p.account.host() + "'" }

// rowTarget tells the name of one database from a pattern: only names as we write them
// are the former.
func rowTarget(pattern string) target {
	name := unescapePattern(pattern)
	if myDatabasePattern(name) == pattern {
		return target{level: levelDatabase, space: name}
	}
	return target{level: levelPattern, space: pattern}
}
