package provision

import (
	"context"
	"strings"
)

// Granted is a privilege that one role of PostgreSQL granted to another, and that is in the way
// of a drop: see [Report].
type Granted struct {
	Privilege string // such as "SELECT"; "MEMBER" of a role
	Object    string // such as "table app.items"
	Grantor   string
	Grantee   string
	Revoke    string // the statement that takes it back, for Grantor to run
}

func (p *Plan) dropPostgreSQL(d DropOptions) {
	p.drops, p.heir = true, d.ReassignTo
	adopt := pgBool("adopt", d.Adopt || p.account.Reach == ProxyStandard)
	release := "take its rights in this database"
	if d.ReassignTo != "" {
		release = "hand what it owns in this database to " + quoted(d.ReassignTo) + ", and take its rights there"
	}
	p.add(KindDrop, release, p.block(pgRelease, adopt, pgText("heir", d.ReassignTo), pgBool("keep", d.KeepRole), pgBool("take_granted", d.RevokeGranted)))
	if !d.KeepRole {
		p.add(KindDrop, "drop role "+quoted(p.Account)+", unless it has something in another database", p.block(pgDrop, adopt))
	}
}

// readGranted reads what is in the way of a drop, in the order in which it can be revoked.
func (p *Plan) readGranted(ctx context.Context, q querier) (all []Granted, err error) {
	query := strings.NewReplacer("account", "$1::text", "heir", "$2::text").Replace(pgInTheWay)
	err = collect(ctx, q, func(scan func(...any) error) error {
		var g Granted
		err := scan(&g.Privilege, &g.Object, &g.Grantor, &g.Grantee, &g.Revoke)
		all = append(all, g)
		return err
	}, `SELECT * FROM (`+query+`) w ORDER BY w.grantor <> $1::text, w.object, w.privilege, w.grantor, w.grantee`, p.Account, p.heir)
	return all, err
}

// pgGrantor is the role whose grants the runner revokes on what a role owns.
func pgGrantor(owner string) string {
	return `CASE WHEN pg_has_role(` + owner + `, 'USAGE') THEN ` + owner + ` ELSE (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user) END`
}

// pgInTheWay finds what DROP OWNED takes along, which is what the account granted to others, and
// what it leaves, which is what others than the owner granted to the account.
var pgInTheWay = `SELECT x.privilege_type AS privilege, lower(k.kind) || ' ' || i.identity || coalesce(k.columns, '') AS object,
      pg_get_userbyid(x.grantor)::text AS grantor, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END AS grantee,
      format('REVOKE %s%s ON %s %s FROM %s', x.privilege_type, k.columns, k.kind, i.identity, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END) AS statement
    FROM (` + pgThings + `
	UNION ALL SELECT 0, '', '', '', '', '', 0, y.typowner, y.typacl, false, 'pg_type'::regclass, y.oid FROM pg_type y WHERE y.typacl IS NOT NULL
	UNION ALL SELECT 0, '', '', '', '', '', 0, l.lanowner, l.lanacl, false, 'pg_language'::regclass, l.oid FROM pg_language l
	UNION ALL SELECT 0, '', '', '', '', '', 0, w.fdwowner, w.fdwacl, false, 'pg_foreign_data_wrapper'::regclass, w.oid FROM pg_foreign_data_wrapper w
	UNION ALL SELECT 0, '', '', '', '', '', 0, s.srvowner, s.srvacl, false, 'pg_foreign_server'::regclass, s.oid FROM pg_foreign_server s
	UNION ALL SELECT 0, '', '', '', '', '', 0, b.lomowner, b.lomacl, false, 'pg_largeobject'::regclass, b.oid FROM pg_largeobject_metadata b
    ) t CROSS JOIN LATERAL aclexplode(t.acl) x JOIN pg_roles r ON r.rolname = account
    CROSS JOIN LATERAL pg_identify_object(t.class, t.id, 0) i
    CROSS JOIN LATERAL (SELECT ' (' || nullif(quote_ident(t.col), '""') || ')', CASE
      WHEN t.level IN (` + levelTable.sql() + `, ` + levelColumn.sql() + `) THEN 'TABLE'
      WHEN t.level = ` + levelFunction.sql() + ` THEN 'FUNCTION'
      WHEN t.class = 'pg_foreign_server'::regclass THEN 'FOREIGN SERVER'
      ELSE replace(upper(i.type), '-', ' ') END) k(columns, kind)
    WHERE t.owner <> r.oid AND (x.grantor = r.oid AND x.grantee <> r.oid
      OR x.grantee = r.oid AND t.level <> ` + levelDefault.sql() + ` AND (t.level <> ` + levelDatabase.sql() + ` OR t.space = current_database())
        AND (pg_get_userbyid(t.owner) <> heir OR x.grantor <> t.owner) AND x.grantor <> ` + pgGrantor("t.owner") + `)
    UNION ALL SELECT 'MEMBER', 'role ' || m.roleid::regrole, account, pg_get_userbyid(m.member)::text, format('REVOKE %s FROM %s', m.roleid::regrole, m.member::regrole)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.grantor WHERE r.rolname = account AND current_setting('server_version_num')::int >= 160000`

// pgDepends is what depends on a role, here and elsewhere. It is of database b, if of any.
const pgDepends = `pg_shdepend d LEFT JOIN pg_database b ON b.oid = CASE d.classid WHEN 'pg_database'::regclass THEN d.objid ELSE d.dbid END
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid`

