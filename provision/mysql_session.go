package provision

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
)

// leaveLimit is how long a session may take to become what it was.
const leaveLimit = 10 * time.Second

// noLimit is the sql_select_limit that limits nothing.
const noLimit = "18446744073709551615"

// inOwnSession runs f with settings that its statements rely on, and puts back those of the
// session, also when ctx has ended. What fails then fails with the connection.
func (p *Plan) inOwnSession(ctx context.Context, q querier, f func() error) error {
	var mode, limit string
	// Nothing limits a query that says how many rows it wants.
	if err := q.QueryRowContext(ctx, "SELECT @@session.sql_mode, @@session.sql_select_limit LIMIT 1").Scan(&mode, &limit); err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	err := p.setSession(ctx, q, mode, p.ownMode(mode), limit, noLimit)
	if err == nil {
		err = f()
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	left := p.setSession(leaving, q, p.ownMode(mode), mode, noLimit, limit)
	if errors.Is(left, sql.ErrConnDone) || left != nil && isBroken(left) {
		left = nil
	}
	return errors.Join(err, left)
}

// ownMode is a sql_mode without what pads names that are read. With it, MariaDB refuses a GRANT to
// an account that does not exist, because somebody just dropped it; with an empty sql_mode it
// would create one without a password.
func (p *Plan) ownMode(mode string) string {
	const noNewAccounts = "NO_AUTO_CREATE_USER"
	words := slices.DeleteFunc(strings.Split(mode, ","), func(word string) bool { return word == "PAD_CHAR_TO_FULL_LENGTH" || word == "" })
	if p.Engine == MariaDB && !slices.Contains(words, noNewAccounts) {
		words = append(words, noNewAccounts)
	}
	return strings.Join(words, ",")
}

// setSession changes settings that differ.
func (p *Plan) setSession(ctx context.Context, q querier, mode, newMode, limit, newLimit string) error {
	var err error
	if newMode != mode {
		_, err = q.ExecContext(ctx, "SET SESSION sql_mode = ?", newMode)
	}
	if err == nil && newLimit != limit {
		_, err = q.ExecContext(ctx, "SET SESSION sql_select_limit = "+newLimit)
	}
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	return nil
}

// explainPrivilege says what gives the runner a privilege that it lacks, as far as the server shows
// it: master users of RDS for MySQL 8 have theirs by a role, which a session may have put off.
func (p *Plan) explainPrivilege(ctx context.Context, q querier, failed *Error) error {
	var active, account string
	if err := q.QueryRowContext(ctx, "SELECT COALESCE(CURRENT_ROLE(), 'NONE'), CURRENT_USER()").Scan(&active, &account); err != nil {
		return failed
	}
	user, host, _ := cutLast(account, "@")
	roles, err := p.rolesOf(ctx, q, user, host)
	if err != nil {
		return failed
	}
	runner := myAccount(user, host)
	if active == "NONE" && len(roles) > 0 {
		activate := "SET DEFAULT ROLE ALL TO " + runner
		if p.Engine == MariaDB {
			activate = "SET DEFAULT ROLE " + myIdentifier(roles[0]) + " FOR " + runner
		}
		return noPrivilege.with("the runner has the roles "+strings.Join(roles, ", ")+", and none is active: run "+activate+", and connect again").at(p.Account, failed.Statement, failed.err)
	}
	for _, t := range p.want.targets() {
		if grant := p.grantOfRole(t); grant != "" && failed.Statement.SQL == grant {
			fix := "run GRANT " + p.myRole(t) + " TO " + runner + " WITH ADMIN OPTION"
			if p.Engine == MySQL {
				fix += ", or GRANT ROLE_ADMIN ON *.* TO " + runner
			}
			return noPrivilege.with(fix).at(p.Account, failed.Statement, failed.err)
		}
	}
	return failed
}

// rolesOf returns the roles that an account was granted.
func (p *Plan) rolesOf(ctx context.Context, q querier, user, host string) (roles []string, err error) {
	query := "SELECT Role FROM mysql.roles_mapping WHERE User = ? AND Host = ? ORDER BY 1"
	if p.Engine == MySQL {
		query = "SELECT FROM_USER FROM mysql.role_edges WHERE TO_USER = ? AND TO_HOST = ? ORDER BY 1"
	}
	err = collect(ctx, q, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		roles = append(roles, name)
		return err
	}, query, user, host)
	return roles, err
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
