package doctor

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
	"github.com/rdsiam/rdsiam/internal/causes"
)

// checkToken signs a token and throws it away.
func checkToken(ctx context.Context, c *chart) Result {
	if c.endpoint.IsZero() {
		return skipped("because of endpoint: there is none to sign")
	}
	if c.credentials.AccessKeyID == "" {
		return skipped("because of credentials: there are none to sign with")
	}
	login := rdsiam.Login{Endpoint: c.endpoint, User: c.User}
	token, err := login.Token(ctx, c.tokens())
	if err != nil {
		return failed("%s", errortext.Of(err)).fix("get credentials that live longer", c.getCredentials(c.credentials.Source, nil))
	}
	c.token = true
	return found("%d bytes, good for %v", len(token.Reveal()), time.Until(token.Expires()).Round(time.Minute))
}

// tokens signs with the credentials that were found.
func (c *chart) tokens() rdsiam.TokenSource {
	credentials := c.credentials
	return rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }))
}

// checkLogin logs in, which is the one thing that RDS tells the truth by.
func checkLogin(ctx context.Context, c *chart) Result {
	switch {
	case c.endpoint.IsZero():
		return skipped("because of endpoint: there is none to sign")
	case !c.reached:
		return skipped("because of tcp: there is no connection")
	case !c.secure:
		return skipped("because of tls: a token is sent to a verified server only")
	case !c.token:
		return skipped("because of token: there is none")
	}
	driver, err := c.driver()
	if err != nil {
		return failed("%s", errortext.Of(err)).fix("", c.commandLine().String())
	}
	c.db = sql.OpenDB(rdsiam.NewConnector(driver, c.tokens()))
	c.db.SetMaxOpenConns(1)
	if err := c.db.PingContext(ctx); err != nil {
		c.db.Close()
		c.db = nil
		if c.Engine == MySQL {
			c.plugin = c.askPlugin(ctx)
		}
		return c.explainLogin(err)
	}
	return found("%s logged in", c.User)
}

// explainLogin says what a refusal means, without the causes that other checks have ruled
// out.
func (c *chart) explainLogin(err error) Result {
	explanation := errortext.Explanation(rdsiam.Explain(err))
	var login *rdsiam.LoginError
	if !errors.As(err, &login) || len(explanation.Causes) == 0 {
		return failed("%s", errortext.Of(err)).fix("try again; if it stays, see the log of the server", c.commandLine().String())
	}
	if c.Local != nil {
		return c.explainLocal(saidByServer(login))
	}
	possible := c.possible(explanation.Causes)
	result := failed("%s: %s", saidByServer(login), possible[0].Text)
	result.Code, result.Otherwise = possible[0].Code, c.otherCauses(possible[1:])
	return result.fix(c.fixOf(possible[0]), c.command(possible[0]))
}

// fixOf is what fixes a cause, and what that brings about.
func (c *chart) fixOf(cause rdsiam.Cause) string {
	fix := cause.Fix
	about := func(codes ...string) bool { return slices.Contains(codes, cause.Code) }
	switch {
	case about(causes.Policy, causes.ProxyPolicy) && c.isOfIdentityCenter():
		return "put this into the permission set of the role, which IAM Identity Center alone changes; " + fix
	case about(causes.NoRole):
		return fix + "; a member takes no password any more"
	case about(causes.NoPlugin):
		return fix + "; with the plugin an account takes no password any more"
	case about(causes.NoDatabasePrivilege):
		return fix + ", or correct the name: the server does not tell whether there is such a database"
	}
	return fix
}

// otherCauses says of the log that names the reason how to read it.
func (c *chart) otherCauses(found []rdsiam.Cause) []Cause {
	var others []Cause
	for _, cause := range found {
		other := Cause{Code: cause.Code, Text: cause.Text, Fix: cause.Fix}
		if cause.Code == causes.ServerLog {
			other.Fix, other.Command = "have RDS write the log "+authLog+", which names the reason", c.refusalLog()
			if c.logsRefusals() {
				other.Fix = "read the log " + authLog + ", which names the reason"
			}
		}
		others = append(others, other)
	}
	return others
}

// saidByServer is what the server answered, in one line.
func saidByServer(e *rdsiam.LoginError) string {
	err := e.Unwrap()
	if err == nil {
		return "refused"
	}
	text, _, _ := strings.Cut(rdsapi.Innermost(err).Error(), "\n")
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		text = postgres.Error()
	}
	// A role that logs in with a password is asked for a proof of it.
	if _, asked, ok := strings.Cut(text, "server requested "); ok {
		return "the server asks for " + asked + " and not for a token"
	}
	if e.Refused {
		return "refused, " + text
	}
	return text
}

