package rdsiam

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// Finding is something in a policy that is probably not what its author meant.
type Finding struct {
	// Code names the rule, such as "any-user". Codes stay the same from version to
	// version; docs/policies.md lists them.
	Code     string
	Severity Severity
	Path     string // the element, such as Statement[0].Resource; "" for the document
	Value    string // the text seen, such as an ARN
	Problem  string // what it means to IAM
	Fix      string // what to change
}

// Severity tells whether a login is at stake or safety.
type Severity uint8

const (
	// SeverityWarning is for what works, but opens more or is more fragile
	// than it looks.
	SeverityWarning Severity = iota + 1
	// SeverityError is for what does not work: the login that it is there for
	// will be refused.
	SeverityError
)

// String returns "warning" or "error".
func (s Severity) String() string {
	switch s {
	case SeverityWarning:
		return "warning"
	case SeverityError:
		return "error"
	}
	return "Severity(" + strconv.Itoa(int(s)) + ")"
}

// String returns the finding in one line.
func (f Finding) String() string {
	text := f.Severity.String() + " " + f.Code + ": "
	if f.Path != "" {
		text += f.Path + " "
	}
	if f.Value != "" {
		text += strconv.Quote(f.Value) + " "
	}
	return strings.TrimSuffix(text, " ") + ": " + f.Problem + "; " + f.Fix
}

// Lint looks for the mistakes that are made in policies for database logins: in what
// allows or means to allow rds-db:connect, and in what denies every login. Other
// statements are left alone. No findings means that it knows of nothing wrong, not
// that somebody may log in: see [Policy.Allows].
func (p *Policy) Lint() []Finding {
	if p.document == nil {
		return nil
	}
	var l linter
	l.lintSIDs(p.document.Statement)
	about := slices.DeleteFunc(slices.Clone(p.document.Statement), func(s *iampolicy.Statement) bool { return !isAboutConnect(s) })
	for i, s := range p.document.Statement {
		l.path = pathOf(s, i)
		switch {
		case !slices.Contains(about, s):
		case s.Effect == "Allow":
			l.lintStatement(s)
		default:
			l.lintDeny(s, loginsOf(about))
		}
	}
	if len(about) == 0 {
		l.add(SeverityError, "no-login", "", actionsOf(p.document.Statement),
			"no statement is about rds-db:connect, so the policy allows no login", "see whether it is the right policy")
	} else {
		l.lintDocument(p)
	}
	return l.findings
}

// linter collects findings; path is that of the statement it is looking at.
type linter struct {
	findings []Finding
	path     string
}

func (l *linter) add(severity Severity, code, element, value, problem, fix string) {
	l.findings = append(l.findings, Finding{code, severity, element, value, problem, fix})
}

func (l *linter) warn(code, element, value, problem, fix string) {
	l.add(SeverityWarning, code, l.path+"."+element, value, problem, fix)
}

func (l *linter) fail(code, element, value, problem, fix string) {
	l.add(SeverityError, code, l.path+"."+element, value, problem, fix)
}

func (l *linter) lintDocument(p *Policy) {
	if version := p.document.Version; version != iampolicy.Version {
		severity := SeverityWarning
		if strings.Contains(string(p.document.Compact()), "${") {
			severity = SeverityError
		}
		l.add(severity, "version", "Version", version,
			"the old policy language has no variables: ${aws:username} and the escape ${*} are plain text in it", "write "+iampolicy.Version)
	}
	size := strconv.Itoa(p.Size()) + " characters"
	switch {
	case p.Size() > int(InlineRoleLimit):
		l.add(SeverityError, "size", "", size, "too long for every kind of policy", "divide it with Split")
	case p.Size() > int(ManagedPolicyLimit):
		l.add(SeverityWarning, "size", "", size, "too long for a managed policy; it fits only inline into a role", "divide it with Split")
	}
}

// lintSIDs looks for what IAM refuses a policy for.
func (l *linter) lintSIDs(statements []*iampolicy.Statement) {
	seen := make(map[string]bool)
	for i, s := range statements {
		l.path = "Statement[" + strconv.Itoa(i) + "]"
		switch {
		case s.SID == "":
		case !consistsOf(s.SID, alphanumeric):
			l.fail("sid", "Sid", s.SID, "has a character other than letters and digits, so IAM refuses the policy", "leave the character out")
		case seen[s.SID]:
			l.fail("sid", "Sid", s.SID, "is the Sid of another statement too, so IAM refuses the policy", "give each statement a Sid of its own, or none")
		}
		seen[s.SID] = true
	}
}

