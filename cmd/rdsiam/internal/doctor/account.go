package doctor

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// checkAccount looks at the account from the inside: how it comes to log in with a token.
func checkAccount(ctx context.Context, c *chart) Result {
	if c.db == nil {
		return skipped("because of login")
	}
	switch {
	case c.Engine == MySQL:
		return c.checkPlugin(ctx)
	case c.endpoint.Kind() == rdsiam.KindDSQL:
		return skipped("because Aurora DSQL has no rds_iam; admin sees what is granted in sys.iam_pg_role_mappings")
	}
	return c.checkMembership(ctx)
}

// membership finds the way from the user to rds_iam. Unlike pg_has_role it does not take
// superusers for members of everything; pg_hba.conf does not either.
const membership = `
WITH RECURSIVE way(role, path) AS (
	SELECT oid, rolname::text FROM pg_catalog.pg_roles WHERE rolname = current_user
	UNION ALL
	SELECT m.roleid, way.path || ' > ' || r.rolname
	FROM way JOIN pg_catalog.pg_auth_members m ON m.member = way.role
	JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
	WHERE position(' > ' || r.rolname || ' > ' IN ' > ' || way.path || ' > ') = 0
)
SELECT path FROM way JOIN pg_catalog.pg_roles r ON r.oid = way.role
WHERE r.rolname = 'rds_iam' ORDER BY length(path) LIMIT 1`

func (c *chart) checkMembership(ctx context.Context) Result {
	var path string
	err := c.db.QueryRowContext(ctx, membership).Scan(&path)
	viaProxy := isProxy(c.endpoint)
	switch {
	case err == sql.ErrNoRows && viaProxy:
		return found("not in rds_iam: the proxy logs in to the database with a password")
	case err == sql.ErrNoRows:
		return warning("not in rds_iam, and logged in all the same: the server is not set up as RDS is").
			fix("make it a member", "GRANT rds_iam TO "+quoteName(c.User)+";")
	case err != nil:
		return skipped("because the server does not tell: %v", rdsapi.Innermost(err))
	case strings.Count(path, " > ") > 1:
		return warning("in rds_iam indirectly: %s; with it every member of the roles between", path).
			fix("RDS takes no password of any of them; give rds_iam to the login role alone",
				fmt.Sprintf("GRANT rds_iam TO %s;", quoteName(c.User)))
	}
	return found("in rds_iam: %s", path)
}

func (c *chart) checkPlugin(ctx context.Context) Result {
	var account string
	if err := c.db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&account); err != nil {
		return skipped("because the server does not tell: %v", rdsapi.Innermost(err))
	}
	var definition string
	if err := c.db.QueryRowContext(ctx, "SHOW CREATE USER").Scan(&definition); err != nil {
		// MySQL wants it said whose.
		if err := c.db.QueryRowContext(ctx, "SHOW CREATE USER CURRENT_USER()").Scan(&definition); err != nil {
			return skipped("because the server does not tell: %v", rdsapi.Innermost(err))
		}
	}
	name, host, _ := cutLast(account, "@")
	quoted := quoteText(name) + "@" + quoteText(host)
	upper := strings.ToUpper(definition)
	switch {
	case !strings.Contains(upper, "AWSAUTHENTICATIONPLUGIN"):
		if isProxy(c.endpoint) {
			return found("%s with a password, which the proxy knows", account)
		}
		return warning("%s does not use AWSAuthenticationPlugin, and logged in all the same", account).
			fix(fixPlugin(c.User, name, quoted))
	case !strings.Contains(upper, "REQUIRE SSL") && !strings.Contains(upper, "REQUIRE X509"):
		return warning("%s uses AWSAuthenticationPlugin and may log in without TLS", account).
			fix("a client without TLS sends its token in clear", "ALTER USER "+quoted+" REQUIRE SSL;")
	}
	return found("%s uses AWSAuthenticationPlugin and requires TLS", account)
}

// fixPlugin gives the account that logged in the plugin of RDS, unless it is not that of
// user: the plugin would then take the password from somebody else.
func fixPlugin(user, name, quoted string) (text, command string) {
	if name != user {
		return "the session is not that of " + user + ": something on the way logs in as another, or an anonymous account goes first; see which accounts there are",
			"SELECT user, host, plugin FROM mysql.user WHERE user IN (" + quoteText(user) + ", " + quoteText(name) + ");"
	}
	return "another account may have been meant", "ALTER USER " + quoted + " IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;"
}

func cutLast(text, separator string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// checkSession looks at the TLS of the session as the server sees it.
func checkSession(ctx context.Context, c *chart) Result {
	if c.db == nil {
		return skipped("because of login")
	}
	var version, cipher string
	var err error
	if c.Engine == MySQL {
		version, err = c.status(ctx, "Ssl_version")
		if err == nil {
			cipher, err = c.status(ctx, "Ssl_cipher")
		}
	} else {
		err = c.db.QueryRowContext(ctx, "SELECT coalesce(version, ''), coalesce(cipher, '') FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&version, &cipher)
	}
	switch {
	case err != nil:
		return skipped("because the server does not tell: %v", rdsapi.Innermost(err))
	case version == "":
		return warning("verified TLS up to a proxy or tunnel, and none from there to the server").
			fix("require it there as well", "rdsiam status "+shellWord(c.Endpoint)+c.profileFlag())
	}
	return found("%s with %s", version, cipher)
}

func (c *chart) status(ctx context.Context, name string) (string, error) {
	var ignored, value string
	err := c.db.QueryRowContext(ctx, "SHOW SESSION STATUS LIKE '"+name+"'").Scan(&ignored, &value)
	return value, err
}
