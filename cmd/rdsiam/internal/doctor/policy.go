package doctor

import (
	"context"
	"strings"

	"github.com/rdsiam/rdsiam"
)

// checkPolicy evaluates the policy given for this user of the database.
func checkPolicy(_ context.Context, c *chart) Result {
	if c.Policy == nil {
		return skipped("because no --policy was given")
	}
	if c.endpoint.Kind() == rdsiam.KindDSQL {
		return skipped("because policies of Aurora DSQL are not read here: they have to allow dsql:DbConnect, for the user admin dsql:DbConnectAdmin, on the cluster")
	}
	findings := c.Policy.Lint()
	if c.resource.ID == "" {
		if worst := firstError(findings); worst != nil {
			return failed("%s: %s", worst.Value, worst.Problem).fix(worst.Fix, "rdsiam policy lint "+shellWord(c.PolicyFile))
		}
		return warning("what it allows depends on the resource id, which is not known here").
			fix("say it with --resource", c.describeResource())
	}
	user, err := c.resource.User(c.User)
	if err != nil {
		return failed("no policy can name the user %q: %s", c.User, problemOf(err)).fix("rename the account", "")
	}
	arn := c.withoutGuess(user)
	if c.allows(user) {
		c.allowed = true
		if len(findings) > 0 {
			return warning("allows %s, but: %s: %s", arn, findings[0].Value, findings[0].Problem).
				fix(findings[0].Fix, "rdsiam policy lint "+shellWord(c.PolicyFile))
		}
		return found("allows %s", arn)
	}
	result := failed("does not allow %s", arn)
	if worst := firstError(findings); worst != nil {
		return failed("does not allow %s: %s: %s", arn, worst.Value, worst.Problem).fix(worst.Fix, c.policyCommand())
	}
	return result.fix("use this one", c.policyCommand())
}

// withoutGuess is an ARN for people, with ACCOUNT where that of the database is not known.
func (c *chart) withoutGuess(user rdsiam.UserARN) string {
	if c.resource.AccountID != anyAccount {
		return user.String()
	}
	return strings.Replace(user.String(), ":"+anyAccount+":", ":ACCOUNT:", 1)
}

// allows asks the policy about the user, in any account where that of the database is not
// known.
func (c *chart) allows(user rdsiam.UserARN) bool {
	if c.resource.AccountID != anyAccount {
		return c.Policy.Allows(user)
	}
	for _, account := range accountsIn(c.Policy.JSON()) {
		resource := c.resource
		resource.AccountID = account
		if other, err := resource.User(c.User); err == nil && c.Policy.Allows(other) {
			return true
		}
	}
	return c.Policy.Allows(user)
}

// accountsIn returns the accounts of the database users that a policy names.
func accountsIn(document string) []string {
	var accounts []string
	for _, part := range strings.Split(document, `"arn:`)[1:] {
		if fields := strings.SplitN(part, ":", 5); len(fields) == 5 {
			accounts = append(accounts, fields[3])
		}
	}
	return accounts
}

func firstError(findings []rdsiam.Finding) *rdsiam.Finding {
	for i := range findings {
		if findings[i].Severity == rdsiam.SeverityError {
			return &findings[i]
		}
	}
	return nil
}
