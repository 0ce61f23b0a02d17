package provision

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// carryOver makes sure that a new row for a database hides no older one: what the older
// one gives in this database is granted along with what is wanted. A row by the
// unescaped name, which was meant for this database alone, is then revoked.
func (p *Plan) carryOver(ctx context.Context, conn *sql.Conn, database string, report *record) error {
	exact := target{level: levelDatabase, space: database}
	rows, err := readDatabaseRows(ctx, conn, granteeOf(p.Account, p.account.host()), false)
	if err != nil {
		return explain(p.Engine, p.Account, Statement{}, err)
	}
	unescaped := target{level: levelPattern, space: database}
	if _, granted := rows[exact]; !granted {
		older, err := p.effectiveRow(rows, database)
		if err != nil {
			return err
		}
		words := slices.DeleteFunc(rows.words(older), func(word string) bool { return p.reject[older][word] || p.reject[exact][word] })
		if len(words) > 0 {
			union := access{exact: p.want[exact]}
			all := make(access)
			all.add(exact, slices.Concat(union.words(exact), words)...)
			list := strings.Join(all.words(exact), ", ")
			s := Statement{SQL: p.myGrant(KindGrant, list, myObject(exact, false)), Kind: KindGrant,
				Summary: change(KindGrant, list, exact.String()) + ", among it what the account has on " + older.String()}
			if err := p.execMySQL(ctx, conn, s, report); err != nil {
				return err
			}
		}
	}
	if words := rows.words(unescaped); len(words) > 0 {
		list := strings.Join(words, ", ")
		return p.execMySQL(ctx, conn, Statement{SQL: p.myGrant(KindRevoke, list, myObject(unescaped, false)), Kind: KindRevoke,
			Summary: change(KindRevoke, list, unescaped.String()) + ", an unescaped name, which stands for other databases too"}, report)
	}
	return nil
}

var privilegeWord = regexp.MustCompile(`^[A-Z]+( [A-Z]+)*$`)

// effectiveRow returns the row that counts for a database that has no row of its own:
// the zero target if none does. Of patterns, the one whose first wildcard comes last counts; where
// that leaves a doubt, or rights that are never granted here, somebody has to decide.
func (p *Plan) effectiveRow(rows access, database string) (target, error) {
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
	if tie {
		return target{}, p.hiddenGrant(best, "another pattern is as exact as it")
	}
	for _, word := range rows.words(best) {
		if word == wordGrantOption || !privilegeWord.MatchString(word) {
			return target{}, p.hiddenGrant(best, "it has "+word)
		}
	}
	return best, nil
}

func (p *Plan) hiddenGrant(t target, reason string) error {
	return notCarried.at(p.Account, Statement{}, errors.New("the grant on "+t.String()+" cannot be carried over: "+reason))
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
