package provision

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// narrow takes the older grants that count for databases of the description into the plan:
// what they give there is wanted, and they are revoked.
func (p *Plan) narrow(found []Drift) error {
	if err := p.account.own(found); err != nil {
		return err
	}
	rows, missing := make(access), make(access)
	for _, drift := range found {
		switch drift.Kind {
		case Extra:
			rows.add(drift.target, drift.word)
		case Missing:
			missing.add(drift.target, drift.word)
		}
	}
	for _, t := range p.want.targets() {
		// A database with a row of its own has no use for another.
		if t.level != levelDatabase || len(rows[t]) > 0 || len(missing[t]) < len(p.want[t]) {
			continue
		}
		older, err := effectiveRow(rows, t.space)
		if err != nil {
			return err
		}
		if older == (target{}) {
			continue
		}
		words := rows.words(older)
		p.want.add(t, slices.DeleteFunc(slices.Clone(words), func(word string) bool { return p.reject[older][word] || p.reject[t][word] })...)
		p.reject.add(older, words...)
		p.add(KindGuard, "check that the grant on "+older.String()+" is for "+t.String()+" alone",
			guard(p.forPatterns("EXISTS ("+otherDatabases(older, t)+")"), guardWide))
	}
	return nil
}

// otherDatabases selects the databases besides t that a pattern stands for.
func otherDatabases(older, t target) string {
	return "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE " + exactly("SCHEMA_NAME") + " LIKE " + myString(older.space) +
		" ESCAPE x'5c' AND " + exactly("SCHEMA_NAME") + " <> " + myString(t.space)
}

var privilegeWord = regexp.MustCompile(`^[A-Z]+( [A-Z]+)*$`)

// effectiveRow returns the row that counts for a database that has no row of its own:
// the zero target if none does. Of patterns, the one whose first wildcard comes last counts; where
// that leaves a doubt, or rights that are never granted here, somebody has to decide.
func effectiveRow(rows access, database string) (target, error) {
	var best target
	bestAt, tie := -1, false
	for _, t := range rows.targets() {
		if t.level != levelPattern || !matches(t.space, database) {
			continue
		}
		switch at := firstWildcard(t.space); {
		case at > bestAt:
			best, bestAt, tie = t, at, false
		case at == bestAt:
			tie = true
		}
	}
	const fix = "revoke it, or describe in Account.Grants what it should give"
	if tie {
		return target{}, configError("narrow-tie", "Narrow", best.space, "is a grant beside which another pattern is as exact, and which of them counts is not known", fix)
	}
	for _, word := range rows.words(best) {
		if word == wordGrantOption || !privilegeWord.MatchString(word) {
			return target{}, configError("narrow-privilege", "Narrow", best.space, "is a grant of "+word+", which plans never give", fix)
		}
	}
	return best, nil
}

// explainHidden names the older grant that a new one would hide, and what to run.
func (p *Plan) explainHidden(ctx context.Context, q querier, s Statement, failed *Error) error {
	rows, err := readDatabaseRows(ctx, q, granteeOf(p.Account, p.account.host()), false)
	if err != nil {
		return failed
	}
	narrowed := failed.Code == grantWide.code
	for _, t := range p.want.targets() {
		for _, older := range rows.targets() {
			if t.level == levelDatabase && older.level == levelPattern && matches(older.space, t.space) &&
				len(rows[t]) == 0 && (p.reject[older] != nil) == narrowed {
				return p.hidden(ctx, q, s, rows, older, t)
			}
		}
	}
	return failed
}

// hidden is the error for an older grant that stands in the way of one on t.
func (p *Plan) hidden(ctx context.Context, q querier, s Statement, rows access, older, t target) error {
	var others []string
	err := collect(ctx, q, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		others = append(others, name)
		return err
	}, otherDatabases(older, t)+" ORDER BY SCHEMA_NAME")
	if err != nil {
		return explain(p.Engine, p.Account, s, err)
	}
	what := "the one on " + older.String()
	if len(others) == 0 {
		return grantHidden.at(p.Account, s, errors.New(what))
	}
	words := strings.Join(rows.words(older), ", ")
	run := p.myGrant(KindRevoke, words, myObject(older, false)) + ";"
	for _, name := range append(others, t.space) {
		run += " " + p.myGrant(KindGrant, words, myObject(target{level: levelDatabase, space: name}, false)) + ";"
	}
	return grantWide.at(p.Account, s, errors.New(what+", which also stands for "+strings.Join(others, ", ")+": "+strings.TrimSuffix(run, ";")))
}

// readDatabaseRows reads the grants on databases and patterns of them. literal is
// whether the server takes these for names.
func readDatabaseRows(ctx context.Context, q querier, grantee string, literal bool) (access, error) {
	rows := make(access)
	err := collect(ctx, q, func(scan func(...any) error) error {
		var pattern, word, grantable string
		if err := scan(&pattern, &word, &grantable); err != nil {
			return err
		}
		t := rowTarget(pattern, literal)
		if word != wordUsage {
			rows.add(t, word)
		}
		if grantable == "YES" {
			rows.add(t, wordGrantOption)
		}
		return nil
	}, "SELECT TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES WHERE "+exactly("GRANTEE")+" = ?", grantee)
	return rows, err
}

// granteeOf is an account as information_schema has it, which escapes nothing.
func granteeOf(user, host string) string { return "'" + user + "'@'" + host + "'" }

// rowTarget tells the name of one database from a pattern: only names as we write them
// are the former.
func rowTarget(pattern string, literal bool) target {
	if literal {
		return target{level: levelDatabase, space: pattern}
	}
	name := unescapePattern(pattern)
	if myDatabasePattern(name) == pattern {
		return target{level: levelDatabase, space: name}
	}
	return target{level: levelPattern, space: pattern}
}
