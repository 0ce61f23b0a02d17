package provision

import (
	"context"
	"database/sql"
	"strings"
)

func (p *Plan) checkPostgreSQL(ctx context.Context, tx *sql.Tx) ([]Drift, error) {
	if err := p.checkEncoding(ctx, tx); err != nil {
		return nil, err
	}
	var found *state
	err := withCatalogPath(ctx, tx, func() (err error) {
		if found, err = p.readPostgreSQL(ctx, tx); err != nil {
			return err
		}
		return found.readLockouts(ctx, tx, p.account)
	})
	if err != nil {
		return nil, explain(p.Engine, p.Account, Statement{}, err)
	}
	return p.drifts(found), nil
}

// readPostgreSQL reads what the server has of an account, with a search path that is
// that of the catalog only.
func (p *Plan) readPostgreSQL(ctx context.Context, q querier) (*state, error) {
	s := newState()
	if err := q.QueryRowContext(ctx, "SELECT current_database()").Scan(&s.database); err != nil {
		return nil, err
	}
	if err := s.readRole(ctx, q, p.account); err != nil {
		return nil, err
	}
	if err := s.readGrants(ctx, q, p.Account); err != nil {
		return nil, err
	}
	if err := s.readContents(ctx, q, p.Account); err != nil {
		return nil, err
	}
	for _, a := range []access{p.want, p.reject} {
		if err := s.readRoutines(ctx, q, a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readRole reads the attributes of a role. pg_authid cannot be read on RDS.
func (s *state) readRole(ctx context.Context, q querier, a Account) error {
	var canLogin, super, mayInherit, createsRoles, createsDatabases, replicates, bypasses bool
	var limit int
	var comment string
	row := q.QueryRowContext(ctx, `SELECT r.rolcanlogin, r.rolsuper, r.rolinherit OR current_setting('server_version_num')::int >= 160000, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
		coalesce(shobj_description(r.oid, 'pg_authid'), '') FROM pg_roles r WHERE r.rolname = $1::text`, a.Name)
	switch err := row.Scan(&canLogin, &super, &mayInherit, &createsRoles, &createsDatabases, &replicates, &bypasses, &limit, &comment); {
	case err == sql.ErrNoRows:
		s.notePlanned(NoAccount, "role "+quoted(a.Name)+" does not exist")
		return nil
	case err != nil:
		return err
	}
	s.exists = true
	if !canLogin {
		s.notePlanned(Authentication, "role "+quoted(a.Name)+" may not log in")
	}
	if super {
		s.note(Attribute, "role "+quoted(a.Name)+" is a superuser")
	}
	if !mayInherit && len(a.MemberOf) > 0 {
		s.note(Attribute, "role "+quoted(a.Name)+" is NOINHERIT: it has the rights of the roles it is a member of only after SET ROLE")
	}
	if a.MaxConnections > 0 && limit != a.MaxConnections {
		s.notePlanned(Attribute, "the connection limit is "+itoa(limit)+", not "+itoa(a.MaxConnections))
	}
	if a.Comment != "" && comment != a.Comment {
		s.notePlanned(Attribute, "the comment is "+quoted(comment))
	}
	for word, has := range map[string]bool{"CREATEROLE": createsRoles, "CREATEDB": createsDatabases, "REPLICATION": replicates, "BYPASSRLS": bypasses} {
		if has {
			s.have.add(target{level: levelRole}, word)
		}
	}
	return s.readMemberships(ctx, q, a)
}

// readMemberships reads the roles that the account is a member of, and what these say
// about how it logs in.
func (s *state) readMemberships(ctx context.Context, q querier, a Account) error {
	isIAM := false
	err := collect(ctx, q, func(scan func(...any) error) error {
		t := target{level: levelMembership}
		var has, maySet, administers bool
		if err := scan(&t.object, &has, &maySet, &administers); err != nil {
			return err
		}
		if t.object == "rds_iam" {
			isIAM = isIAM || has || maySet
			return nil
		}
		if has {
			s.have.add(t, wordMember)
		} else if maySet {
			s.have.add(t, wordMaySet)
		}
		if administers {
			s.have.add(t, wordOption+wordMember)
		}
		return nil
	}, `SELECT g.rolname, `+pgHas+`, `+pgMaySet+`, m.admin_option FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1::text`, a.Name)
	if err != nil {
		return err
	}
	if !isIAM && a.Reach != ProxyStandard {
		s.notePlanned(Authentication, "role "+quoted(a.Name)+" is no member of rds_iam")
	}
	return collect(ctx, q, func(scan func(...any) error) error {
		var group string
		if err := scan(&group); err != nil {
			return err
		}
		switch {
		case a.Reach == ProxyStandard:
			s.note(Authentication, "role "+quoted(a.Name)+" is a member of "+group+", directly or not, so the proxy cannot log in with its password")
		case group == "rds_ad":
			s.note(Authentication, "role "+quoted(a.Name)+" is a member of rds_ad, directly or not, and RDS lets a role log in by either Kerberos or IAM")
		}
		return nil
	}, strings.ReplaceAll(pgAuthenticators, "account", "$1::text")+" ORDER BY 1", a.Name)
}

func (s *state) readGrants(ctx context.Context, q querier, name string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var t target
		var word string
		var everybody, option bool
		if err := scan(&t.level, &t.space, &t.object, &t.args, &t.column, &t.owner, &t.kind, &word, &everybody, &option); err != nil {
			return err
		}
		t = t.canonical()
		if everybody {
			s.public.add(t, word)
			return nil
		}
		s.have.add(t, word)
		if option {
			s.have.add(t, wordOption+word)
		}
		return nil
	}, pgGrants, name)
}

// isUsual reports whether PostgreSQL grants it to everybody by default, or it belongs to another
// database.
func (s *state) isUsual(t target, word string) bool {
	switch t.level {
	case levelDatabase:
		return t.space != s.database || word == "CONNECT" || word == "TEMPORARY"
	case levelSchema:
		return t.space == "public" && word == "USAGE"
	case levelFunction, levelProcedure:
		return true
	}
	return t.level == levelDefault && t.kind == Routines
}

// allOf are the levels of grants that cover all that a schema has, by the level of each.
var allOf = map[level]level{
	levelTable: levelAllTables, levelSequence: levelAllSequences, levelFunction: levelAllRoutines, levelProcedure: levelAllRoutines,
}

// readContents reads what there is, by the grants that cover it, and whether it is the
// account's own.
func (s *state) readContents(ctx context.Context, q querier, name string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var one target
		var is thing
		if err := scan(&one.level, &one.space, &one.object, &one.args, &is.own, &is.ofExtension, &is.reached); err != nil {
			return err
		}
		one = one.canonical()
		s.things[one] = is
		if all := allOf[one.level]; all != 0 {
			s.cover(target{level: all, space: one.space}, one)
		}
		if one.args != "" {
			s.cover(target{level: one.level, space: one.space, object: one.object}, one)
		}
		return nil
	}, pgContents, name)
}