// pgRelease needs to be a member of the account, and of who gets what it owns, for a
// moment. Nobody else sees it, because it is undone before the transaction ends. A membership
// that the runner has already, but does not inherit from, is not touched: it could not be put
// back as it was. Those of grantor 10, the server itself, are kept apart since PostgreSQL 16.
//
// DROP OWNED also takes grants on other databases. A role that is kept gets them back.
var pgRelease = `
  role pg_catalog.pg_roles%ROWTYPE;
  how pg_catalog.text := '';
  needed pg_catalog.text;
  borrowed pg_catalog.text[] := '{}';
  elsewhere pg_catalog.text[];
  obstacles pg_catalog.text;
  granted pg_catalog.text;
  third pg_catalog.bool;
  statement pg_catalog.text;
BEGIN
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
` + pgRefuseUnmanaged + pgRefuseElsewhere + pgRefuseGranted + pgRefuseHeir + `    IF current_setting('server_version_num')::int >= 160000 THEN
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
        ` + pgMayGrant("needed") + `        EXECUTE format('GRANT %I TO %I', needed, current_user) || how;
        borrowed := borrowed || needed;
      END IF;
    END LOOP;
    elsewhere := ARRAY(
      SELECT format('GRANT %s ON DATABASE %I TO %I', x.privilege_type, b.datname, account) || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
      FROM pg_database b CROSS JOIN LATERAL aclexplode(b.datacl) x
      WHERE keep AND b.datname <> current_database() AND b.datdba <> role.oid AND x.grantee = role.oid AND x.grantor = ` + pgGrantor("b.datdba") + `
    );
    IF heir <> '' THEN
      statement := format('REASSIGN OWNED BY %I TO %I', account, heir);
      ` + pgRun + `    END IF;
    statement := format('DROP OWNED BY %I', account);
    ` + pgRun + `    FOREACH statement IN ARRAY elsewhere LOOP
      EXECUTE statement;
    END LOOP;
    FOREACH needed IN ARRAY borrowed LOOP
      EXECUTE format('REVOKE %I FROM %I', needed, current_user);
    END LOOP;
  END IF;
`

// pgRefuseElsewhere refuses to take what is not of this database: a role is released from each,
// and dropped in the last.
const pgRefuseElsewhere = `    IF heir = '' AND EXISTS (SELECT FROM ` + pgDepends + ` AND d.deptype = 'o' AND coalesce(b.datname, current_database()) = current_database()) THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateOwner + `',
        MESSAGE = format('role "%s" owns something', account),
        HINT = '` + toReassign + `';
    END IF;
    SELECT string_agg(DISTINCT coalesce('database ' || quote_ident(b.datname), pg_describe_object(d.classid, d.objid, 0)), ', ') INTO obstacles
    FROM ` + pgDepends + ` AND b.datname IS DISTINCT FROM current_database() AND d.classid <> 'pg_auth_members'::regclass
      AND CASE WHEN keep THEN b.oid IS NULL AND d.deptype <> 'o' ELSE b.oid IS NOT NULL END;
    IF obstacles IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateInUse + `',
        MESSAGE = format('role "%s" has or owns something elsewhere: %s', account, obstacles),
        HINT = '` + toClear + `';
    END IF;
`

var pgRefuseGranted = `    SELECT string_agg(format('as %I: %s', w.grantor, w.statement), '; ' ORDER BY w.grantor <> account, w.grantor, w.statement),
      string_agg(format('%s on %s to %s', w.privilege, w.object, w.grantee), ', ' ORDER BY w.object, w.privilege, w.grantee) FILTER (WHERE w.grantor = account), bool_or(w.grantor <> account)
    INTO obstacles, granted, third FROM (` + pgInTheWay + `) w;
    IF third THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateGrantedByThird + `',
        MESSAGE = format('rights of role "%s" can be revoked by the roles that granted them alone, in this order: %s', account, obstacles),
        HINT = '` + toRevokeAs + `';
    ELSIF granted IS NOT NULL AND NOT take_granted THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateGranted + `',
        MESSAGE = format('others would lose what role "%s" has granted: %s', account, granted),
        HINT = '` + toTakeBack + `';
    END IF;
`

// pgRefuseHeir refuses what the server would say less about. It takes tables and types to whoever
// gets them, schemas from who may create them, and all else to who may.
const pgRefuseHeir = `    IF heir <> '' AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
      SELECT string_agg(DISTINCT CASE WHEN n.oid IS NULL THEN format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
        ELSE format('GRANT CREATE ON SCHEMA %I TO %I', n.nspname, heir) END, '; ') INTO obstacles
      FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i LEFT JOIN pg_namespace n ON quote_ident(n.nspname) = i.schema
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o' AND d.dbid = ` + pgHere + `
        AND CASE WHEN d.classid IN ('pg_class'::regclass, 'pg_type'::regclass) THEN false
          WHEN n.oid IS NULL THEN i.type = 'schema' AND NOT has_database_privilege(current_database(), 'CREATE')
          ELSE NOT has_schema_privilege(heir, n.oid, 'CREATE') END;
      IF obstacles IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '` + stateNoCreate + `',
          MESSAGE = format('what role "%s" owns can be handed to role "%s" after: %s', account, heir, obstacles),
          HINT = '` + toGrantCreate + `';
      END IF;
    END IF;
`

var pgDrop = `
  role pg_catalog.pg_roles%ROWTYPE;
  obstacles pg_catalog.text;
BEGIN
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
` + pgRefuseUnmanaged + `    ` + pgMayGrant("account") + `    SELECT string_agg(DISTINCT CASE WHEN d.dbid IN (0, ` + pgHere + `) THEN pg_describe_object(d.classid, d.objid, d.objsubid) ELSE 'database ' || quote_ident(b.datname) END, ', ') INTO obstacles
    FROM ` + pgDepends + `;
    IF obstacles IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = '` + stateInUse + `',
        MESSAGE = format('role "%s" still has or owns something: %s', account, obstacles),
        HINT = '` + toClear + `';
    END IF;
    EXECUTE format('DROP ROLE %I', account);
  END IF;
`
