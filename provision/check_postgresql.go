package provision

import (
	"context"
	"database/sql"
	"strings"
)

func (p *Plan) checkPostgreSQL(ctx context.Context, tx *sql.Tx) ([]Drift, error) {
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
	if err := s.readRole(ctx, q, a); err != nil {
		return nil, err
	}
	for _, query := range pgGrantQueries {
		if err := s.readGrants(ctx, q, a.Name, query); err != nil {
			return nil, err
		}
	}
	if err := q.QueryRowContext(ctx, "SELECT current_database()").Scan(&s.database); err != nil {
		return nil, err
	}
	return s, s.readContents(ctx, q, a.Name)
}

// readRole reads the attributes and memberships of a role. pg_authid cannot be read on RDS.
func (s *state) readRole(ctx context.Context, q querier, a Account) error {
	var canLogIn, super bool
	var limit int
	row := q.QueryRowContext(ctx, `SELECT r.rolcanlogin, r.rolsuper, r.rolconnlimit FROM pg_roles r WHERE r.rolname = $1::text`, a.Name)
	switch err := row.Scan(&canLogIn, &super, &limit); {
	case err == sql.ErrNoRows:
		s.note(NoAccount, "role "+quoted(a.Name)+" does not exist")
		return nil
	case err != nil:
		return err
	}
	s.exists = true
	if !canLogIn {
		s.note(Authentication, "role "+quoted(a.Name)+" may not log in")
	}
	if super {
		s.note(Attribute, "role "+quoted(a.Name)+" is a superuser")
	}
	if a.MaxConnections > 0 && limit != a.MaxConnections {
		s.note(Attribute, "the connection limit is "+itoa(limit)+", not "+itoa(a.MaxConnections))
	}
	isIAM := false
	err := collect(ctx, q, func(scan func(...any) error) error {
		var group string
		if err := scan(&group); err != nil {
			return err
		}
		if group == "rds_iam" {
			isIAM = true
		} else {
			s.have.add(target{level: levelMembership, object: group}, wordMember)
		}
		return nil
	}, `SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1::text AND `+pgCounts, a.Name)
	switch {
	case isIAM && a.Reach == ProxyStandard:
		s.note(Authentication, "role "+quoted(a.Name)+" is a member of rds_iam, so the proxy cannot log in with its password")
	case !isIAM && a.Reach != ProxyStandard:
		s.note(Authentication, "role "+quoted(a.Name)+" is no member of rds_iam")
	}
	return err
}

// pgGrantQueries read what was granted to a role, not what it has as an owner. Each
// gives rows of level, schema or database, object, column, owner, kind and privilege.
// Schemas of the server are left out.
var pgGrantQueries = []string{
	`SELECT ` + levelDatabase.sql() + `, d.datname::text, '', '', '', 0, x.privilege_type FROM pg_database d, aclexplode(d.datacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee = r.oid AND d.datdba <> r.oid`,
	`SELECT ` + levelSchema.sql() + `, n.nspname::text, '', '', '', 0, x.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee = r.oid AND n.nspowner <> r.oid` + pgNotSystem,
	`SELECT CASE c.relkind WHEN 'S' THEN ` + levelSequence.sql() + ` ELSE ` + levelTable.sql() + ` END, n.nspname::text, c.relname::text, '', '', 0, x.privilege_type
	 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee = r.oid AND c.relowner <> r.oid` + pgNotSystem,
	`SELECT ` + levelColumn.sql() + `, n.nspname::text, c.relname::text, t.attname::text, '', 0, x.privilege_type
	 FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee = r.oid AND c.relowner <> r.oid AND NOT t.attisdropped` + pgNotSystem,
	`SELECT ` + pgRoutineLevel + `, n.nspname::text, p.proname::text, '', '', 0, x.privilege_type
	 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee = r.oid AND p.proowner <> r.oid` + pgNotSystem,
	`SELECT ` + levelDefault.sql() + `, coalesce(n.nspname::text, ''), '', '', o.rolname::text, CASE f.defaclobjtype WHEN 'r' THEN 1 WHEN 'S' THEN 2 ELSE 3 END, x.privilege_type
	 FROM pg_default_acl f LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace JOIN pg_roles o ON o.oid = f.defaclrole, aclexplode(f.defaclacl) x, pg_roles r
	 WHERE r.rolname = $1::text AND x.grantee = r.oid AND o.oid <> r.oid AND f.defaclobjtype IN ('r', 'S', 'f')`,
}

const pgNotSystem = ` AND left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'`

var pgRoutineLevel = `CASE p.prokind WHEN 'p' THEN ` + levelProcedure.sql() + ` ELSE ` + levelFunction.sql() + ` END`

// sql returns the level as a constant.
func (l level) sql() string { return itoa(int(l)) }

func (s *state) readGrants(ctx context.Context, q querier, name, query string) error {
	return collect(ctx, q, func(scan func(...any) error) error {
		var t target
		var word string
		if err := scan(&t.level, &t.space, &t.object, &t.column, &t.owner, &t.kind, &word); err != nil {
			return err
		}
		s.have.add(t, word)
		return nil
	}, query, name)
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
