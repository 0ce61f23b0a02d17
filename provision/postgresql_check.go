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
		if found, err = readPostgreSQL(ctx, tx, p.account); err != nil {
			return err
		}
		return found.readLockouts(ctx, tx, p.account)
	})
	if err != nil {
		return nil, explain(p.Engine, p.Account, Statement{}, err)
	}
	return found.drifts(p.want), nil
}

// readPostgreSQL reads what the server has of an account, with a search path that is
// that of the catalog only.
func readPostgreSQL(ctx context.Context, q querier, a Account) (*state, error) {
	s := newState()
	if err := q.QueryRowContext(ctx, "SELECT current_database()").Scan(&s.database); err != nil {
		return nil, err
	}
	if err := s.readRole(ctx, q, a); err != nil {
		return nil, err
	}
	for _, query := range pgGrantQueries {
		if err := s.readGrants(ctx, q, a.Name, query); err != nil {
			return nil, err
		}
	}
	return s, s.readContents(ctx, q, a.Name)
}

// readRole reads the attributes of a role. pg_authid cannot be read on RDS.
func (s *state) readRole(ctx context.Context, q querier, a Account) error {
	var canLogin, super, inherits, createsRoles, createsDatabases, replicates, bypasses bool
	var limit int
	var comment string
	row := q.QueryRowContext(ctx, `SELECT r.rolcanlogin, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
		coalesce(shobj_description(r.oid, 'pg_authid'), '') FROM pg_roles r WHERE r.rolname = $1::text`, a.Name)
	switch err := row.Scan(&canLogin, &super, &inherits, &createsRoles, &createsDatabases, &replicates, &bypasses, &limit, &comment); {
	case err == sql.ErrNoRows:
		s.note(NoAccount, "role "+quoted(a.Name)+" does not exist")
		return nil
	case err != nil:
		return err
	}
	s.exists = true
	if !canLogin {
		s.note(Authentication, "role "+quoted(a.Name)+" may not log in")
	}
	if super {
		s.note(Attribute, "role "+quoted(a.Name)+" is a superuser")
	}
	if !inherits && len(a.MemberOf) > 0 {
		s.note(Attribute, "role "+quoted(a.Name)+" is NOINHERIT: it has the rights of the roles it is a member of only after SET ROLE")
	}
	if a.MaxConnections > 0 && limit != a.MaxConnections {
		s.note(Attribute, "the connection limit is "+itoa(limit)+", not "+itoa(a.MaxConnections))
	}
	if a.Comment != "" && comment != a.Comment {
		s.note(Attribute, "the comment is "+quoted(comment))
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
		var gives, administers bool
		if err := scan(&t.object, &gives, &administers); err != nil {
			return err
		}
		if t.object == "rds_iam" {
			isIAM = isIAM || gives
			return nil
		}
		if gives {
			s.have.add(t, wordMember)
		}
		if administers {
			s.have.add(t, wordOption+wordMember)
		}
		return nil
	}, `SELECT g.rolname, `+pgGives+`, m.admin_option FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1::text`, a.Name)
	if err != nil {
		return err
	}
	if !isIAM && a.Reach != ProxyStandard {
		s.note(Authentication, "role "+quoted(a.Name)+" is no member of rds_iam")
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

// pgGrantQueries read what was granted to a role or to everybody, not what the role has
// as an owner. Each returns rows of level, schema or database, object, column, owner, kind,
// privilege, whether everybody has it, and whether it can be granted on. Schemas of the server
// are left out, and what extensions grant to everybody.
var pgGrantQueries = []string{
	`SELECT ` + levelDatabase.sql() + `, d.datname::text, '', '', '', 0, x.privilege_type, x.grantee = 0, x.is_grantable FROM pg_database d, aclexplode(d.datacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee IN (r.oid, 0) AND d.datdba <> r.oid`,
	`SELECT ` + levelSchema.sql() + `, n.nspname::text, '', '', '', 0, x.privilege_type, x.grantee = 0, x.is_grantable FROM pg_namespace n, aclexplode(n.nspacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee IN (r.oid, 0) AND n.nspowner <> r.oid` + pgNotSystem + pgNotExtension("pg_namespace", "n"),
	`SELECT CASE c.relkind WHEN 'S' THEN ` + levelSequence.sql() + ` ELSE ` + levelTable.sql() + ` END, n.nspname::text, c.relname::text, '', '', 0, x.privilege_type, x.grantee = 0, x.is_grantable
	 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee IN (r.oid, 0) AND c.relowner <> r.oid` + pgNotSystem + pgNotExtension("pg_class", "c"),
	`SELECT ` + levelColumn.sql() + `, n.nspname::text, c.relname::text, t.attname::text, '', 0, x.privilege_type, x.grantee = 0, x.is_grantable
	 FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee IN (r.oid, 0) AND c.relowner <> r.oid AND NOT t.attisdropped` + pgNotSystem + pgNotExtension("pg_class", "c"),
	`SELECT ` + pgRoutineLevel + `, n.nspname::text, p.proname::text, '', '', 0, x.privilege_type, x.grantee = 0, x.is_grantable
	 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee IN (r.oid, 0) AND p.proowner <> r.oid` + pgNotSystem,
	`SELECT ` + levelDefault.sql() + `, coalesce(n.nspname::text, ''), '', '', o.rolname::text, CASE f.defaclobjtype WHEN 'r' THEN 1 WHEN 'S' THEN 2 ELSE 3 END, x.privilege_type, x.grantee = 0, x.is_grantable
	 FROM pg_default_acl f LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace JOIN pg_roles o ON o.oid = f.defaclrole, aclexplode(f.defaclacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee IN (r.oid, 0) AND o.oid <> r.oid AND f.defaclobjtype IN ('r', 'S', 'f')`,
}

const pgNotSystem = ` AND left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'`

// pgNotExtension leaves out what everybody may do with what an extension has made.
func pgNotExtension(catalog, row string) string {
	return ` AND (x.grantee <> 0 OR NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '` + catalog + `'::regclass AND e.objid = ` + row + `.oid AND e.deptype = 'e'))`
}

var pgRoutineLevel = `CASE p.prokind WHEN 'p' THEN ` + levelProcedure.sql() + ` ELSE ` + levelFunction.sql() + ` END`

// sql returns the level as a constant.
func (l level) sql() string { return itoa(int(l)) }

func (s *state) readGrants(ctx context.Context, q querier, name, query string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var t target
		var word string
		var everybody, option bool
		if err := scan(&t.level, &t.space, &t.object, &t.column, &t.owner, &t.kind, &word, &everybody, &option); err != nil {
			return err
		}
		switch {
		case !everybody:
			s.have.add(t, word)
			if option {
				s.have.add(t, wordOption+word)
			}
		case !s.isUsual(t, word):
			s.public.add(t, word)
		}
		return nil
	}, query, name)
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

