package rdsiam

import (
	"slices"
	"strings"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

const resourceElement = "Resource"

// lintResource looks at an element of Resource that should be a [UserARN].
func (l *linter) lintResource(text string) {
	if text == "*" {
		l.warn("any-resource", resourceElement, text, "allows every user of every database in every region and account", "write the ARNs of the users")
		return
	}
	if trimmed := strings.TrimSpace(text); trimmed != text {
		l.fail("spaces", resourceElement, text, "white space at an end is part of the ARN, so it matches nothing", "leave it out")
		text = trimmed
	}
	r, user, problem := cutUserARN(text)
	if problem != nil {
		l.lintShape(text, problem)
		return
	}
	if strings.Contains(text, "$${") {
		l.fail("template", resourceElement, text, "$${ is how templates write ${; here it is a dollar sign before a variable", "write ${")
	}
	for _, part := range []string{r.Partition, r.Region, r.AccountID, r.ID} {
		l.lintVariables("variable", text, part)
	}
	l.lintRegion(text, r)
	l.lintAccountID(text, r.AccountID)
	l.lintResourceID(text, r.ID)
	l.lintUser(text, user)
}

// lintShape looks at what is no ARN of a database user.
func (l *linter) lintShape(text string, problem *ConfigError) {
	if endsInWildcard(cutARN(text)) {
		l.warn("any-database", resourceElement, text, "the wildcard stands for resource ids and users alike: it allows every user", "write dbuser:RESOURCE_ID/USER")
		return
	}
	l.fail("arn", resourceElement, text, problem.Problem, problem.Fix)
}

// endsInWildcard tells of ARNs that are cut short before the user by a wildcard.
func endsInWildcard(parts []string) bool {
	if len(parts) != arnParts || parts[2] != service && !hasWildcard(parts[2]) {
		return false
	}
	beginning, ok := strings.CutSuffix(parts[5], "*")
	return ok && (strings.HasPrefix(dbuser+":", beginning) || strings.HasPrefix(beginning, dbuser+":"))
}

func (l *linter) lintRegion(text string, r Resource) {
	switch {
	case hasWildcard(r.Region) || hasWildcard(r.Partition):
		l.warn("any-region", resourceElement, text, "allows the user in other regions too", "write the region of the database")
	case hasVariable(r.Region) || hasVariable(r.Partition):
	default:
		l.report("region", text, checkRegion(r.Region))
		l.report("partition", text, checkPartition(r.Partition, r.Region))
	}
}

func (l *linter) lintAccountID(text, id string) {
	switch {
	case hasWildcard(id):
		l.warn("any-account", resourceElement, text, "allows the user in every account that the identity can act in", "write the account of the database")
	case hasVariable(id):
	default:
		l.report("account", text, checkAccountID(id))
	}
}

func (l *linter) lintResourceID(text, id string) {
	switch {
	case hasWildcard(id):
		l.warn("any-database", resourceElement, text, "allows the user in other databases, future ones too", "write the resource id of the database")
	case hasVariable(id):
	case checkResourceID(id) != nil:
		l.report("resource-id", text, checkResourceID(id))
	case strings.ContainsFunc(id[strings.IndexByte(id, '-'):], isLowerRune) && !strings.HasPrefix(id, "prx-"):
		l.warn("resource-id", resourceElement, text,
			"ids of instances and clusters have capital letters; this looks like a name that begins with db- or cluster-", "write DbiResourceId or DbClusterResourceId")
	}
}

func isLowerRune(r rune) bool { return 'a' <= r && r <= 'z' }

// masters are the names that RDS proposes or people give to the master user, and
// those that belong to RDS.
var masters = []string{"admin", "administrator", "master", "mysql", "postgres", "root", "rdsadmin", "rdsproxyadmin"}

func (l *linter) lintUser(text, user string) {
	if trimmed := strings.TrimSpace(user); trimmed != user {
		l.fail("spaces", resourceElement, text, "the space is part of the name, so it matches no user", "leave it out")
		user = trimmed
	}
	read, err := iampolicy.ReadText(user)
	if err != nil {
		l.fail("user", resourceElement, text, err.Error(), "write a dollar sign as ${$}")
		return
	}
	l.lintVariables("user-variable", text, user)
	switch {
	case user == "*":
		l.warn("any-user", resourceElement, text, "allows every user of the database, the master user too", "write the names of the users")
	case read.Wildcard:
		l.warn("user-wildcard", resourceElement, text, "* and ? are wildcards and match other users too", "if they belong to the name, write ${*} and ${?}")
	case !read.IsLiteral():
	case isSpeltAsInSQL(read.Literal):
		l.warn("user", resourceElement, text, "quotes, a host and slashes belong to the name here; few users have such", "write the name alone")
	case slices.Contains(masters, strings.ToLower(read.Literal)):
		l.warn("admin-user", resourceElement, text, "looks like the master user, whom IAM authentication locks out of its password in PostgreSQL", "make a user for the purpose")
	default:
		l.report("user", text, checkUserName(read.Literal))
	}
}

// lintVariables looks at the variables in a part of an ARN.
func (l *linter) lintVariables(code, text, part string) {
	read, err := iampolicy.ReadText(part)
	if err != nil {
		return // reported where the part is looked at
	}
	for _, key := range read.Undefined {
		if !iampolicy.KnowsKey(key) {
			l.fail(code, resourceElement, text, "logins to databases do not have the variable "+key+", so it matches no user",
				"use aws:username or aws:PrincipalTag/…, or fill the template in")
		}
	}
}

// isSpeltAsInSQL tells of names such as 'app', app@% and /app.
func isSpeltAsInSQL(name string) bool {
	return strings.HasSuffix(name, "@%") || strings.HasPrefix(name, "/") || len(name) > 1 && name[0] == name[len(name)-1] && strings.ContainsRune("'\"`", rune(name[0]))
}

// report adds what a check of [Resource.User] found, if anything.
func (l *linter) report(code, text string, problem *ConfigError) {
	if problem != nil {
		l.fail(code, resourceElement, text, problem.Problem, problem.Fix)
	}
}

// hasWildcard tells of wildcards outside the escapes of the policy language.
func hasWildcard(text string) bool {
	read, err := iampolicy.ReadText(text)
	return err == nil && read.Wildcard
}

func hasVariable(text string) bool {
	read, err := iampolicy.ReadText(text)
	return err == nil && read.Variable
}
