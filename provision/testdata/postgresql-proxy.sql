-- PostgreSQL account iam_sre
-- note: the account must exist with the password that the proxy reads from Secrets Manager; it gets neither rds_iam nor AWSAuthenticationPlugin, since the proxy checks the token
BEGIN;

-- check that role "iam_sre" exists and has no rds_iam
DO LANGUAGE plpgsql $rdsiam$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'iam_sre';
  want_database CONSTANT pg_catalog.text := E'sre';
  role pg_catalog.pg_roles%ROWTYPE;
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
  SELECT * INTO role FROM pg_roles r WHERE r.rolname = account;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'RDS09',
      MESSAGE = format('role "%s" does not exist', account),
      HINT = 'create it with the password that the proxy reads from Secrets Manager';
  END IF;
  IF role.rolsuper OR NOT role.rolcanlogin THEN
    RAISE EXCEPTION USING ERRCODE = 'RDS07',
      MESSAGE = format('role "%s" is a superuser or cannot log in', account),
      HINT = 'choose another name';
  END IF;
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam$;

-- grant CONNECT on database sre
GRANT CONNECT ON DATABASE "sre" TO "iam_sre";

-- grant USAGE on schema public
GRANT USAGE ON SCHEMA "public" TO "iam_sre";

-- grant DELETE, INSERT, SELECT, UPDATE on all tables in schema public
GRANT DELETE, INSERT, SELECT, UPDATE ON ALL TABLES IN SCHEMA "public" TO "iam_sre";

-- grant SELECT, USAGE on all sequences in schema public
GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA "public" TO "iam_sre";

-- check that it is no member of rds_iam through another role
DO LANGUAGE plpgsql $rdsiam$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'iam_sre';
  group_name pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM pg_catalog.pg_advisory_xact_lock(8243108736921);
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a replica' USING ERRCODE = '25006';
  END IF;
  group_name := (
    WITH RECURSIVE edges AS (
      SELECT DISTINCT m.member, m.roleid FROM pg_auth_members m WHERE ((coalesce((to_jsonb(m)->>'inherit_option')::bool, true) OR coalesce((to_jsonb(m)->>'set_option')::bool, true)) OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'))
    ), groups(id) AS (
      SELECT r.oid FROM pg_roles r WHERE r.rolname = account
      UNION
      SELECT e.roleid FROM groups g JOIN edges e ON e.member = g.id
    )
    SELECT r.rolname::text FROM groups g JOIN pg_roles r ON r.oid = g.id WHERE r.rolname IN ('rds_iam', 'rds_ad') ORDER BY r.rolname DESC LIMIT 1
  );
  IF group_name IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'RDS0D',
      MESSAGE = format('role "%s" is a member of %s, directly or not, and could not log in with the password of the proxy', account, group_name),
      HINT = 'revoke the membership, or set another Account.Reach';
  END IF;
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam$;

COMMIT;

-- PostgreSQL account iam_sre
-- note: the account must exist with the password that the proxy reads from Secrets Manager; it gets neither rds_iam nor AWSAuthenticationPlugin, since the proxy checks the token
BEGIN;

-- check that role "iam_sre" exists and is one for IAM
DO LANGUAGE plpgsql $rdsiam$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'iam_sre';
  adopt CONSTANT pg_catalog.bool := true;
  role pg_catalog.pg_roles%ROWTYPE;
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
  ELSE
    RAISE EXCEPTION USING ERRCODE = 'RDS02', MESSAGE = format('role "%s" does not exist', account),
      HINT = 'create it first, by Account.Plan';
  END IF;
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$rdsiam$;

-- revoke CONNECT on database sre
REVOKE CONNECT ON DATABASE "sre" FROM "iam_sre";

-- revoke USAGE on schema public
REVOKE USAGE ON SCHEMA "public" FROM "iam_sre";

-- revoke DELETE, INSERT, SELECT, UPDATE on all tables in schema public
REVOKE DELETE, INSERT, SELECT, UPDATE ON ALL TABLES IN SCHEMA "public" FROM "iam_sre";

-- revoke SELECT, USAGE on all sequences in schema public
REVOKE SELECT, USAGE ON ALL SEQUENCES IN SCHEMA "public" FROM "iam_sre";

COMMIT;

-- PostgreSQL account iam_sre
BEGIN;

-- hand what it owns in this database to "sre_owner", and take its rights there
DO LANGUAGE plpgsql $rdsiam$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'iam_sre';
  adopt CONSTANT pg_catalog.bool := true;
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
$rdsiam$;

-- drop role "iam_sre", unless it has something in another database
DO LANGUAGE plpgsql $rdsiam$
DECLARE
  path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
  account CONSTANT pg_catalog.text := E'iam_sre';
  adopt CONSTANT pg_catalog.bool := true;
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
$rdsiam$;

COMMIT;
