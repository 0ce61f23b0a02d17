-- +goose Up

-- create role "o'brien "x" \ $rdsiam$", or check that it is one for IAM
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  want_database CONSTANT pg_catalog.text := E'sre';
  adopt CONSTANT pg_catalog.bool := false;
  role pg_catalog.pg_roles%ROWTYPE;
  self_grant pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  IF want_database NOT IN ('', current_database()) THEN
    RAISE EXCEPTION USING ERRCODE = 'RDS06',
      MESSAGE = format('the grants are for database "%s", this is "%s"', want_database, current_database()),
      HINT = 'connect to the database of the grants';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_iam') THEN
    RAISE EXCEPTION 'this server has no role rds_iam' USING ERRCODE = 'RDS04';
  END IF;
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS07',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = 'choose another name';
    ELSIF NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      IF EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser' AND pg_has_role(role.oid, s.oid, 'MEMBER')) THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS07',
          MESSAGE = format('role "%s" is a member of rds_superuser, as the master user is', account),
          HINT = 'choose another name';
      ELSIF NOT adopt THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS01',
          MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
          HINT = 'choose another name, or take it over with provision.Adopt';
      END IF;
    END IF;
    IF account IN (session_user, current_user) AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS08',
        MESSAGE = format('role "%s" runs this itself, and RDS would no longer take its password', account),
        HINT = 'choose another runner';
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
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- limit its connections to 7
-- +goose StatementBegin
ALTER ROLE "o'brien ""x"" \ $rdsiam$" CONNECTION LIMIT 7;
-- +goose StatementEnd

-- comment on it
-- +goose StatementBegin
COMMENT ON ROLE "o'brien ""x"" \ $rdsiam$" IS E'it''s "for" \\ tests';
-- +goose StatementEnd

