package provision

import "slices"

// StatementKind is what a statement does.
type StatementKind string

// The kinds of statements.
const (
	KindGuard  StatementKind = "guard"  // changes nothing, fails where going on would be wrong
	KindCreate StatementKind = "create" // creates the account, or checks the one that exists
	KindAlter  StatementKind = "alter"  // makes the account what the description says
	KindGrant  StatementKind = "grant"  // gives privileges or memberships
	KindRevoke StatementKind = "revoke" // takes them
	KindDrop   StatementKind = "drop"   // removes the account or what depends on it
)

// Statement is one statement of a plan. It holds no secret. What depends on what a server has is a
// guard, a statement that fails; nothing is decided while a plan runs but the spelling of
// names of databases.
type Statement struct {
	SQL     string // without a semicolon at its end
	Summary string // what it does, for people, in one line
	Kind    StatementKind

	// Literal is the SQL for a MySQL whose partial_revokes is on, as that of Aurora MySQL 3
	// always is: it takes the name of a database in a grant as it is, where SQL has a pattern.
	// "" is the same.
	Literal string
}

// on returns the SQL for a server.
func (s Statement) on(literal bool) string {
	if literal && s.Literal != "" {
		return s.Literal
	}
	return s.SQL
}

// Destructive reports whether the statement takes something away.
func (s Statement) Destructive() bool { return s.Kind == KindRevoke || s.Kind == KindDrop }

// Plan is what there is to do for an account: statements in their order, each of which
// can run again. [Apply] runs it; [Plan.String] shows it; [GooseFile] and
// [Plan.Migration] make files of it. Change the slices only in a copy.
type Plan struct {
	Engine     Engine
	Account    string // its name
	Statements []Statement
	Warnings   []string // what a person should know

	account Account
	literal bool   // files are for servers that take names of databases literally
	want    access // what the account has after the plan
	reject  access // what it no longer has
	place   string // the database of PostgreSQL that a check was of
	drops   bool   // the account, or what it has in a database of PostgreSQL
	heir    string // who gets what it owns
}

// Option changes how an account is planned.
type Option func(*options)

type options struct {
	adopt          bool
	partialRevokes bool
	narrow         []Drift
}

// Adopt lets a plan take over an existing account that is not for IAM: it becomes one
// that logs in with a token and no longer with its password. Without it, such an
// account is [ErrUnmanaged]. Superusers and master
// users are never taken over.
func Adopt() Option { return func(o *options) { o.adopt = true } }

// PartialRevokes makes files for a MySQL whose partial_revokes is on, as that of Aurora
// MySQL 3 always is; see [Statement]. A file that is run on the wrong kind of server fails
// before it changes anything. [Apply] asks the server and needs no option.
func PartialRevokes() Option { return func(o *options) { o.partialRevokes = true } }

// Narrow lets a plan for MySQL and MariaDB take the place of an older grant by an unescaped
// name or a pattern, which it would hide otherwise ([ErrHiddenGrant]): of all grants that match a
// database, only one counts. The plan grants what the older one gives on the database of the
// description, and revokes the older one. found is what [Check] of the account returned. The plan
// fails if the older grant stands for another database, too.
func Narrow(found []Drift) Option { return func(o *options) { o.narrow = found } }

// Plan returns what makes the account what the description says: it is created if it does
// not exist, brought in line if it does, and granted what it lacks. Nothing is revoked; see
// [Account.PlanExact]. Errors of the description are [*rdsiam.ConfigError]s; nothing is
// sent anywhere.
func (a Account) Plan(o ...Option) (*Plan, error) { return a.plan(nil, nil, o) }

// PlanExact is [Account.Plan] that also revokes what a [Check] of the account found to be
// Extra.
func (a Account) PlanExact(found []Drift, o ...Option) (*Plan, error) {
	if err := a.own(found); err != nil {
		return nil, err
	}
	extra := make(access)
	for _, drift := range found {
		if drift.Kind == Extra {
			extra.add(drift.target, drift.word)
		}
	}
	return a.plan(extra, found, o)
}

func (a Account) plan(extra access, found []Drift, o []Option) (*Plan, error) {
	p, settings, err := a.newPlan(o)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		p.place = found[0].database
	}
	for t, words := range extra {
		for word := range words {
			if !p.want.wants(t, word) {
				p.reject.add(t, word)
			}
		}
	}
	if a.Engine == PostgreSQL {
		p.createPostgreSQL(settings)
		return p, nil
	}
	if err := p.narrow(settings.narrow); err != nil {
		return nil, err
	}
	p.createMySQL(settings)
	return p, nil
}

