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
)

// block returns a DO statement around a body. Parameters become constants of it. The
// settings are those that the body relies on, whatever the session has, and the
// session keeps its own: the search path of a runner must not decide what = means.
//
// The lock orders runners in one database; it is held until the end of the transaction.
// Advisory locks do not reach into other databases, so that runners there have to try again.
func (p *Plan) block(body string, parameters ...string) string {
	const (
		before = `
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := `
		begin = `
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
`
		end = `  PERFORM pg_catalog.set_config('search_path', path, true);
END
`
	)
	declarations, body, _ := strings.Cut(strings.TrimPrefix(body, "\n"), "BEGIN\n")
	text := before + pgString(p.Account) + ";\n" + strings.Join(parameters, "") + declarations + strings.TrimPrefix(begin, "\n") + body + end
	return "DO LANGUAGE plpgsql " + pgDollar(text)
}

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
	// pgGives is true where a membership m gives the rights of the role. What
	// PostgreSQL 16 and newer give to those who create a role does not: the right to administer
	// it. NOINHERIT of a role makes no difference.
	pgGives = `(coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))`
	// pgAsked is true where a login follows a membership m to rds_iam. The
	// +rds_iam of pg_hba.conf follows all, but on RDS the master user may administer rds_iam
	// itself, and still logs in with a password.
	pgAsked = `(` + pgGives + ` OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))`
	// pgIsDirect is true where the role is a member of rds_iam itself.
	pgIsDirect = `EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND ` + pgGives + `)`
	pgRefuseUnmanaged = `    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateSuperuser + `',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = '` + toOtherName + `';
    END IF;
    IF NOT adopt AND NOT ` + pgIsDirect + ` THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateUnmanaged + `',
        MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
        HINT = '` + toAdopt + `';
    END IF;
`
)

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

// pgRoutine covers all routines of a name.
const pgRoutine = `
  found_one pg_catalog.bool := false;
  routine_id pg_catalog.oid;
BEGIN
  FOR routine_id IN
    SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = schema AND p.proname = routine AND (p.prokind = 'p') = procedures ORDER BY p.oid
  LOOP
    found_one := true;
    IF revoke THEN
      EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM %I', routine_id::regprocedure, account);
    ELSE
      EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine_id::regprocedure, account);
    END IF;
  END LOOP;
  IF NOT found_one THEN
    RAISE EXCEPTION USING ERRCODE = '42883', MESSAGE = format('routine %I.%I does not exist', schema, routine);
  END IF;
`

// pgMember grants a membership only where it is missing: since PostgreSQL 16 each
// grantor's grant counts for itself.
const pgMember = `
  member pg_catalog.bool;
BEGIN
  member := EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
    WHERE g.rolname = group_name AND r.rolname = account AND (revoke OR ` + pgGives + `));
  IF revoke AND member THEN
    EXECUTE format('REVOKE %I FROM %I', group_name, account);
  ELSIF NOT revoke AND NOT member THEN
    EXECUTE format('GRANT %I TO %I', group_name, account);
  END IF;
`

// pgRelease needs to be a member of the account, and of who gets what it owns, for a
// moment. Nobody else sees it, because it is undone before the transaction ends. A membership
// that the runner has already, but does not inherit from, is not touched: it could not be put
// back as it was. Those of grantor 10, the server itself, are kept apart since PostgreSQL 16.
const pgRelease = `
  role pg_catalog.pg_roles%ROWTYPE;
  how pg_catalog.text := '';
  needed pg_catalog.text;
  borrowed pg_catalog.text[] := '{}';
BEGIN
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
` + pgRefuseUnmanaged + `    IF heir = '' AND EXISTS (
      SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o'
        AND d.dbid IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database()))
    ) THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateOwner + `',
        MESSAGE = format('role "%s" owns something', account),
        HINT = '` + toReassign + `';
    END IF;
    IF current_setting('server_version_num')::int >= 160000 THEN
      how := ' WITH INHERIT TRUE, SET TRUE';
    END IF;
    FOREACH needed IN ARRAY ARRAY[account, heir] LOOP
      IF needed <> '' AND NOT pg_has_role(needed, 'USAGE') THEN
        IF EXISTS (
          SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
          WHERE g.rolname = needed AND r.rolname = current_user AND m.grantor <> 10
        ) THEN
          RAISE EXCEPTION USING ERRCODE = '` + stateNotInherited + `',
            MESSAGE = format('the runner is a member of role "%s" but does not inherit its rights', needed),
            HINT = '` + toOtherRunner + `';
        END IF;
        EXECUTE format('GRANT %I TO %I', needed, current_user) || how;
        borrowed := borrowed || needed;
      END IF;
    END LOOP;
    IF heir <> '' THEN
      EXECUTE format('REASSIGN OWNED BY %I TO %I', account, heir);
    END IF;
    EXECUTE format('DROP OWNED BY %I', account);
    FOREACH needed IN ARRAY borrowed LOOP
      EXECUTE format('REVOKE %I FROM %I', needed, current_user);
    END LOOP;
  END IF;
`

const pgDrop = `
  role pg_catalog.pg_roles%ROWTYPE;
  places pg_catalog.text;
BEGIN
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
` + pgRefuseUnmanaged + `    SELECT string_agg(DISTINCT format('%I', b.datname), ', ') INTO places FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid;
    IF places IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateInUse + `',
        MESSAGE = format('role "%s" has or owns something in databases: %s', account, places),
        HINT = '` + toClear + `';
    END IF;
    EXECUTE format('DROP ROLE %I', account);
  END IF;
`
