package provision

import "strings"

// SQLSTATEs that our blocks raise. Class RD is nobody's.
const (
	stateUnmanaged      = "RDS01"
	stateNoAccount      = "RDS02"
	stateLockout        = "RDS03"
	stateIAM            = "RDS04"
	stateInUse          = "RDS05"
	stateWrongDatabase  = "RDS06"
	stateSuperuser      = "RDS07"
	stateOwnRunner      = "RDS08"
	stateNoProxyAccount = "RDS09"
	stateOwner          = "RDS0A"
	stateNotInherited   = "RDS0B"
	stateKerberos       = "RDS0C"
	stateProxyMember    = "RDS0D"
	stateNoAdmin        = "RDS0E"
	stateNoInherit      = "RDS0F"
	stateNoCreate       = "RDS0G"
	stateGranted        = "RDS0H"
	stateGrantedByThird = "RDS0I"
)

// block returns a DO statement around a body. Parameters become constants of it. The
// settings are those that the body relies on, whatever the session has, and the
// session keeps its own: the search path of a runner must not decide what = means.
//
// The lock orders runners in one database; it is held until the end of the transaction.
// Advisory locks do not reach into other databases, so that runners there have to try again.
func (p *Plan) block(body string, parameters ...string) string {
	const before = `
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := `
	begin := `
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '` + lockLimit.String() + `' THEN
    PERFORM set_config('lock_timeout', '` + lockLimit.String() + `', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
`
	const end = `  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
`
	declarations, body, _ := strings.Cut(strings.TrimPrefix(body, "\n"), "BEGIN\n")
	text := before + pgString(p.Account) + ";\n" + strings.Join(parameters, "") + declarations + strings.TrimPrefix(begin, "\n") + body + end
	return "DO LANGUAGE plpgsql " + pgDollar(text)
}

// pgRun executes a statement with the search path of the session, for the event triggers that it
// sets off. The names in it are complete.
const pgRun = `PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
`

func pgText(name, value string) string {
	return "  " + name + " CONSTANT pg_catalog.text := " + pgString(value) + ";\n"
}

func pgBool(name string, value bool) string {
	text := "false"
	if value {
		text = "true"
	}
	return "  " + name + " CONSTANT pg_catalog.bool := " + text + ";\n"
}

// What the bodies have in common.
const (
	pgNeedDatabase = `  IF want_database NOT IN ('', current_database()) THEN
    RAISE EXCEPTION USING ERRCODE = '` + stateWrongDatabase + `',
      MESSAGE = format('the grants are for database "%s", this is "%s"', want_database, current_database()),
      HINT = '` + toOtherDatabase + `';
  END IF;
`
	// pgAsked is true where a login follows a membership m to rds_iam. The
	// +rds_iam of pg_hba.conf follows all, but on RDS the master user may administer rds_iam
	// itself, and still logs in with a password.
	pgAsked = `(` + pgGives + ` OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))`
	// pgIsDirect is true where the role is a member of rds_iam itself.
	pgIsDirect = `EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND ` + pgGives + `)`
	// pgRefuseUnmanaged also refuses the master user, whose password would be dead, unless it is.
	pgRefuseUnmanaged = `    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateSuperuser + `',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = '` + toOtherName + `';
    ELSIF NOT ` + pgIsDirect + ` THEN
      IF EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser' AND pg_has_role(role.oid, s.oid, 'MEMBER')) THEN
        RAISE EXCEPTION USING ERRCODE = '` + stateSuperuser + `',
          MESSAGE = format('role "%s" is a member of rds_superuser, as the master user is', account),
          HINT = '` + toOtherName + `';
      ELSIF NOT adopt THEN
        RAISE EXCEPTION USING ERRCODE = '` + stateUnmanaged + `',
          MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
          HINT = '` + toAdopt + `';
      END IF;
    END IF;
`
)

// pgMayGrant refuses a runner of PostgreSQL 16 and newer that may not grant a role, which is what
// else it would need.
func pgMayGrant(role string) string {
	return `IF current_setting('server_version_num')::int >= 160000 AND NOT pg_has_role(` + role + `, 'MEMBER WITH ADMIN OPTION') THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateNoAdmin + `',
        MESSAGE = format('who may has to run: GRANT %I TO %I WITH ADMIN OPTION', ` + role + `, current_user),
        HINT = '` + toGrantAdmin + `';
    END IF;
`
}

// pgCreate creates the role, or refuses one that is somebody else's, or the runner's own.
const pgCreate = `
  role pg_catalog.pg_roles%ROWTYPE;
  self_grant pg_catalog.text;
BEGIN
` + pgNeedDatabase + `  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_iam') THEN
    RAISE EXCEPTION 'this server has no role rds_iam' USING ERRCODE = '` + stateIAM + `';
  END IF;
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
` + pgRefuseUnmanaged + `    IF account IN (session_user, current_user) AND NOT ` + pgIsDirect + ` THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateOwnRunner + `',
        MESSAGE = format('role "%s" runs this itself, and RDS would no longer take its password', account),
        HINT = '` + toOtherRunner + `';
    END IF;
    IF NOT role.rolcanlogin THEN
      EXECUTE format('ALTER ROLE %I LOGIN', account);
    END IF;
  ELSE
    -- With this setting of PostgreSQL 16 and newer the runner would become a member.
    self_grant := current_setting('createrole_self_grant', true);
    IF self_grant <> '' THEN
      PERFORM set_config('createrole_self_grant', '', true);
    END IF;
    EXECUTE format('CREATE ROLE %I LOGIN', account);
    IF self_grant <> '' THEN
      PERFORM set_config('createrole_self_grant', self_grant, true);
    END IF;
  END IF;