// readRoutines reads which routine is meant by the argument types of a description.
func (s *state) readRoutines(ctx context.Context, q querier, a access) error {
	for t := range a {
		if t.args == "" || s.contents[t] != nil {
			continue
		}
		_, from := pgListed(t)
		err := collect(ctx, q, func(scan func(...any) error) error {
			one := t
			if err := scan(&one.args); err != nil {
				return err
			}
			s.cover(t, one.canonical())
			return nil
		}, `SELECT `+pgTypes+` FROM `+from)
		if err != nil {
			return err
		}
	}
	return nil
}

// canonical returns a target that the server describes with its argument types as argumentTypes
// writes them.
func (t target) canonical() target {
	if t.args != "" {
		t.args = argumentTypes(t.types())
	}
	return t
}

func (s *state) cover(all, one target) { s.contents[all] = append(s.contents[all], one) }

// readLockouts looks for roles that are for IAM because of the account.
func (s *state) readLockouts(ctx context.Context, q querier, a Account) error {
	if !s.exists || a.Reach == ProxyStandard {
		return nil
	}
	var chains sql.NullString
	// The query is that of the guard, where account is a constant.
	query := strings.ReplaceAll(pgLockouts, "account", "$1::text")
	if err := q.QueryRowContext(ctx, query, a.Name).Scan(&chains); err != nil {
		return err
	}
	if chains.Valid {
		s.note(Lockout, "RDS takes no passwords of members of rds_iam: "+chains.String)
	}
	return nil
}