-- grant CONNECT, CREATE, TEMPORARY on database sre
-- +goose StatementBegin
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "sre" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant CREATE, USAGE on schema public
-- +goose StatementBegin
GRANT CREATE, USAGE ON SCHEMA "public" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant SELECT on all tables in schema app
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  names pg_catalog.text;
  statement pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT string_agg(format('%s.%I', c.relnamespace::regnamespace, c.relname), ', ' ORDER BY oid) INTO names
  FROM pg_class c WHERE c.relnamespace = format('%I', E'app')::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
  IF names IS NULL THEN
    NULL; -- there is nothing in the schema
  ELSE
    statement := 'GRANT SELECT ON TABLE ' || names || ' TO ' || quote_ident(account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant DELETE, INSERT, REFERENCES, TRIGGER, TRUNCATE, UPDATE on table app.items
-- +goose StatementBegin
GRANT DELETE, INSERT, REFERENCES, TRIGGER, TRUNCATE, UPDATE ON TABLE "app"."items" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant SELECT ("a", "b"), UPDATE ("a", "b") on columns of table public.t
-- +goose StatementBegin
GRANT SELECT ("a", "b"), UPDATE ("a", "b") ON TABLE "public"."t" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant SELECT on all sequences in schema app
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  names pg_catalog.text;
  statement pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT string_agg(format('%s.%I', c.relnamespace::regnamespace, c.relname), ', ' ORDER BY oid) INTO names
  FROM pg_class c WHERE c.relnamespace = format('%I', E'app')::regnamespace AND c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
  IF names IS NULL THEN
    NULL; -- there is nothing in the schema
  ELSE
    statement := 'GRANT SELECT ON SEQUENCE ' || names || ' TO ' || quote_ident(account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant UPDATE, USAGE on sequence app.items_id_seq
-- +goose StatementBegin
GRANT UPDATE, USAGE ON SEQUENCE "app"."items_id_seq" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant EXECUTE on all routines in schema public
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  names pg_catalog.text;
  statement pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT string_agg(format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, (
    SELECT string_agg(format('IN %s.%I', y.typnamespace::regnamespace, y.typname), ', ' ORDER BY a.n)
    FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) JOIN pg_type y ON y.oid = a.type)), ', ' ORDER BY oid) INTO names
  FROM pg_proc p WHERE p.pronamespace = format('%I', E'public')::regnamespace AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');
  IF names IS NULL THEN
    NULL; -- there is nothing in the schema
  ELSE
    statement := 'GRANT EXECUTE ON ROUTINE ' || names || ' TO ' || quote_ident(account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant EXECUTE on function app.f
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  names pg_catalog.text;
  statement pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT string_agg(format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, (
    SELECT string_agg(format('IN %s.%I', y.typnamespace::regnamespace, y.typname), ', ' ORDER BY a.n)
    FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) JOIN pg_type y ON y.oid = a.type)), ', ' ORDER BY oid) INTO names
  FROM pg_proc p WHERE p.pronamespace = format('%I', E'app')::regnamespace AND p.prokind <> 'p' AND p.proname = E'f';
  IF names IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '42883', MESSAGE = E'function app.f does not exist';
  ELSE
    statement := 'GRANT EXECUTE ON ROUTINE ' || names || ' TO ' || quote_ident(account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant EXECUTE on procedure app.p
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  names pg_catalog.text;
  statement pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT string_agg(format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, (
    SELECT string_agg(format('IN %s.%I', y.typnamespace::regnamespace, y.typname), ', ' ORDER BY a.n)
    FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) JOIN pg_type y ON y.oid = a.type)), ', ' ORDER BY oid) INTO names
  FROM pg_proc p WHERE p.pronamespace = format('%I', E'app')::regnamespace AND p.prokind = 'p' AND p.proname = E'p';
  IF names IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '42883', MESSAGE = E'procedure app.p does not exist';
  ELSE
    statement := 'GRANT EXECUTE ON ROUTINE ' || names || ' TO ' || quote_ident(account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant SELECT on tables that owner of sre will create in schema app
-- +goose StatementBegin
ALTER DEFAULT PRIVILEGES FOR ROLE "owner of sre" IN SCHEMA "app" GRANT SELECT ON TABLES TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant SELECT on sequences that owner of sre will create in schema app
-- +goose StatementBegin
ALTER DEFAULT PRIVILEGES FOR ROLE "owner of sre" IN SCHEMA "app" GRANT SELECT ON SEQUENCES TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant EXECUTE on routines that owner of sre will create in schema app
-- +goose StatementBegin
ALTER DEFAULT PRIVILEGES FOR ROLE "owner of sre" IN SCHEMA "app" GRANT EXECUTE ON ROUTINES TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant membership on role owner of sre
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  group_name CONSTANT pg_catalog.text := E'owner of sre';
  revoke CONSTANT pg_catalog.bool := false;
  member pg_catalog.bool;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  member := EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
    WHERE g.rolname = group_name AND r.rolname = account AND (revoke OR coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member))));
  IF revoke AND member THEN
    EXECUTE format('REVOKE %I FROM %I', group_name, account);
  ELSIF NOT revoke AND NOT member THEN
    IF current_setting('server_version_num')::int >= 160000 AND NOT pg_has_role(group_name, 'MEMBER WITH ADMIN OPTION') THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0E',
        MESSAGE = format('who may has to run: GRANT %I TO %I WITH ADMIN OPTION', group_name, current_user),
        HINT = 'run this statement as a role with ADMIN OPTION, or choose another runner';
    END IF;
    IF current_setting('server_version_num')::int >= 160000 THEN
      EXECUTE format('GRANT %I TO %I WITH INHERIT TRUE', group_name, account);
    ELSIF (SELECT r.rolinherit FROM pg_roles r WHERE r.rolname = account) THEN
      EXECUTE format('GRANT %I TO %I', group_name, account);
    ELSE
      RAISE EXCEPTION USING ERRCODE = 'RDS0F',
        MESSAGE = format('the account would have the rights of role "%s" only after SET ROLE, until somebody runs: ALTER ROLE %I INHERIT', group_name, account),
        HINT = 'run this statement, or leave Account.MemberOf empty';
    END IF;
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant USAGE on schema app for what is in it, unless the account has it
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  schema_name CONSTANT pg_catalog.text := E'app';
  statement pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  IF NOT has_schema_privilege(account, schema_name, 'USAGE') THEN
    statement := format('GRANT USAGE ON SCHEMA %I TO %I', schema_name, account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- make it a member of rds_iam, unless that would lock out a role that is a member of it
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  role pg_catalog.pg_roles%ROWTYPE;
  lockouts pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT * INTO STRICT role FROM pg_roles r WHERE r.rolname = account;
  IF NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
    IF current_setting('server_version_num')::int >= 160000 AND NOT pg_has_role('rds_iam', 'MEMBER WITH ADMIN OPTION') THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0E',
        MESSAGE = format('who may has to run: GRANT %I TO %I WITH ADMIN OPTION', 'rds_iam', current_user),
        HINT = 'run this statement as a role with ADMIN OPTION, or choose another runner';
    END IF;
    EXECUTE format('GRANT rds_iam TO %I', account);
  END IF;
  lockouts := (
    WITH RECURSIVE edges AS (
      SELECT DISTINCT m.member, m.roleid FROM pg_auth_members m WHERE ((coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true)) OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))
    ), reached(id, depth) AS (
      SELECT r.oid, 0 FROM pg_roles r WHERE r.rolname = account
      UNION
      SELECT e.member, c.depth + 1 FROM reached c JOIN edges e ON e.roleid = c.id
    ), members(id, name, canlogin, depth) AS (
      SELECT c.id, r.rolname::text, r.rolcanlogin, min(c.depth) FROM reached c JOIN pg_roles r ON r.oid = c.id GROUP BY 1, 2, 3
    ), others(id) AS (
      SELECT e.member FROM edges e JOIN pg_roles g ON g.oid = e.roleid JOIN pg_roles r ON r.oid = e.member
      WHERE g.rolname = 'rds_iam' AND r.rolname <> account
      UNION
      SELECT e.member FROM others o JOIN edges e ON e.roleid = o.id JOIN pg_roles r ON r.oid = e.member WHERE r.rolname <> account
    ), chains(id, depth, chain) AS (
      SELECT c.id, c.depth, c.name FROM members c WHERE c.depth > 0 AND c.canlogin AND c.id NOT IN (SELECT o.id FROM others o)
      UNION ALL
      SELECT g.id, g.depth, c.chain || ' -> ' || g.name FROM chains c CROSS JOIN LATERAL (
        SELECT s.id, s.depth, s.name FROM edges e JOIN members s ON s.id = e.roleid
        WHERE e.member = c.id AND s.depth = c.depth - 1 ORDER BY s.name LIMIT 1
      ) g
    )
    SELECT string_agg(c.chain || ' -> rds_iam', ', ' ORDER BY c.chain) FROM chains c WHERE c.depth = 0
  );
  IF 'rds_ad' IN (
    WITH RECURSIVE edges AS (
      SELECT DISTINCT m.member, m.roleid FROM pg_auth_members m WHERE ((coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true)) OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))
    ), groups(id) AS (
      SELECT r.oid FROM pg_roles r WHERE r.rolname = account
      UNION
      SELECT e.roleid FROM groups g JOIN edges e ON e.member = g.id
    )
    SELECT r.rolname::text FROM groups g JOIN pg_roles r ON r.oid = g.id WHERE r.rolname IN ('rds_iam', 'rds_ad')
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'RDS0C',
      MESSAGE = format('role "%s" is a member of rds_ad, directly or not, and RDS lets a role log in by either Kerberos or IAM', account),
      HINT = 'revoke the membership';
  END IF;
  IF lockouts IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'RDS03',
      MESSAGE = format('RDS takes no passwords of members of rds_iam, and these memberships reach it through the account: %s', lockouts),
      HINT = 'revoke the first step';
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- +goose Down

