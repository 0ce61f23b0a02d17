-- +goose Up

-- create role "o'brien "x" \ $rdsiam$", or check that it is one for IAM
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  want_database CONSTANT pg_catalog.text := E'sre';
  adopt CONSTANT pg_catalog.bool := false;
  role pg_catalog.pg_roles%ROWTYPE;
  self_grant pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
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
    END IF;
    IF NOT adopt AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS01',
        MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
        HINT = 'choose another name, or take it over with provision.Adopt';
    END IF;
    IF account IN (session_user, current_user) AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
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
  PERFORM pg_catalog.set_config('search_path', path, true);
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

-- grant USAGE on schema app
-- +goose StatementBegin
GRANT USAGE ON SCHEMA "app" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant CREATE, USAGE on schema public
-- +goose StatementBegin
GRANT CREATE, USAGE ON SCHEMA "public" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant SELECT on all tables in schema app
-- +goose StatementBegin
GRANT SELECT ON ALL TABLES IN SCHEMA "app" TO "o'brien ""x"" \ $rdsiam$";
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
GRANT SELECT ON ALL SEQUENCES IN SCHEMA "app" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant UPDATE, USAGE on sequence app.items_id_seq
-- +goose StatementBegin
GRANT UPDATE, USAGE ON SEQUENCE "app"."items_id_seq" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant EXECUTE on all routines in schema public
-- +goose StatementBegin
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA "public" TO "o'brien ""x"" \ $rdsiam$";
-- +goose StatementEnd

-- grant EXECUTE on function app.f
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  schema CONSTANT pg_catalog.text := E'app';
  routine CONSTANT pg_catalog.text := E'f';
  revoke CONSTANT pg_catalog.bool := false;
  procedures CONSTANT pg_catalog.bool := false;
  found_one pg_catalog.bool := false;
  routine_id pg_catalog.oid;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
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
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- grant EXECUTE on procedure app.p
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  schema CONSTANT pg_catalog.text := E'app';
  routine CONSTANT pg_catalog.text := E'p';
  revoke CONSTANT pg_catalog.bool := false;
  procedures CONSTANT pg_catalog.bool := true;
  found_one pg_catalog.bool := false;
  routine_id pg_catalog.oid;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
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
  PERFORM pg_catalog.set_config('search_path', path, true);
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
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  group_name CONSTANT pg_catalog.text := E'owner of sre';
  revoke CONSTANT pg_catalog.bool := false;
  member pg_catalog.bool;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  member := EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
    WHERE g.rolname = group_name AND r.rolname = account AND (revoke OR (coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))));
  IF revoke AND member THEN
    EXECUTE format('REVOKE %I FROM %I', group_name, account);
  ELSIF NOT revoke AND NOT member THEN
    EXECUTE format('GRANT %I TO %I', group_name, account);
  END IF;
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- make it a member of rds_iam, unless that would lock out a role that is a member of it
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  role pg_catalog.pg_roles%ROWTYPE;
  lockouts pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT * INTO STRICT role FROM pg_roles r WHERE r.rolname = account;
  IF NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
    EXECUTE format('GRANT rds_iam TO %I', account);
  END IF;
  lockouts := (
    WITH RECURSIVE edges AS (
      SELECT DISTINCT m.member, m.roleid FROM pg_auth_members m WHERE ((coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true)) OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))
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
      SELECT DISTINCT m.member, m.roleid FROM pg_auth_members m WHERE ((coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true)) OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))
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
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- +goose Down

-- hand what it owns in this database to "sre_owner", and take its rights there
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  adopt CONSTANT pg_catalog.bool := false;
  heir CONSTANT pg_catalog.text := E'sre_owner';
  role pg_catalog.pg_roles%ROWTYPE;
  how pg_catalog.text := '';
  needed pg_catalog.text;
  borrowed pg_catalog.text[] := '{}';
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS07',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = 'choose another name';
    END IF;
    IF NOT adopt AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS01',
        MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
        HINT = 'choose another name, or take it over with provision.Adopt';
    END IF;
    IF heir = '' AND EXISTS (
      SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o'
        AND d.dbid IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database()))
    ) THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS0A',
        MESSAGE = format('role "%s" owns something', account),
        HINT = 'name in DropOptions.ReassignTo who gets it';
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
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd

-- drop role "o'brien "x" \ $rdsiam$", unless it has something in another database
-- +goose StatementBegin
DO LANGUAGE plpgsql $rdsiam1$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'o''brien "x" \\ $rdsiam$';
  adopt CONSTANT pg_catalog.bool := false;
  role pg_catalog.pg_roles%ROWTYPE;
  places pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF FOUND THEN
    IF role.rolsuper THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS07',
        MESSAGE = format('role "%s" is a superuser', account),
        HINT = 'choose another name';
    END IF;
    IF NOT adopt AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = 'rds_iam' AND m.member = role.oid AND (coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true))) THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS01',
        MESSAGE = format('role "%s" exists and is no member of rds_iam, so it may have a password, which RDS would no longer take', account),
        HINT = 'choose another name, or take it over with provision.Adopt';
    END IF;
    SELECT string_agg(DISTINCT format('%I', b.datname), ', ') INTO places FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid;
    IF places IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'RDS05',
        MESSAGE = format('role "%s" has or owns something in databases: %s', account, places),
        HINT = 'in other databases than this one, run a plan with DropOptions.KeepRole first; in this one, revoke what it has granted to others';
    END IF;
    EXECUTE format('DROP ROLE %I', account);
  END IF;
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam1$;
-- +goose StatementEnd
