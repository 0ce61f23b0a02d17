package mysql

import "github.com/rdsiam/rdsiam/internal/mysqlwire"

// stmt is one of the few statements that rdsiamtest answers itself.
type stmt struct {
	columns  []expression // of a SELECT; empty for a statement that is answered with OK
	effect   effect       // what an OK changes
	database string       // for USE
	access   accessMode   // of the transaction that begins, or of those to come
}

type effect byte

const (
	unchanged effect = iota
	begins
	ends
	uses
	setsAccess
	writes // not answered, and refused by a read-only server
)

// expression is one expression of a SELECT. A parameter has no value yet.
type expression struct {
	name  string
	value func(*Session) value
}

// maxColumns is the limit of MySQL.
const maxColumns = 4096

// parameters returns how many parameters s has. Only a SELECT has any.
func (s stmt) parameters() int {
	n := 0
	for _, column := range s.columns {
		if column.value == nil {
			n++
		}
	}
	return n
}

func unsupported() *mysqlwire.Error {
	return &mysqlwire.Error{Number: 1235, SQLState: "42000", Text: "rdsiamtest answers only SELECT of constants, parameters, current_user(), version() and the like, " +
		"SET, USE and transaction statements; give it a real server for others with rdsiamtest.WithUpstream"}
}

func parse(sql string) (stmt, *mysqlwire.Error) {
	tokens := tokenize(sql)
	p := parser{sql: sql, tokens: tokens}
	if len(p.tokens) == maxTokens {
		return stmt{}, unsupported()
	}
	for n := len(p.tokens); n > 0 && p.tokens[n-1].is(symbolToken, ";"); n-- {
		p.tokens = p.tokens[:n-1]
	}
	if len(p.tokens) == 0 {
		return stmt{}, &mysqlwire.Error{Number: 1065, SQLState: "42000", Text: "Query was empty"}
	}
	statement, ok := p.statement()
	switch answered := ok && len(p.tokens) == 0; {
	case !answered && isWrite(tokens):
		return stmt{effect: writes}, nil
	case !answered:
		return stmt{}, unsupported()
	}
	return statement, nil
}
