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
	wordProxy       = "PROXY"
)

func (p *Plan) checkMySQL(ctx context.Context, q querier) ([]Drift, error) {
	var s *state
	err := p.inOwnSession(ctx, q, func() (err error) {
		if s, err = p.readMySQL(ctx, q); err != nil {
			err = explain(p.Engine, p.Account, Statement{}, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p.drifts(s), nil
}

func (p *Plan) readMySQL(ctx context.Context, q querier) (*state, error) {
	s := newState()
	if err := p.readAccount(ctx, q, s); err != nil {
		return nil, err
	}
	literal, err := p.readNaming(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := readGrants(ctx, q, s.have, p.Account, p.account.host(), literal); err != nil {
		return nil, err
	}
	if p.Engine == MariaDB {
		if err := readGrants(ctx, q, s.public, "PUBLIC", "", literal); err != nil {
			return nil, err
		}
	}
	if literal {
		if err := p.readRestrictions(ctx, q, s); err != nil {
			return nil, err
		}
	}
	if err := p.readRoles(ctx, q, s); err != nil {
		return nil, err
	}
	if err := p.readProxies(ctx, q, s); err != nil {
		return nil, err
	}
	s.have, s.public = respell(s.have, p.want), respell(s.public, p.want)
	return s, nil
}

// readGrants adds to have what was granted to an account, or to everybody: PUBLIC.
func readGrants(ctx context.Context, q querier, have access, user, host string, literal bool) error {
	grantee := granteeOf(user, host)
	rows, err := readDatabaseRows(ctx, q, grantee, literal)
	if err != nil {
		return err
	}
	for t := range rows {
		have.add(t, rows.words(t)...)
	}
	for _, query := range []string{
		"SELECT " + levelGlobal.sql() + ", '', '', '', PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES",
		"SELECT " + levelTable.sql() + ", TABLE_SCHEMA, TABLE_NAME, '', PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.TABLE_PRIVILEGES",
		"SELECT " + levelColumn.sql() + ", TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.COLUMN_PRIVILEGES",
	} {
		if err := readPrivileges(ctx, q, have, query+" WHERE "+exactly("GRANTEE")+" = ?", grantee); err != nil {
			return err
		}
	}
	return readRoutines(ctx, q, have, user, host)
}

// readRestrictions counts global privileges as those on databases that are wanted, unless they were
// partly revoked there. Where partial_revokes is on, a GRANT on such a database only ends that.
// https://dev.mysql.com/doc/refman/8.4/en/partial-revokes.html
func (p *Plan) readRestrictions(ctx context.Context, q querier, s *state) error {
	restricted := make(access)
	err := collect(ctx, q, func(scan func(...any) error) error {
		t := target{level: levelDatabase}
		var word string
		err := scan(&t.space, &word)
		restricted.add(t, strings.ToUpper(word))
		return err
	}, "SELECT d.name, w.word FROM mysql.user, JSON_TABLE(COALESCE(User_attributes->'$.Restrictions', '[]'), '$[*]' COLUMNS (name VARCHAR(64) PATH '$.Database', words JSON PATH '$.Privileges')) d, "+
		"JSON_TABLE(d.words, '$[*]' COLUMNS (word VARCHAR(64) PATH '$')) w WHERE User = ? AND Host = ?", p.Account, p.account.host())
	if err != nil {
		return err
	}
	global := s.have[target{level: levelGlobal}]
	for t, words := range p.want {
		for word := range words {
			if t.level == levelDatabase && global[word] && !restricted[t][word] {
				s.have.add(t, word)
			}
		}
	}
	return nil
}

// readProxies reads as which accounts the account may act.
func (p *Plan) readProxies(ctx context.Context, q querier, s *state) error {
	return p.readPairs(ctx, q, "SELECT Proxied_user, Proxied_host FROM mysql.proxies_priv WHERE User = ? AND Host = ?", func(t target) {
		t.level = levelProxy
		s.have.add(t, wordProxy)
	})
}

// readPairs calls f for each name and host that a query finds for the account.
func (p *Plan) readPairs(ctx context.Context, q querier, query string, f func(target)) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var t target
		if err := scan(&t.object, &t.owner); err != nil {
			return err
		}
		f(t)
		return nil
	}, query, p.Account, p.account.host())
}

func readPrivileges(ctx context.Context, q querier, have access, query, argument string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var t target
		var word, grantable string
		if err := scan(&t.level, &t.space, &t.object, &t.column, &word, &grantable); err != nil {
			return err
		}
		if word != wordUsage {
			have.add(t, word)
		}
		if grantable == "YES" {
			if t.level == levelColumn {
				t.level, t.column = levelTable, ""
			}
			have.add(t, wordGrantOption)
		}
		return nil
	}, query, argument)
}

