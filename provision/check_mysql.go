package provision

import (
	"context"
	"database/sql"
	"strings"
)

// Words that servers list among privileges.
const (
	wordUsage       = "USAGE" // none
	wordGrantOption = "GRANT OPTION"
)

func (p *Plan) checkMySQL(ctx context.Context, q querier) ([]Drift, error) {
	s, err := p.readMySQL(ctx, q)
	if err != nil {
		return nil, explain(p.Engine, p.Account, Statement{}, err)
	}
	return s.drifts(p.want), nil
}

func (p *Plan) readMySQL(ctx context.Context, q querier) (*state, error) {
	s := newState()
	if err := p.readAccount(ctx, q, s); err != nil {
		return nil, err
	}
	rows, err := p.readDatabaseRows(ctx, q)
	if err != nil {
		return nil, err
	}
	for t := range rows {
		s.have.add(t, rows.words(t)...)
	}
	for _, read := range []struct{ query, argument string }{
		{"SELECT " + levelGlobal.sql() + ", '', '', '', PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ?", p.grantee()},
		{"SELECT " + levelTable.sql() + ", TABLE_SCHEMA, TABLE_NAME, '', PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ?", p.grantee()},
		{"SELECT " + levelColumn.sql() + ", TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = ?", p.grantee()},
	} {
		if err := readPrivileges(ctx, q, s, read.query, read.argument); err != nil {
			return nil, err
		}
	}
	return s, p.readRoutines(ctx, q, s)
}

func readPrivileges(ctx context.Context, q querier, s *state, query, argument string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var t target
		var word, grantable string
		if err := scan(&t.level, &t.space, &t.object, &t.column, &word, &grantable); err != nil {
			return err
		}
		if word != wordUsage {
			s.have.add(t, word)
		}
		if grantable == "YES" {
			if t.level == levelColumn {
				t.level, t.column = levelTable, ""
			}
			s.have.add(t, wordGrantOption)
		}
		return nil
	}, query, argument)
}

// readRoutines reads what information_schema does not have.
func (p *Plan) readRoutines(ctx context.Context, q querier, s *state) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		t := target{level: levelFunction}
		var kind, words string
		if err := scan(&t.space, &t.object, &kind, &words); err != nil {
			return err
		}
		if kind == "PROCEDURE" {
			t.level = levelProcedure
		}
		for word := range strings.SplitSeq(strings.ToUpper(words), ",") {
			if word == "GRANT" {
				word = wordGrantOption
			}
			if word != "" {
				s.have.add(t, word)
			}
		}
		return nil
	}, "SELECT Db, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv WHERE User = ? AND Host = ?", p.Account, p.account.host())
}

// readAccount reads how the account logs in, and which others have its name.
func (p *Plan) readAccount(ctx context.Context, q querier, s *state) error {
	a := p.account
	err := collect(ctx, q, func(scan func(...any) error) error {
		var host, plugin, tls string
		var limit int
		if err := scan(&host, &plugin, &tls, &limit); err != nil {
			return err
		}
		if host != a.host() {
			s.note(Neighbour, "account "+myAccount(a.Name, host)+" exists too: where both match a client, grants on databases of one are those of the other, and rows of the more exact host hide the other's")
			return nil
		}
		s.exists = true
		if isIAM := plugin == iamPlugin; isIAM == (a.Reach == ProxyStandard) {
			s.note(Authentication, "the account logs in with the plugin "+plugin)
		}
		if tls == "" && !a.AllowPlaintext && a.Reach != ProxyStandard {
			s.note(Plaintext, "the account has no REQUIRE SSL")
		}
		if a.MaxConnections > 0 && limit != a.MaxConnections {
			s.note(Attribute, "the connection limit is "+itoa(limit)+", not "+itoa(a.MaxConnections))
		}
		return nil
	}, "SELECT Host, plugin, ssl_type, max_user_connections FROM mysql.user WHERE User = ? ORDER BY Host", a.Name)
	if err != nil {
		return err
	}
	if !s.exists {
		s.note(NoAccount, "account "+p.mySQLAccount()+" does not exist")
	}
	if p.Engine != MariaDB {
		return nil
	}
	var several sql.NullBool
	err = q.QueryRowContext(ctx, "SELECT MAX(JSON_LENGTH(Priv, '$.auth_or')) > 1 FROM mysql.global_priv WHERE User = ? AND Host = ?", a.Name, a.host()).Scan(&several)
	if several.Bool {
		s.note(Authentication, "the account has other ways to log in besides "+iamPlugin)
	}
	return err
}
