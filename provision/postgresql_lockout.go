package provision

// pgEdges are the memberships that RDS follows to see whether a role is a member of
// rds_iam.
const pgEdges = `edges AS (
      SELECT DISTINCT m.member, m.roleid FROM pg_auth_members m WHERE ` + pgAsked + `
    )`

// pgLockouts finds the roles that can log in and are for IAM only because they are members of the
// account, with the shortest way from each of them. There may be more ways than can be counted.
const pgLockouts = `WITH RECURSIVE ` + pgEdges + `, reached(id, depth) AS (
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
    SELECT string_agg(c.chain || ' -> rds_iam', ', ' ORDER BY c.chain) FROM chains c WHERE c.depth = 0`

// pgFinish makes the account one for IAM and looks at what that does to others. The
// exception takes it back.
var pgFinish = `
  role pg_catalog.pg_roles%ROWTYPE;
  lockouts pg_catalog.text;
BEGIN
  SELECT * INTO STRICT role FROM pg_roles r WHERE r.rolname = account;
  IF NOT ` + pgIsDirect + ` THEN
    ` + pgMayGrant("'rds_iam'") + `    EXECUTE format('GRANT rds_iam TO %I', account);
  END IF;
  lockouts := (
    ` + pgLockouts + `
  );
  IF 'rds_ad' IN (
    ` + pgAuthenticators + `
  ) THEN
    RAISE EXCEPTION USING ERRCODE = '` + stateKerberos + `',
      MESSAGE = format('role "%s" is a member of rds_ad, directly or not, and RDS lets a role log in by either Kerberos or IAM', account),
      HINT = '` + toLeave + `';
  END IF;
  IF lockouts IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '` + stateLockout + `',
      MESSAGE = format('RDS takes no passwords of members of rds_iam, and these memberships reach it through the account: %s', lockouts),
      HINT = '` + toRevokeFirst + `';
  END IF;
`

// pgNotIAM is for accounts with a password, which members of rds_iam and of rds_ad do
// not log in with.
const pgNotIAM = `
  group_name pg_catalog.text;
BEGIN
  group_name := (
    ` + pgAuthenticators + ` ORDER BY r.rolname DESC LIMIT 1
  );
  IF group_name IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '` + stateProxyMember + `',
      MESSAGE = format('role "%s" is a member of %s, directly or not, and could not log in with the password of the proxy', account, group_name),
      HINT = '` + toLeaveOrReach + `';
  END IF;
`

// pgAuthenticators finds the roles among those of the account that decide how it logs in.
const pgAuthenticators = `WITH RECURSIVE ` + pgEdges + `, groups(id) AS (
      SELECT r.oid FROM pg_roles r WHERE r.rolname = account
      UNION
      SELECT e.roleid FROM groups g JOIN edges e ON e.member = g.id
    )
    SELECT r.rolname::text FROM groups g JOIN pg_roles r ON r.oid = g.id WHERE r.rolname IN ('rds_iam', 'rds_ad')`