// readRoutines reads what information_schema does not have.
func readRoutines(ctx context.Context, q querier, have access, user, host string) error {
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
				have.add(t, word)
			}
		}
		return nil
	}, "SELECT Db, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv WHERE User = ? AND Host = ?", user, host)
}

// readAccount reads how the account logs in, and which others have its name.
func (p *Plan) readAccount(ctx context.Context, q querier, s *state) error {
	a := p.account
	locked, noRoles := "account_locked", ""
	if p.Engine == MariaDB {
		locked, noRoles = "'N'", " AND is_role = 'N'" // see below for the former
	}
	err := collect(ctx, q, func(scan func(...any) error) error {
		var host, plugin, tls, locked string
		var limit int
		if err := scan(&host, &plugin, &tls, &limit, &locked); err != nil {
			return err
		}
		if host != a.host() {
			s.note(Neighbor, "account "+myAccount(a.Name, host)+" exists too: where both match a client, grants on databases of one are those of the other, and rows of the more exact host hide the other's")
			return nil
		}
		s.exists = true
		if isIAM := plugin == iamPlugin; isIAM == (a.Reach == ProxyStandard) {
			s.notePlanned(Authentication, "the account logs in with the plugin "+plugin)
		}
		if tls == "X509" || tls == "SPECIFIED" {
			s.note(Authentication, "the account needs a client certificate (REQUIRE X509, SUBJECT, ISSUER or CIPHER); plans take it over with Adopt only")
		}
		if tls == "" && !a.AllowPlaintext && a.Reach != ProxyStandard {
			s.notePlanned(Plaintext, "the account has no REQUIRE SSL")
		}
		if locked == "Y" {
			s.noteLocked()
		}
		if a.MaxConnections > 0 && limit != a.MaxConnections {
			s.notePlanned(Attribute, "the connection limit is "+itoa(limit)+", not "+itoa(a.MaxConnections))
		}
		return nil
	}, "SELECT Host, plugin, ssl_type, max_user_connections, "+locked+" FROM mysql.user WHERE User = ?"+noRoles+" ORDER BY Host", a.Name)
	if err != nil {
		return err
	}
	if err := p.readAnonymous(ctx, q, s); err != nil {
		return err
	}
	if !s.exists {
		s.notePlanned(NoAccount, "account "+p.mySQLAccount()+" does not exist")
	}
	if p.Engine != MariaDB {
		return p.readComment(ctx, q, s)
	}
	var several, isLocked sql.NullBool
	err = q.QueryRowContext(ctx, "SELECT MAX(JSON_LENGTH(Priv, '$.auth_or')) > 1, MAX(JSON_VALUE(Priv, '$.account_locked')) FROM mysql.global_priv WHERE User = ? AND Host = ?", a.Name, a.host()).Scan(&several, &isLocked)
	if several.Bool {
		s.note(Authentication, "the account has other ways to log in besides "+iamPlugin)
	}
	if isLocked.Bool {
		s.noteLocked()
	}
	return err
}

// readAnonymous notes users without a name. Where one's host is more exact, it takes the account's
// logins, and what it was granted on databases everybody has.
func (p *Plan) readAnonymous(ctx context.Context, q querier, s *state) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var host string
		if err := scan(&host); err != nil {
			return err
		}
		s.note(Neighbor, "the anonymous account "+myAccount("", host)+" exists: from where it matches, it may take the logins of this one, and its grants on databases are everybody's")
		return nil
	}, "SELECT Host FROM mysql.user WHERE User = '' ORDER BY Host")
}

// readComment compares the comment that MySQL stores.
func (p *Plan) readComment(ctx context.Context, q querier, s *state) error {
	if p.account.Comment == "" || !s.exists {
		return nil
	}
	var comment sql.NullString
	err := q.QueryRowContext(ctx, "SELECT JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.comment')) FROM mysql.user WHERE User = ? AND Host = ?", p.Account, p.account.host()).Scan(&comment)
	if err == nil && comment.String != p.account.Comment {
		s.notePlanned(Attribute, "the comment is "+quoted(comment.String))
	}
	return err
}

func (s *state) noteLocked() {
	s.note(Authentication, "the account is locked; plans leave it so: see ALTER USER … ACCOUNT UNLOCK")
}