// possible leaves out what cannot be, and puts first what was seen. There is always one
// left.
func (c *chart) possible(found []rdsiam.Cause) []rdsiam.Cause {
	var first, rest, last []rdsiam.Cause
	for _, cause := range found {
		about := func(codes ...string) bool { return slices.Contains(codes, cause.Code) }
		switch {
		case about(causes.Clock) && c.clockBad,
			about(causes.IAMOff) && c.database != nil && !c.database.IAM,
			about(causes.ProxyAuth) && c.database != nil && !c.database.IAM,
			about(causes.NoPlugin) && c.plugin == pluginOther,
			(about(causes.Identity) || about(causes.SigningCredentials)) && c.stranger,
			about(causes.Policy, causes.ProxyPolicy) && c.Policy != nil && c.resource.ID != "" && !c.allowed:
			first = append(first, cause)
		case about(causes.Clock) && c.skew != nil,
			about(causes.IAMOff) && c.database != nil,
			about(causes.SigningCredentials) && c.caller.arn != "",
			about(causes.Identity) && c.database != nil:
		case about(causes.NoPlugin) && c.plugin == pluginIAM, // or the server only pretends: see pluginIAM
			about(causes.SignedName, causes.TunnelEndpoint): // the certificate says that it is, but not its port
			last = append(last, cause)
		default:
			rest = append(rest, cause)
		}
	}
	if all := slices.Concat(first, rest, last); len(all) > 0 {
		return all
	}
	return found
}

// command is what fixes a cause.
func (c *chart) command(cause rdsiam.Cause) string {
	about := func(codes ...string) bool { return slices.Contains(codes, cause.Code) }
	switch {
	case about(causes.Policy, causes.ProxyPolicy):
		return c.attachCommand()
	case about(causes.IAMOff):
		return c.enableCommand()
	case about(causes.NoRole):
		return "GRANT rds_iam TO " + quoteName(c.User) + ";"
	case about(causes.DSQLGrant):
		return "CREATE ROLE " + quoteName(c.User) + " WITH LOGIN; AWS IAM GRANT " + quoteName(c.User) + " TO " + quoteText(firstOf(roleOf(c.caller.arn), "ARN")) + ";"
	case about(causes.NoPlugin):
		account := quoteText(c.User) + "@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;"
		return "CREATE USER IF NOT EXISTS " + account + " ALTER USER " + account
	case about(causes.NoLoginAttribute):
		return "ALTER ROLE " + quoteName(c.User) + " LOGIN;"
	case about(causes.NoConnectPrivilege):
		return "GRANT CONNECT ON DATABASE " + quoteName(c.databaseName()) + " TO " + quoteName(c.User) + ";"
	case about(causes.NoDatabase):
		return c.withDatabase("DATABASE")
	case about(causes.Clock):
		return "sudo chronyc makestep"
	case about(causes.SigningCredentials):
		return c.getCredentials(c.credentials.Source, nil)
	case about(causes.Identity):
		return c.whoAmI()
	case about(causes.GlobalRegion):
		return c.withRegion("REGION")
	case about(causes.ProxyAuth):
		return c.requireIAM()
	case about(causes.ServerLog, causes.Throttled, causes.ProxyThrottled):
		return c.refusalLog()
	case about(causes.NoDatabasePrivilege):
		return "GRANT SELECT ON " + quoteIdentifier(c.Database) + ".* TO " + quoteText(c.User) + "@'%';"
	case about(causes.HostNotAllowed):
		return "RENAME USER " + quoteText(c.User) + "@'HOST' TO " + quoteText(c.User) + "@'%';"
	case about(causes.AccountLocked):
		return "ALTER USER " + quoteText(c.User) + "@'%' ACCOUNT UNLOCK;"
	}
	return c.commandLine().String()
}

func (c *chart) withDatabase(name string) string {
	line := c.commandLine()
	line.database = name
	return line.String()
}

func (c *chart) databaseName() string { return firstOf(c.Database, "postgres") }

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}

func quoteIdentifier(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// roleOf returns the ARN of the role behind that of a session, which AWS IAM GRANT takes, and
// other ARNs as they are.
func roleOf(arn string) string {
	before, name, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return arn
	}
	role, _, _ := strings.Cut(name, "/")
	return strings.Replace(before, ":sts:", ":iam:", 1) + ":role/" + role
}
