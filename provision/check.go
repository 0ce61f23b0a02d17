package provision

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// DriftKind is how an account differs from its description.
type DriftKind string

// The kinds of drift.
const (
	Missing        DriftKind = "missing"        // it lacks a privilege or membership; [Account.Plan] grants it
	Extra          DriftKind = "extra"          // it has one that is not described; [Account.PlanExact] revokes it
	NoAccount      DriftKind = "no account"     // it does not exist
	Authentication DriftKind = "authentication" // it does not log in as it should
	Plaintext      DriftKind = "plaintext"      // it may log in without TLS
	Attribute      DriftKind = "attribute"      // its connection limit or the like differs
	Lockout        DriftKind = "lockout"        // RDS takes no password of a role that is a member of it; see [ErrLockout]
	Public         DriftKind = "public"         // everybody may (PUBLIC), and so may the account; no plan changes that
	Neighbor       DriftKind = "neighbor"       // another account of MySQL has the same name and another host, and part of its grants
)

// Drift is a difference between an account and its description.
type Drift struct {
	Kind   DriftKind
	Detail string // for people

	target  target // of Missing and Extra
	word    string
	planned bool // a plan for the account corrects it

	account  string // that was checked
	database string // of PostgreSQL, in which it was checked
}

// String returns kind and detail.
func (d Drift) String() string { return string(d.Kind) + ": " + d.Detail }

// Check compares an account with its description and changes nothing. In PostgreSQL it
// looks at the database of the session, and at what databases have in common. What groups may
// is left out, and what PostgreSQL itself lets everybody do in a new database: connect, make
// temporary tables, call functions. A *sql.Conn must not be in a transaction of
// PostgreSQL. The runner needs to read the catalog: in PostgreSQL everybody can, in MySQL and
// MariaDB it takes SELECT on the database mysql, which the master user has.
func Check[S Session](ctx context.Context, session S, a Account) ([]Drift, error) {
	plan, err := a.Plan()
	if err != nil {
		return nil, err
	}
	switch s := any(session).(type) {
	case *sql.DB:
		conn, err := s.Conn(ctx)
		if err != nil {
			return nil, failure{}.at(a.Name, Statement{}, err)
		}
		defer conn.Close()
		return plan.checkConn(ctx, conn)
	case *sql.Conn:
		return plan.checkConn(ctx, s)
	case *sql.Tx:
		if a.Engine == PostgreSQL {
			return plan.checkPostgreSQL(ctx, s)
		}
		return plan.checkMySQL(ctx, s)
	}
	panic("unreachable")
}

func (p *Plan) checkConn(ctx context.Context, conn *sql.Conn) ([]Drift, error) {
	if p.Engine != PostgreSQL {
		return p.checkMySQL(ctx, conn)
	}
	if err := p.refuseTransaction(ctx, conn); err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, explain(p.Engine, p.Account, Statement{}, err)
	}
	defer tx.Rollback()
	return p.checkPostgreSQL(ctx, tx)
}

// state is what a server knows of an account.
type state struct {
	exists   bool
	database string              // the current one of PostgreSQL, "" in MySQL
	found    []Drift             // of the account itself
	have     access              // what was granted to it
	public   access              // what was granted to everybody, in MySQL beyond what servers grant by themselves
	contents map[target][]target // what a grant covers that is no grant on one thing
	things   map[target]thing    // of PostgreSQL
}

// thing is what decides whether an account needs a grant on something.
type thing struct {
	own         bool // the account owns it, and needs none
	ofExtension bool // grants on all that a schema has leave it out
	reached     bool // of a schema: the account has USAGE, however it came by it
}

func newState() *state {
	return &state{have: make(access), public: make(access), contents: make(map[target][]target), things: make(map[target]thing)}
}

// needed returns what wanted grants demand of each thing.
func (s *state) needed(want access) access {
	return s.resolve(want, func(t, one target, word string) bool {
		switch {
		case t.isAll() && s.things[one].ofExtension:
			return false
		case word == wordOfReach:
			return !s.things[t].reached
		}
		return true
	})
}

// covered returns what wanted grants allow on each thing: what they demand, and more.
func (s *state) covered(want access) access {
	each := s.resolve(want, func(_, _ target, _ string) bool { return true })
	for t := range each {
		if each[t][wordMember] {
			each.add(t, wordMaySet)
		}
	}
	return each
}

// resolve replaces grants that cover several things by those on each, where counts says so.
func (s *state) resolve(want access, counts func(t, one target, word string) bool) access {
	each := make(access)
	for t, words := range want {
		targets := s.contents[t]
		if targets == nil && !t.isAll() {
			targets = []target{t}
		}
		for _, one := range targets {
			whole := one
			if whole.level == levelColumn {
				whole.level, whole.column = levelTable, ""
			}
			if s.things[whole].own {
				continue
			}
			for word := range words {
				if counts(t, one, word) {
					each.add(one, strings.Replace(word, wordOfReach, "USAGE", 1))
				}
			}
		}
	}
	return each
}

// missing returns what the account lacks of what is wanted.
func (s *state) missing(want access) []Drift { return difference(Missing, s.needed(want), s.have) }

// extra returns what the account has beyond what is wanted. Rights on other databases of
// PostgreSQL are the business of the descriptions for these.
func (s *state) extra(want access) []Drift {
	return slices.DeleteFunc(difference(Extra, s.have, s.covered(want)), func(d Drift) bool {
		return s.database != "" && d.target.level == levelDatabase && d.target.space != s.database
	})
}

// present returns what the account still has of what was taken, unless it is wanted, by a
// grant on all that a schema has, or, of USAGE on a schema, needed there.
func (s *state) present(reject, want access) []Drift {
	taken := s.needed(reject)
	return slices.DeleteFunc(difference(Extra, s.have, s.covered(want)), func(d Drift) bool {
		return !taken[d.target][d.word] || reject[d.target][wordOfReach] && !reject[d.target][d.word]
	})
}

// difference returns what is in a and not in b, in order.
func difference(kind DriftKind, a, b access) []Drift {
	var drifts []Drift
	for _, t := range a.targets() {
		for _, word := range a.words(t) {
			if !b[t][word] {
				drifts = append(drifts, Drift{Kind: kind, Detail: word + " on " + t.String(), target: t, word: word})
			}
		}
	}
	return drifts
}

// drifts returns all that differs from the description, marked with what was checked.
func (p *Plan) drifts(s *state) []Drift {
	all := s.drifts(p.want)
	for i := range all {
		all[i].account, all[i].database = p.account.identity(), s.database
	}
	return all
}

// identity tells accounts apart.
func (a Account) identity() string {
	if a.Engine == PostgreSQL {
		return a.Engine.String() + " " + a.Name
	}
	return a.Engine.String() + " " + myAccount(a.Name, a.host())
}

// own refuses what a check of another account, or in another database, has found.
func (a Account) own(found []Drift) error {
	place := ""
	for _, g := range a.Grants {
		if g.preset != nil && a.Engine == PostgreSQL {
			place = g.preset.database
		}
	}
	for _, drift := range found {
		if place == "" {
			place = drift.database
		}
		switch {
		case drift.account != a.identity():
			return configError("drift-of-another-account", "found", drift.account, "is what Check found of another account", "give what it finds of this account")
		case drift.database != place:
			return configError("drift-of-another-database", "found", drift.database, "is what Check found in another database than "+quoted(place), "plan each database with what Check finds there")
		}
	}
	return nil
}

func (s *state) drifts(want access) []Drift {
	public := slices.DeleteFunc(difference(Public, s.public, s.covered(want)), func(d Drift) bool {
		return s.database != "" && s.isUsual(d.target, d.word)
	})
	return slices.Concat(s.found, s.missing(want), s.extra(want), public)
}

func (s *state) note(kind DriftKind, detail string) {
	s.found = append(s.found, Drift{Kind: kind, Detail: detail})
}

// notePlanned is note for what a plan for the account corrects.
func (s *state) notePlanned(kind DriftKind, detail string) {
	s.found = append(s.found, Drift{Kind: kind, Detail: detail, planned: true})
}

// collect calls f for each row of a query; f scans it.
func collect(ctx context.Context, q querier, f func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