// readContents reads what there is, by the grant that covers it, and whether it is the
// account's own.
func (s *state) readContents(ctx context.Context, q querier, name string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var all level
		var one target
		var own bool
		if err := scan(&all, &one.level, &one.space, &one.object, &own); err != nil {
			return err
		}
		if own {
			s.own[one] = true
			return nil
		}
		key := target{level: all, space: one.space}
		s.contents[key] = append(s.contents[key], one)
		return nil
	}, pgContents, name)
}

var pgContents = `
	SELECT ` + levelAllTables.sql() + `, ` + levelTable.sql() + `, n.nspname::text, c.relname::text, pg_get_userbyid(c.relowner) = $1::text
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')` + pgNotSystem + `
	UNION ALL SELECT ` + levelAllSequences.sql() + `, ` + levelSequence.sql() + `, n.nspname::text, c.relname::text, pg_get_userbyid(c.relowner) = $1::text
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'` + pgNotSystem + `
	UNION ALL SELECT ` + levelAllRoutines.sql() + `, ` + pgRoutineLevel + `, n.nspname::text, p.proname::text, pg_get_userbyid(p.proowner) = $1::text
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE true` + pgNotSystem + `
	UNION ALL SELECT 0, ` + levelSchema.sql() + `, n.nspname::text, '', pg_get_userbyid(n.nspowner) = $1::text FROM pg_namespace n WHERE true` + pgNotSystem + `
	UNION ALL SELECT 0, ` + levelDatabase.sql() + `, d.datname::text, '', pg_get_userbyid(d.datdba) = $1::text FROM pg_database d`

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