// PlanRevoke returns what takes these grants from the account; they need not be
// in the description, whose own Grants and MemberOf are left alone. What the account does not
// have is no error in PostgreSQL; in MySQL and MariaDB, [Apply] leaves it out, and a file fails.
func (a Account) PlanRevoke(grants []Grant, o ...Option) (*Plan, error) {
	described, _ := a.Engine.expand(a.Grants) // what is wrong with these does not matter here
	a.Grants, a.MemberOf = nil, nil
	p, settings, err := a.newPlan(o)
	if err != nil {
		return nil, err
	}
	if p.reject, err = a.Engine.expand(grants); err != nil {
		return nil, err
	}
	if a.Engine == PostgreSQL {
		p.reject.keepReach(described)
		p.revokePostgreSQL(settings)
	} else {
		p.revokeMySQL(settings)
	}
	return p, nil
}

// DropOptions say how an account is dropped. They are for PostgreSQL, except Adopt.
type DropOptions struct {
	// ReassignTo is the role that gets what the account owns. If it is empty, an
	// account that owns something is not dropped: [ErrInUse].
	ReassignTo string
	// KeepRole releases the account from the database that the plan is run in, but
	// does not drop it. A role that has rights in several databases is released in
	// each of them before it can be dropped in the last; what it has in others stays.
	KeepRole bool
	// RevokeGranted takes what the account has granted to others along. Without it, an account that
	// has granted something is neither dropped nor released: [ErrInUse], and [Report] lists it.
	RevokeGranted bool
	// Adopt drops also an account that is not for IAM.
	Adopt bool
}

// PlanDrop returns what removes the account, if it exists. Sessions that it has go
// on until they end. Of the description, only the name, Host, Engine and Reach matter.
func (a Account) PlanDrop(d DropOptions) (*Plan, error) {
	a = Account{Engine: a.Engine, Name: a.Name, Host: a.Host, Reach: a.Reach}
	p, _, err := a.newPlan(nil)
	if err != nil {
		return nil, err
	}
	p.Warnings = nil
	if a.Engine == PostgreSQL {
		if d.ReassignTo != "" {
			if err := a.Engine.checkAccountName("DropOptions.ReassignTo", d.ReassignTo); err != nil {
				return nil, err
			}
		}
		if d.ReassignTo == a.Name {
			return nil, configError("reassign-to-itself", "DropOptions.ReassignTo", d.ReassignTo, "is the account that is to be dropped", "name another role")
		}
		p.dropPostgreSQL(d)
		return p, nil
	}
	if d.ReassignTo != "" || d.KeepRole || d.RevokeGranted {
		return nil, configError("drop-options-unsupported", "DropOptions", d.ReassignTo, "ReassignTo, KeepRole and RevokeGranted are for PostgreSQL: accounts of "+a.Engine.String()+" own nothing", "leave them empty")
	}
	p.dropMySQL(d)
	return p, nil
}

// newPlan checks the description and returns a plan without statements.
func (a Account) newPlan(o []Option) (*Plan, options, error) {
	var settings options
	for _, option := range o {
		option(&settings)
	}
	if err := a.validate(); err != nil {
		return nil, options{}, err
	}
	if settings.partialRevokes && a.Engine != MySQL {
		return nil, options{}, configError("partial-revokes-unsupported", "PartialRevokes", "", a.Engine.String()+" has no partial revokes", "leave the option out")
	}
	want, err := a.Engine.expand(a.Grants)
	if err != nil {
		return nil, options{}, err
	}
	for t := range want {
		if t.level == levelDefault && t.owner == a.Name {
			return nil, options{}, configError("future-objects-own", "owner of FutureObjects", t.owner, "is the account itself, which may use what it creates", "name another owner, or leave the grant out")
		}
	}
	for _, role := range a.MemberOf {
		a.Engine.addMembership(want, role)
	}
	p := &Plan{Engine: a.Engine, Account: a.Name, account: a, want: want, reject: make(access), literal: settings.partialRevokes}
	if !isLatin1(a.Name) {
		p.warn("IAM policies cannot hold the name of this account, only patterns such as * would match it: characters above U+00FF are not allowed in policies")
	}
	for _, role := range a.MemberOf {
		if a.Engine == PostgreSQL && slices.Contains(mightyRoles, role) {
			p.warn("members of " + role + " may do nearly everything, also to other accounts")
		}
	}
	switch a.Reach {
	case ProxyEndToEnd:
		p.warn("clients need rds-db:connect for the proxy (prx-…), and the role of the proxy needs it for the database, for this account")
	case ProxyStandard:
		p.warn("the account must exist with the password that the proxy reads from Secrets Manager; it gets neither rds_iam nor AWSAuthenticationPlugin, since the proxy checks the token")
	}
	return p, settings, nil
}

func (p *Plan) warn(text string) { p.Warnings = append(p.Warnings, text) }

func (p *Plan) add(kind StatementKind, summary, sql string) {
	p.Statements = append(p.Statements, Statement{SQL: sql, Summary: summary, Kind: kind})
}