// everyLogin stands for the users of every database.
const everyLogin = "arn:aws:" + service + ":*:*:" + dbuser + ":*/*"

// loginsOf returns the resources that statements mean to allow logins to.
func loginsOf(statements []*iampolicy.Statement) (logins []string) {
	for _, s := range statements {
		switch {
		case s.Effect != "Allow":
		case s.NotResource != nil || slices.Contains(s.Resource, "*"):
			logins = append(logins, everyLogin)
		default:
			logins = append(logins, slices.DeleteFunc(slices.Clone(s.Resource), func(r string) bool { return !namesUsers(r) })...)
		}
	}
	return logins
}

// lintDeny looks for a statement that refuses every login, whoever asks. A pattern that covers
// another one matches its text.
func (l *linter) lintDeny(s *iampolicy.Statement, allowed []string) {
	denies := func(resource string) bool {
		return s.Matches(iampolicy.Request{Action: connectAction, Resource: resource}) == iampolicy.Yes
	}
	if slices.ContainsFunc(s.NotResource, namesUsers) {
		return // it spares some
	}
	const fix = "take rds-db:connect out of it by NotAction, or deny by a key of the principal such as aws:PrincipalTag/team"
	switch {
	case len(allowed) > 0 && !slices.ContainsFunc(allowed, func(login string) bool { return !denies(login) }):
		l.fail("deny-all", "Effect", s.Effect, "denies every login that the policy allows, whoever asks", fix)
	case len(allowed) == 0 && denies(everyLogin):
		l.warn("deny-all", "Effect", s.Effect, "denies every login, whoever asks", fix)
	}
}

// actionsOf lists the actions of statements.
func actionsOf(statements []*iampolicy.Statement) string {
	var actions []string
	for _, s := range statements {
		actions = slices.Concat(actions, s.Action, s.NotAction)
	}
	return strings.Join(actions, ", ")
}

func (l *linter) lintStatement(s *iampolicy.Statement) {
	l.lintActions(s)
	if s.NotResource != nil {
		l.warn("not-resource", "NotResource", strings.Join(s.NotResource, ", "),
			"allows every database user but these, future ones too", "list the users that are allowed in Resource")
	}
	for _, resource := range s.Resource {
		if isOnlyConnect(s) || resource == "*" || namesUsers(resource) {
			l.lintResource(resource)
		}
	}
	for _, c := range s.Conditions() {
		l.lintCondition(c)
	}
}

func (l *linter) lintActions(s *iampolicy.Statement) {
	misspelled := false
	for _, action := range s.Action {
		switch {
		case isMisspelled(action):
			misspelled = true
			l.fail("wrong-action", "Action", action, "is no action of database logins", "write rds-db:connect")
		case isConnect(action) && !strings.EqualFold(action, connectAction):
			l.warn("any-action", "Action", action, "allows more than rds-db:connect, or will when there is more", "write rds-db:connect")
		}
	}
	switch {
	case allowsConnect(s) && s.NotAction != nil:
		l.warn("not-action", "NotAction", strings.Join(s.NotAction, ", "),
			"allows every action but these, rds-db:connect among them", "write Action with rds-db:connect")
	case !allowsConnect(s) && !misspelled:
		l.fail("wrong-action", "Action", strings.Join(s.Action, ", "),
			"the resources are database users, but no action lets anybody log in", "write rds-db:connect")
	}
}

func (l *linter) lintCondition(c iampolicy.Condition) {
	const fix = "leave it out; use a key of the principal such as aws:PrincipalTag/team, and security groups against addresses"
	element, key := "Condition."+c.Operator, c.Key
	switch {
	case !c.KnowsOperator():
		l.fail("condition", element, key, "IAM has no such operator and refuses the policy", "correct the operator, such as StringEquals or StringLike")
	case iampolicy.LacksKey(key) && c.AtLogin() == iampolicy.Yes:
		l.warn("condition", element, key, "logins to databases do not have this key, so the condition always holds and restricts nothing", fix)
	case iampolicy.LacksKey(key) && c.AtLogin() == iampolicy.No:
		l.fail("condition", element, key, "logins to databases do not have this key, so the condition never holds", fix)
	case !iampolicy.KnowsKey(key):
		l.warn("condition", element, key, "AWS does not say for certain that logins to databases have this key", "try it in your account; certain are keys of the principal such as aws:PrincipalTag/team")
	}
}

