package doctor

import (
	"strings"

	"github.com/rdsiam/rdsiam"
)

// commandLine is the command that was run, for fixes to change and show.
type commandLine struct {
	endpoint, user, database      string
	dial, region, rootCAs, engine string
	profile, policy, resource     string
}

func (c *chart) commandLine() commandLine {
	line := commandLine{
		endpoint: withPort(c.Endpoint, c.DefaultPort), user: c.User, database: c.Database, dial: c.Dial, region: c.Region, rootCAs: c.RootCAsFile,
		profile: c.Profile, policy: c.PolicyFile, resource: c.ResourceID,
	}
	if c.DefaultPort != 5432 && c.DefaultPort != 3306 {
		line.engine = strings.ToLower(string(c.Engine))
	}
	return line
}

// at names another database, and dials what was dialed.
func (l commandLine) at(endpoint, dial string) commandLine {
	l.endpoint, l.dial, l.region = endpoint, dial, ""
	return l
}

// String returns the command for a shell.
func (l commandLine) String() string {
	words := []string{"rdsiam doctor", shellWord(l.endpoint), "--user", shellWord(l.user)}
	for _, flag := range []struct{ name, value string }{
		{"--db", l.database}, {"--dial", l.dial}, {"--region", l.region}, {"--engine", l.engine}, {"--root-cas", l.rootCAs},
		{"--profile", l.profile}, {"--policy", l.policy}, {"--resource", l.resource},
	} {
		if flag.value != "" {
			words = append(words, flag.name, shellWord(flag.value))
		}
	}
	return strings.Join(words, " ")
}

// The commands of rdsiam that fix.

func (c *chart) enableCommand() string {
	return "rdsiam enable " + c.named() + " --apply now" + c.profileFlag()
}

// policyFlags says which database and user a policy is for.
func (c *chart) policyFlags() string {
	account := c.resource.AccountID
	if account == anyAccount {
		account = "ACCOUNT"
	}
	of := c.named()
	if c.database == nil && c.resource.ID != "" {
		of = "--resource " + c.resource.ID + " --region " + c.endpoint.Region() + " --account " + account
	}
	return of + " --user " + shellWord(c.User) + c.profileFlag()
}

// named is the endpoint by which the API finds the database.
func (c *chart) named() string {
	switch c.endpoint.Kind() {
	case rdsiam.KindGlobalWriter, rdsiam.KindShardGroup:
		return "CLUSTER.cluster-ID." + c.endpoint.Region() + ".rds.amazonaws.com"
	case rdsiam.KindOther:
		return "NAME.ID." + c.endpoint.Region() + ".rds.amazonaws.com"
	}
	return c.endpoint.Host()
}

// policyCommand prints the policy that is needed.
func (c *chart) policyCommand() string { return "rdsiam policy " + c.policyFlags() }

// isOfIdentityCenter reports whether the caller has a role that only a permission set
// changes.
func (c *chart) isOfIdentityCenter() bool {
	return strings.Contains(c.caller.arn, ":assumed-role/AWSReservedSSO_")
}

// attachCommand gives the identity what it lacks.
func (c *chart) attachCommand() string {
	if c.isOfIdentityCenter() {
		return c.policyCommand()
	}
	principal := "--role ROLE"
	if _, role, ok := strings.Cut(c.caller.arn, ":assumed-role/"); ok {
		role, _, _ = strings.Cut(role, "/")
		principal = "--role " + shellWord(role)
	} else if _, path, ok := strings.Cut(c.caller.arn, ":user/"); ok {
		principal = "--iam-user " + shellWord(path[strings.LastIndexByte(path, '/')+1:])
	}
	return "rdsiam policy attach " + c.policyFlags() + " " + principal
}

func (c *chart) profileFlag() string {
	if c.Profile == "" {
		return ""
	}
	return " --profile " + shellWord(c.Profile)
}

// shellWord quotes a word for a shell, where it must be.
func shellWord(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/=@%+,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func isProxy(e rdsiam.Endpoint) bool {
	return e.Kind() == rdsiam.KindProxy || e.Kind() == rdsiam.KindProxyEndpoint
}
