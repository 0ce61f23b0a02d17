package provision

// What is asked of PostgreSQL's catalog, once for blocks, read-back and Check. Names such as m
// and t are rows of the query around.
const (
	// pgHas is true where a membership m gives the rights of the role without SET ROLE. Since
	// PostgreSQL 16 each grant says so, before it is an attribute of the member.
	pgHas = `coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member))`
	// pgMaySet is true where it lets the member take them by SET ROLE.
	pgMaySet = `coalesce((to_jsonb(m)->>'set_option')::bool, true)`
	// pgGives is true where it does either. What PostgreSQL 16 and newer give to those who
	// create a role does not: the right to administer it.
	pgGives = `(` + pgHas + ` OR ` + pgMaySet + `)`

	pgHere = `(SELECT b.oid FROM pg_database b WHERE b.datname = current_database())`

	// pgIsTable is true for what ALL TABLES means.
	pgIsTable   = `c.relkind IN ('r', 'v', 'm', 'f', 'p')`
	pgNotSystem = `left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'`
	// pgTypes are the types of the arguments of a routine p, OUT ones left out, as in argumentTypes.
	pgTypes = `(SELECT coalesce(jsonb_agg(format_type(a.type, NULL) ORDER BY a.n), '[]')::text FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n))`
)

// pgOfExtension is true where an extension owns an object. The extension's script decides who may
// use it; ordinary runners cannot grant it.
func pgOfExtension(catalog, row string) string {
	return `EXISTS (SELECT FROM pg_depend e WHERE e.classid = '` + catalog + `'::regclass AND e.objid = ` + row + `.oid AND e.deptype = 'e')`
}

// pgThings are all things that plans grant on, in this database and outside the schemas of the
// server, each with its access control list.
var pgThings = `
	SELECT ` + levelDatabase.sql() + ` AS level, d.datname::text AS space, '' AS object, '' AS args, '' AS col, '' AS creator, 0 AS kind,
		d.datdba AS owner, d.datacl AS acl, false AS of_extension, 'pg_database'::regclass AS class, d.oid AS id
	FROM pg_database d
	UNION ALL SELECT ` + levelSchema.sql() + `, n.nspname::text, '', '', '', '', 0, n.nspowner, n.nspacl, ` + pgOfExtension("pg_namespace", "n") + `, 'pg_namespace'::regclass, n.oid
	FROM pg_namespace n WHERE ` + pgNotSystem + `
	UNION ALL SELECT CASE c.relkind WHEN 'S' THEN ` + levelSequence.sql() + ` ELSE ` + levelTable.sql() + ` END, n.nspname::text, c.relname::text, '', '', '', 0,
		c.relowner, c.relacl, ` + pgOfExtension("pg_class", "c") + `, 'pg_class'::regclass, c.oid
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (` + pgIsTable + ` OR c.relkind = 'S') AND ` + pgNotSystem + `
	UNION ALL SELECT ` + levelColumn.sql() + `, n.nspname::text, c.relname::text, '', t.attname::text, '', 0,
		c.relowner, t.attacl, ` + pgOfExtension("pg_class", "c") + `, 'pg_class'::regclass, c.oid
	FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE t.attacl IS NOT NULL AND NOT t.attisdropped AND ` + pgNotSystem + `
	UNION ALL SELECT CASE p.prokind WHEN 'p' THEN ` + levelProcedure.sql() + ` ELSE ` + levelFunction.sql() + ` END, n.nspname::text, p.proname::text, ` + pgTypes + `, '', '', 0,
		p.proowner, p.proacl, ` + pgOfExtension("pg_proc", "p") + `, 'pg_proc'::regclass, p.oid
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + pgNotSystem + `
	UNION ALL SELECT ` + levelDefault.sql() + `, coalesce(n.nspname::text, ''), '', '', '', o.rolname::text, CASE f.defaclobjtype WHEN 'r' THEN 1 WHEN 'S' THEN 2 ELSE 3 END,
		o.oid, f.defaclacl, false, 'pg_default_acl'::regclass, f.oid
	FROM pg_default_acl f LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace JOIN pg_roles o ON o.oid = f.defaclrole WHERE f.defaclobjtype IN ('r', 'S', 'f')`

// pgGrants reads what was granted to an account or to everybody, not what it has as an owner, and
// not what extensions grant to everybody.
var pgGrants = `SELECT t.level, t.space, t.object, t.args, t.col, t.creator, t.kind, x.privilege_type, x.grantee = 0, x.is_grantable
	FROM (` + pgThings + `
	) t CROSS JOIN LATERAL aclexplode(t.acl) x JOIN pg_roles r ON r.rolname = $1::text
	WHERE x.grantee IN (r.oid, 0) AND t.owner <> r.oid AND NOT (x.grantee = 0 AND t.of_extension)`

// pgContents reads what there is, whether it is the account's own or an extension's, and whether
// the account gets to what is in a schema, be it by what everybody or a group has.
var pgContents = `SELECT t.level, t.space, t.object, t.args, pg_get_userbyid(t.owner) = $1::text, t.of_extension,
	CASE t.level WHEN ` + levelSchema.sql() + ` THEN coalesce(has_schema_privilege(r.oid, t.id, 'USAGE'), false) ELSE false END
	FROM (` + pgThings + `
	) t LEFT JOIN pg_roles r ON r.rolname = $1::text WHERE t.level NOT IN (` + levelColumn.sql() + `, ` + levelDefault.sql() + `)`

// pgListed returns what follows FROM in a query for what a grant covers, and the names as GRANT
// takes them: those that mean the same whatever the search path. IN keeps a procedure apart from
// one that has the same types with OUT.
func pgListed(t target) (name, from string) {
	inSchema := ` = format('%I', ` + pgString(t.space) + `)::regnamespace`
	switch t.level {
	case levelAllTables, levelAllSequences:
		is := pgIsTable
		if t.level == levelAllSequences {
			is = `c.relkind = 'S'`
		}
		return `format('%s.%I', c.relnamespace::regnamespace, c.relname)`,
			`pg_class c WHERE c.relnamespace` + inSchema + ` AND ` + is + ` AND NOT ` + pgOfExtension("pg_class", "c")
	}
	from = `pg_proc p WHERE p.pronamespace` + inSchema
	switch {
	case t.level == levelAllRoutines:
		from += ` AND NOT ` + pgOfExtension("pg_proc", "p")
	case t.level == levelProcedure:
		from += ` AND p.prokind = 'p' AND p.proname = ` + pgString(t.object)
	default:
		from += ` AND p.prokind <> 'p' AND p.proname = ` + pgString(t.object)
	}
	if t.args != "" {
		from += `
    AND ARRAY(SELECT a.type FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) ORDER BY a.n)
      = ARRAY(SELECT to_regtype(a.type)::oid FROM jsonb_array_elements_text(` + pgString(t.args) + `) WITH ORDINALITY a(type, n) ORDER BY a.n)`
	}
	return `format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, (
    SELECT string_agg(format('IN %s.%I', y.typnamespace::regnamespace, y.typname), ', ' ORDER BY a.n)
    FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) JOIN pg_type y ON y.oid = a.type))`, from
}

// sql returns the level as a constant.
func (l level) sql() string { return itoa(int(l)) }