`

// pgRequire is for accounts with a password that only others can create.
const pgRequire = `
  role pg_catalog.pg_roles%ROWTYPE;
BEGIN
` + pgNeedDatabase + `  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '` + stateNoProxyAccount + `',
      MESSAGE = format('role "%s" does not exist', account),
      HINT = '` + toCreateForProxy + `';
  END IF;
  IF role.rolsuper OR NOT role.rolcanlogin THEN
    RAISE EXCEPTION USING ERRCODE = '` + stateSuperuser + `',
      MESSAGE = format('role "%s" is a superuser or cannot log in', account),
      HINT = '` + toOtherName + `';
  END IF;
`

const pgExisting = `
  role pg_catalog.pg_roles%ROWTYPE;
BEGIN
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
` + pgRefuseUnmanaged + `  ELSE
    RAISE EXCEPTION USING ERRCODE = '` + stateNoAccount + `', MESSAGE = format('role "%s" does not exist', account),
      HINT = '` + toCreate + `';
  END IF;
`

// pgEach grants or revokes on all objects of a query at once.
func (p *Plan) pgEach(kind StatementKind, words string, t target) string {
	name, from := pgListed(t)
	nothing := `NULL; -- there is nothing in the schema`
	if t.level == levelFunction || t.level == levelProcedure {
		nothing = `RAISE EXCEPTION USING ERRCODE = '42883', MESSAGE = ` + pgString(t.String()+" does not exist") + `;`
	}
	what := map[level]string{levelAllTables: "TABLE", levelAllSequences: "SEQUENCE"}[t.level]
	if what == "" {
		what = "ROUTINE"
	}
	verb, direction := "GRANT ", " TO "
	if kind == KindRevoke {
		verb, direction = "REVOKE ", " FROM "
	}
	return p.block(`
  names pg_catalog.text;
  statement pg_catalog.text;
BEGIN
  SELECT string_agg(` + name + `, ', ' ORDER BY oid) INTO names
  FROM ` + from + `;
  IF names IS NULL THEN
    ` + nothing + `
  ELSE
    statement := '` + verb + words + ` ON ` + what + ` ' || names || '` + direction + `' || quote_ident(account);
    ` + pgRun + `  END IF;
`)
}

// pgReach grants USAGE on a schema where the account has it neither itself nor by what everybody
// or a group has.
const pgReach = `
  statement pg_catalog.text;
BEGIN
  IF NOT has_schema_privilege(account, schema_name, 'USAGE') THEN
    statement := format('GRANT USAGE ON SCHEMA %I TO %I', schema_name, account);
    ` + pgRun + `  END IF;
`

// pgLeave revokes USAGE on a schema where the account has nothing else.
const pgLeave = `
  statement pg_catalog.text;
BEGIN
  IF EXISTS (
    SELECT FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x
    WHERE n.nspname = schema_name AND x.privilege_type = 'USAGE' AND pg_get_userbyid(x.grantee) = account
  ) AND NOT EXISTS (
    SELECT FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid AND r.rolname = account
    CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
    LEFT JOIN pg_default_acl f ON d.classid = 'pg_default_acl'::regclass AND f.oid = d.objid
    LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace
    WHERE d.refclassid = 'pg_authid'::regclass AND d.dbid = ` + pgHere + ` AND (quote_ident(schema_name) = i.schema OR schema_name = n.nspname)
  ) THEN
    statement := format('REVOKE USAGE ON SCHEMA %I FROM %I', schema_name, account);
    ` + pgRun + `  END IF;
`

// pgMember grants a membership only where it is missing: since PostgreSQL 16 each
// grantor's grant counts for itself.
var pgMember = `
  member pg_catalog.bool;
BEGIN
  member := EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
    WHERE g.rolname = group_name AND r.rolname = account AND (revoke OR ` + pgHas + `));
  IF revoke AND member THEN
    EXECUTE format('REVOKE %I FROM %I', group_name, account);
  ELSIF NOT revoke AND NOT member THEN
    ` + pgMayGrant("group_name") + `    IF current_setting('server_version_num')::int >= 160000 THEN
      EXECUTE format('GRANT %I TO %I WITH INHERIT TRUE', group_name, account);
    ELSIF (SELECT r.rolinherit FROM pg_roles r WHERE r.rolname = account) THEN
      EXECUTE format('GRANT %I TO %I', group_name, account);
    ELSE
      RAISE EXCEPTION USING ERRCODE = '` + stateNoInherit + `',
        MESSAGE = format('the account would have the rights of role "%s" only after SET ROLE, until somebody runs: ALTER ROLE %I INHERIT', group_name, account),
        HINT = '` + toInherit + `';
    END IF;
  END IF;
`