// pathOf names the statement with index i.
func pathOf(s *iampolicy.Statement, i int) string {
	if s.SID != "" {
		return "Statement[" + s.SID + "]"
	}
	return "Statement[" + strconv.Itoa(i) + "]"
}

// isAboutConnect reports whether the statement allows or denies logins or was meant to.
func isAboutConnect(s *iampolicy.Statement) bool {
	if slices.ContainsFunc(s.Action, isMisspelled) || slices.ContainsFunc(s.Resource, namesUsers) {
		return true
	}
	return allowsConnect(s) && (s.NotResource != nil || isOnlyConnect(s) || slices.ContainsFunc(s.Resource, func(resource string) bool {
		return resource == "*" || endsInWildcard(cutARN(resource))
	}))
}

func allowsConnect(s *iampolicy.Statement) bool {
	if s.NotAction != nil {
		return !slices.ContainsFunc(s.NotAction, isConnect)
	}
	return slices.ContainsFunc(s.Action, isConnect)
}

// isOnlyConnect reports whether all resources of the statement should be database
// users.
func isOnlyConnect(s *iampolicy.Statement) bool {
	return s.Action != nil && !slices.ContainsFunc(s.Action, func(action string) bool {
		return !strings.EqualFold(action, connectAction) && !isMisspelled(action)
	})
}

func isConnect(action string) bool { return iampolicy.ActionMatches(action, connectAction) }

// isMisspelled reports actions that can only mean rds-db:connect.
func isMisspelled(action string) bool {
	action = strings.ToLower(action)
	return !isConnect(action) && (strings.HasPrefix(action, service+":") || action == "rds:connect")
}

// namesUsers reports ARNs of database users, also misspelled ones. Those of Redshift look
// alike and are none.
func namesUsers(resource string) bool {
	return strings.Contains(resource, ":"+service+":") ||
		strings.Contains(resource, ":"+dbuser) && !strings.Contains(resource, ":redshift")
}

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

// endsInWildcard reports ARNs that are cut short before the user by a wildcard.
func endsInWildcard(parts []string) bool {
	if len(parts) <= 3 || parts[2] != service && !hasWildcard(parts[2]) {
		return false
	}
	last := parts[len(parts)-1]
	if len(parts) < arnParts {
		return strings.HasSuffix(last, "*")
	}
	beginning, ok := strings.CutSuffix(last, "*")
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
	case isSpelledAsInSQL(read.Literal):
		l.warn("user", resourceElement, text, "quotes, a host and slashes belong to the name here; few users have such", "write the name alone")
	case slices.Contains(masters, strings.ToLower(read.Literal)):
		l.warn("admin-user", resourceElement, text, "looks like the master user, which IAM authentication locks out of its password in PostgreSQL", "make a user for the purpose")
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
		switch {
		case strings.EqualFold(key, "aws:userid"):
			l.warn(code, resourceElement, text, "aws:userid is an id that AWS gave, such as AROA…:session for a role, and no name of a database user", "use aws:username or aws:PrincipalTag/…")
		case iampolicy.LacksKey(key):
			l.fail(code, resourceElement, text, "logins to databases do not have the variable "+key+", so it matches no user",
				"use aws:username or aws:PrincipalTag/…, or fill the template in")
		case !iampolicy.KnowsKey(key):
			l.warn(code, resourceElement, text, "AWS does not say for certain that logins to databases have the variable "+key,
				"try it in your account; certain are aws:username and aws:PrincipalTag/…")
		}
	}
}

// isSpelledAsInSQL reports names such as 'app', app@% and /app.
func isSpelledAsInSQL(name string) bool {
	return strings.HasSuffix(name, "@%") || strings.HasPrefix(name, "/") || len(name) > 1 && name[0] == name[len(name)-1] && strings.ContainsRune("'\"`", rune(name[0]))
}

// report adds what a check of [Resource.User] found, if anything.
func (l *linter) report(code, text string, problem *ConfigError) {
	if problem != nil {
		l.fail(code, resourceElement, text, problem.Problem, problem.Fix)
	}
}

// hasWildcard reports wildcards outside the escapes of the policy language.
func hasWildcard(text string) bool {
	read, err := iampolicy.ReadText(text)
	return err == nil && read.Wildcard
}

func hasVariable(text string) bool {
	read, err := iampolicy.ReadText(text)
	return err == nil && read.Variable
}