-- hand what it owns in this database to "sre_owner", and take its rights there
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  adopt CONSTANT pg_catalog.bool := false;
  heir CONSTANT pg_catalog.text := E'sre_owner';
  keep CONSTANT pg_catalog.bool := false;
  take_granted CONSTANT pg_catalog.bool := false;
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
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS07',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = 'choose another name';
    ELSIF NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      IF EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser' AND pg_has_role(role.oid, s.oid, 'MEMBER')) THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS07',
          MESSAGE = format('role "%s" is a member of rds_superuser, as the master user is', account),
          HINT = 'choose another name';
      ELSIF NOT adopt THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS01',
          MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
          HINT = 'choose another name, or take it over with provision.Adopt';
      END IF;
    END IF;
    IF heir = '' AND EXISTS (SELECT FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = CASE d.classid WHEN 'pg_database'::regclass THEN d.objid ELSE d.dbid END
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o' AND coalesce(b.datname, current_database()) = current_database()) THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0A',
        MESSAGE = format('role "%s" owns something', account),
        HINT = 'name in DropOptions.ReassignTo who gets it';
    END IF;
    SELECT string_agg(DISTINCT coalesce('database ' || quote_ident(b.datname), pg_describe_object(d.classid, d.objid, 0)), ', ') INTO obstacles
    FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = CASE d.classid WHEN 'pg_database'::regclass THEN d.objid ELSE d.dbid END
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND b.datname IS DISTINCT FROM current_database() AND d.classid <> 'pg_auth_members'::regclass
      AND CASE WHEN keep THEN b.oid IS NULL AND d.deptype <> 'o' ELSE b.oid IS NOT NULL END;
    IF obstacles IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS05',
        MESSAGE = format('role "%s" has or owns something elsewhere: %s', account, obstacles),
        HINT = 'in each of these databases, run a plan with DropOptions.KeepRole first; revoke the rest';
    END IF;
    SELECT string_agg(format('as %I: %s', w.grantor, w.statement), '; ' ORDER BY w.grantor <> account, w.grantor, w.statement),
      string_agg(format('%s on %s to %s', w.privilege, w.object, w.grantee), ', ' ORDER BY w.object, w.privilege, w.grantee) FILTER (WHERE w.grantor = account), bool_or(w.grantor <> account)
    INTO obstacles, granted, third FROM (SELECT x.privilege_type AS privilege, lower(k.kind) || ' ' || i.identity || coalesce(k.columns, '') AS object,
      pg_get_userbyid(x.grantor)::text AS grantor, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END AS grantee,
      format('REVOKE %s%s ON %s %s FROM %s', x.privilege_type, k.columns, k.kind, i.identity, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END) AS statement
    FROM (
	SELECT 1 AS level, d.datname::text AS space, '' AS object, '' AS args, '' AS col, '' AS creator, 0 AS kind,
		d.datdba AS owner, d.datacl AS acl, false AS of_extension, 'pg_database'::regclass AS class, d.oid AS id
	FROM pg_database d
	UNION ALL SELECT 2, n.nspname::text, '', '', '', '', 0, n.nspowner, n.nspacl, EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e'), 'pg_namespace'::regclass, n.oid
	FROM pg_namespace n WHERE left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'
	UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 7 ELSE 4 END, n.nspname::text, c.relname::text, '', '', '', 0,
		c.relowner, c.relacl, EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'), 'pg_class'::regclass, c.oid
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (c.relkind IN ('r', 'v', 'm', 'f', 'p') OR c.relkind = 'S') AND left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'
	UNION ALL SELECT 5, n.nspname::text, c.relname::text, '', t.attname::text, '', 0,
		c.relowner, t.attacl, EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'), 'pg_class'::regclass, c.oid
	FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE t.attacl IS NOT NULL AND NOT t.attisdropped AND left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'
	UNION ALL SELECT CASE p.prokind WHEN 'p' THEN 10 ELSE 9 END, n.nspname::text, p.proname::text, (SELECT coalesce(jsonb_agg(format_type(a.type, NULL) ORDER BY a.n), '[]')::text FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n)), '', '', 0,
		p.proowner, p.proacl, EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'), 'pg_proc'::regclass, p.oid
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'
	UNION ALL SELECT 11, coalesce(n.nspname::text, ''), '', '', '', o.rolname::text, CASE f.defaclobjtype WHEN 'r' THEN 1 WHEN 'S' THEN 2 ELSE 3 END,
		o.oid, f.defaclacl, false, 'pg_default_acl'::regclass, f.oid
	FROM pg_default_acl f LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace JOIN pg_roles o ON o.oid = f.defaclrole WHERE f.defaclobjtype IN ('r', 'S', 'f')
	UNION ALL SELECT 0, '', '', '', '', '', 0, y.typowner, y.typacl, false, 'pg_type'::regclass, y.oid FROM pg_type y WHERE y.typacl IS NOT NULL
	UNION ALL SELECT 0, '', '', '', '', '', 0, l.lanowner, l.lanacl, false, 'pg_language'::regclass, l.oid FROM pg_language l
	UNION ALL SELECT 0, '', '', '', '', '', 0, w.fdwowner, w.fdwacl, false, 'pg_foreign_data_wrapper'::regclass, w.oid FROM pg_foreign_data_wrapper w
	UNION ALL SELECT 0, '', '', '', '', '', 0, s.srvowner, s.srvacl, false, 'pg_foreign_server'::regclass, s.oid FROM pg_foreign_server s
	UNION ALL SELECT 0, '', '', '', '', '', 0, b.lomowner, b.lomacl, false, 'pg_largeobject'::regclass, b.oid FROM pg_largeobject_metadata b
    ) t CROSS JOIN LATERAL aclexplode(t.acl) x JOIN pg_roles r ON r.rolname = account
    CROSS JOIN LATERAL pg_identify_object(t.class, t.id, 0) i
    CROSS JOIN LATERAL (SELECT ' (' || nullif(quote_ident(t.col), '""') || ')', CASE
      WHEN t.level IN (4, 5) THEN 'TABLE'
      WHEN t.level = 9 THEN 'FUNCTION'
      WHEN t.class = 'pg_foreign_server'::regclass THEN 'FOREIGN SERVER'
      ELSE replace(upper(i.type), '-', ' ') END) k(columns, kind)
    WHERE t.owner <> r.oid AND (x.grantor = r.oid AND x.grantee <> r.oid
      OR x.grantee = r.oid AND t.level <> 11 AND (t.level <> 1 OR t.space = current_database())
        AND (pg_get_userbyid(t.owner) <> heir OR x.grantor <> t.owner) AND x.grantor <> CASE WHEN pg_has_role(t.owner, 'USAGE') THEN t.owner ELSE (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user) END)
    UNION ALL SELECT 'MEMBER', 'role ' || m.roleid::regrole, account, pg_get_userbyid(m.member)::text, format('REVOKE %s FROM %s', m.roleid::regrole, m.member::regrole)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.grantor WHERE r.rolname = account AND current_setting('server_version_num')::int >= 160000) w;
    IF third THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0I',
        MESSAGE = format('rights of role "%s" can be revoked by the roles that granted them alone, in this order: %s', account, obstacles),
        HINT = 'run these statements as the roles that granted it';
    ELSIF granted IS NOT NULL AND NOT take_granted THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0H',
        MESSAGE = format('others would lose what role "%s" has granted: %s', account, granted),
        HINT = 'have it granted by somebody else, then set DropOptions.RevokeGranted';
    END IF;
    IF heir <> '' AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
      SELECT string_agg(DISTINCT CASE WHEN n.oid IS NULL THEN format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
        ELSE format('GRANT CREATE ON SCHEMA %I TO %I', n.nspname, heir) END, '; ') INTO obstacles
      FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i LEFT JOIN pg_namespace n ON quote_ident(n.nspname) = i.schema
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o' AND d.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
        AND CASE WHEN d.classid IN ('pg_class'::regclass, 'pg_type'::regclass) THEN false
          WHEN n.oid IS NULL THEN i.type = 'schema' AND NOT has_database_privilege(current_database(), 'CREATE')
          ELSE NOT has_schema_privilege(heir, n.oid, 'CREATE') END;
      IF obstacles IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS0G',
          MESSAGE = format('what role "%s" owns can be handed to role "%s" after: %s', account, heir, obstacles),
          HINT = 'run these statements, or name another role in DropOptions.ReassignTo';
      END IF;
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
          RAISE EXCEPTION USING ERRCODE = 'RDS0B',
            MESSAGE = format('the runner is a member of role "%s" but does not inherit its rights', needed),
            HINT = 'choose another runner';
        END IF;
        IF current_setting('server_version_num')::int >= 160000 AND NOT pg_has_role(needed, 'MEMBER WITH ADMIN OPTION') THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0E',
        MESSAGE = format('who may has to run: GRANT %I TO %I WITH ADMIN OPTION', needed, current_user),
        HINT = 'run this statement as a role with ADMIN OPTION, or choose another runner';
    END IF;
        EXECUTE format('GRANT %I TO %I', needed, current_user) || how;
        borrowed := borrowed || needed;
      END IF;
    END LOOP;
    elsewhere := ARRAY(
      SELECT format('GRANT %s ON DATABASE %I TO %I', x.privilege_type, b.datname, account) || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
      FROM pg_database b CROSS JOIN LATERAL aclexplode(b.datacl) x
      WHERE keep AND b.datname <> current_database() AND b.datdba <> role.oid AND x.grantee = role.oid AND x.grantor = CASE WHEN pg_has_role(b.datdba, 'USAGE') THEN b.datdba ELSE (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user) END
    );
    IF heir <> '' THEN
      statement := format('REASSIGN OWNED BY %I TO %I', account, heir);
      PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;
    statement := format('DROP OWNED BY %I', account);
    PERFORM set_config('search_path', path, true);
    EXECUTE statement;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    FOREACH statement IN ARRAY elsewhere LOOP
      EXECUTE statement;
    END LOOP;
    FOREACH needed IN ARRAY borrowed LOOP
      EXECUTE format('REVOKE %I FROM %I', needed, current_user);
    END LOOP;
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- drop role "o'brien "x" \ $rdsiam$", unless it has something in another database
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  patience CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  adopt CONSTANT pg_catalog.bool := false;
  role pg_catalog.pg_roles%ROWTYPE;
  obstacles pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  IF patience::interval NOT BETWEEN '1ms' AND '30s' THEN
    PERFORM set_config('lock_timeout', '30s', true);
  END IF;
  PERFORM pg_advisory_xact_lock(8243108736921);
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS07',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = 'choose another name';
    ELSIF NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, (SELECT i.rolinherit FROM pg_roles i WHERE i.oid = m.member)) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      IF EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser' AND pg_has_role(role.oid, s.oid, 'MEMBER')) THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS07',
          MESSAGE = format('role "%s" is a member of rds_superuser, as the master user is', account),
          HINT = 'choose another name';
      ELSIF NOT adopt THEN
        RAISE EXCEPTION USING ERRCODE = 'RDS01',
          MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
          HINT = 'choose another name, or take it over with provision.Adopt';
      END IF;
    END IF;
    IF current_setting('server_version_num')::int >= 160000 AND NOT pg_has_role(account, 'MEMBER WITH ADMIN OPTION') THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0E',
        MESSAGE = format('who may has to run: GRANT %I TO %I WITH ADMIN OPTION', account, current_user),
        HINT = 'run this statement as a role with ADMIN OPTION, or choose another runner';
    END IF;
    SELECT string_agg(DISTINCT CASE WHEN d.dbid IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())) THEN pg_describe_object(d.classid, d.objid, d.objsubid) ELSE 'database ' || quote_ident(b.datname) END, ', ') INTO obstacles
    FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = CASE d.classid WHEN 'pg_database'::regclass THEN d.objid ELSE d.dbid END
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid;
    IF obstacles IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS05',
        MESSAGE = format('role "%s" still has or owns something: %s', account, obstacles),
        HINT = 'in each of these databases, run a plan with DropOptions.KeepRole first; revoke the rest';
    END IF;
    EXECUTE format('DROP ROLE %I', account);
  END IF;
  PERFORM set_config('lock_timeout', patience, true);
  PERFORM set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd
