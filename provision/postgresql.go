package provision

import (
	"slices"
	"strings"
)

func (p *Plan) createPostgreSQL(o options) {
	a := p.account
	if a.Reach == ProxyStandard {
		p.add(KindGuard, "check that role "+quoted(a.Name)+" exists and has no rds_iam", p.block(pgRequire, p.database()))
	} else {
		p.add(KindCreate, "create role "+quoted(a.Name)+", or check that it is one for IAM", p.block(pgCreate, p.database(), pgBool("adopt", o.adopt)))
	}
	if a.MaxConnections > 0 {
		p.add(KindAlter, "limit its connections to "+itoa(a.MaxConnections),
			"ALTER ROLE "+pgIdentifier(a.Name)+" CONNECTION LIMIT "+itoa(a.MaxConnections))
	}
	if a.Comment != "" {
		p.add(KindAlter, "comment on it", "COMMENT ON ROLE "+pgIdentifier(a.Name)+" IS "+pgString(a.Comment))
	}
	// Everything happens in one transaction, and a revoke of a table's privilege
	// takes that of its columns along: revokes come first.
	p.pgChange(KindRevoke, whole(p.reject))
	p.pgChange(KindGrant, p.want)
	if a.Reach == ProxyStandard {
		p.add(KindGuard, "check that it is no member of rds_iam through another role", p.block(pgNotIAM))
	} else {
		p.add(KindGrant, "make it a member of rds_iam, unless that would lock out a role that is a member of it", p.block(pgFinish))
	}
}

func (p *Plan) revokePostgreSQL(o options) {
	if p.account.Reach == ProxyStandard {
		p.add(KindGuard, "check that role "+quoted(p.Account)+" exists", p.block(pgRequire, p.database()))
	} else {
		p.add(KindGuard, "check that role "+quoted(p.Account)+" exists and is one for IAM", p.block(pgExisting, pgBool("adopt", o.adopt)))
	}
	p.pgChange(KindRevoke, whole(p.reject))
}

// database returns the parameter that names the database that the plan must run in,
// which is known where a grant within a database comes with one on the database.
func (p *Plan) database() string {
	name := p.place
	for _, g := range p.account.Grants {
		if g.preset != nil {
			name = g.preset.database
		}
	}
	return pgText("want_database", name)
}

// oneDatabase refuses presets for several databases, whose schemas could not be told
// apart: a plan works in one.
func oneDatabase(grants []Grant) error {
	name := ""
	for _, g := range grants {
		switch {
		case g.preset == nil:
		case name == "":
			name = g.preset.database
		case name != g.preset.database:
			return configError("grant-other-database", "Account.Grants", g.preset.database, "is another database than "+quoted(name)+", and a plan for PostgreSQL works in one",
				"describe the account once for each database, under the same name")
		}
	}
	return nil
}

// wordOption precedes a privilege that may be handed on.
const wordOption = "GRANT OPTION FOR "

// whole returns the privileges that have to be revoked so that they cannot be handed on:
// themselves. What is wanted of them is granted again.
func whole(reject access) access {
	all := make(access)
	for t := range reject {
		for word := range reject[t] {
			all.add(t, strings.TrimPrefix(word, wordOption))
		}
	}
	return all
}

// pgChange adds the statements that grant or revoke.
func (p *Plan) pgChange(kind StatementKind, a access) {
	targets := a.targets()
	for i, t := range targets {
		switch t.level {
		case levelColumn:
			// All columns of a table make one statement, with its first.
			if i > 0 && sameTable(targets[i-1], t) {
				continue
			}
			table := t
			table.level, table.column = levelTable, ""
			p.pgGrant(kind, table, columnList(a, targets[i:], pgIdentifier), "columns of "+table.String())
		case levelAllTables, levelAllSequences, levelAllRoutines, levelFunction, levelProcedure:
			words := strings.Join(a.words(t), ", ")
			p.add(kind, change(kind, words, t.String()), p.pgEach(kind, words, t))
		case levelRole:
			words := a.words(t)
			p.add(kind, change(kind, strings.Join(words, ", "), t.String()), "ALTER ROLE "+pgIdentifier(p.Account)+" NO"+strings.Join(words, " NO"))
		case levelMembership:
			p.add(kind, change(kind, "membership", t.String()), p.block(pgMember, pgText("group_name", t.object), pgBool("revoke", kind == KindRevoke)))
		default:
			words := slices.DeleteFunc(a.words(t), func(word string) bool { return word == wordOfReach })
			if len(words) > 0 {
				p.pgGrant(kind, t, strings.Join(words, ", "), t.String())
			}
		}
	}
	// USAGE on schemas comes last: a group may give it, and it goes with the last that needs it.
	for _, t := range targets {
		switch {
		case !a[t][wordOfReach] || a[t]["USAGE"]:
		case kind == KindGrant:
			p.add(kind, "grant USAGE on "+t.String()+" for what is in it, unless the account has it", p.block(pgReach, pgText("schema_name", t.space)))
		default:
			p.add(kind, "revoke USAGE on "+t.String()+", unless the account still has something in it", p.block(pgLeave, pgText("schema_name", t.space)))
		}
	}
}

func (p *Plan) pgGrant(kind StatementKind, t target, words, summary string) {
	sql := "GRANT " + words + " ON " + pgObject(t) + " TO " + pgIdentifier(p.Account)
	if kind == KindRevoke {
		sql = "REVOKE " + words + " ON " + pgObject(t) + " FROM " + pgIdentifier(p.Account)
	}
	if t.level == levelDefault {
		place := ""
		if t.space != "" {
			place = " IN SCHEMA " + pgIdentifier(t.space)
		}
		sql = "ALTER DEFAULT PRIVILEGES FOR ROLE " + pgIdentifier(t.owner) + place + " " + sql
	}
	p.add(kind, change(kind, words, summary), sql)
}

// pgObject returns what follows ON.
func pgObject(t target) string {
	name := pgIdentifier(t.space)
	if t.object != "" {
		name += "." + pgIdentifier(t.object)
	}
	switch t.level {
	case levelDatabase:
		return "DATABASE " + name
	case levelSchema:
		return "SCHEMA " + name
	case levelSequence:
		return "SEQUENCE " + name
	case levelDefault:
		return t.kind.word()
	}
	return "TABLE " + name
}

func sameTable(a, b target) bool {
	a.column, b.column = "", ""
	return a == b
}

// columnList returns privileges with their columns, such as SELECT ("a", "b"). targets
// starts with a column, whose table is meant.
func columnList(a access, targets []target, quote func(string) string) string {
	columns := make(map[string][]string)
	var words []string
	for _, t := range targets {
		if !sameTable(t, targets[0]) {
			break
		}
		for _, word := range a.words(t) {
			if columns[word] == nil {
				words = append(words, word)
			}
			columns[word] = append(columns[word], quote(t.column))
		}
	}
	slices.Sort(words)
	for i, word := range words {
		words[i] = word + " (" + strings.Join(columns[word], ", ") + ")"
	}
	return strings.Join(words, ", ")
}

func change(kind StatementKind, words, what string) string {
	if kind == KindRevoke {
		return "revoke " + words + " on " + what
	}
	return "grant " + words + " on " + what
}

func quoted(name string) string { return `"` + name + `"` }
