package rdsiamtest

import "github.com/rdsiam/rdsiam/internal/mysqlwire"

// mysqlStatement is one of the few statements that rdsiamtest answers itself.
type mysqlStatement struct {
	columns  []mysqlColumn     // of a SELECT; empty for a statement that is answered with OK
	effect   mysqlSessionState // what an OK changes
	database string            // for USE
	access   mysqlAccess       // of the transaction that begins, or of those to come
}

type mysqlSessionState byte

const (
	mysqlUnchanged mysqlSessionState = iota
	mysqlBegins
	mysqlEnds
	mysqlUses
	mysqlSetsAccess
	mysqlWrites // not answered, and refused by a read-only server
)

// mysqlColumn is one expression of a SELECT. A parameter has no value yet.
type mysqlColumn struct {
	name  string
	value func(*mysqlSession) mysqlValue
}

// mysqlMaxColumns is the limit of MySQL.
const mysqlMaxColumns = 4096

// parameters returns how many parameters s has. Only a SELECT has any.
func (s mysqlStatement) parameters() int {
	n := 0
	for _, column := range s.columns {
		if column.value == nil {
			n++
		}
	}
	return n
}

func unsupportedMySQL() *mysqlwire.Error {
	return &mysqlwire.Error{Number: 1235, SQLState: "42000", Text: "rdsiamtest answers only SELECT of constants, parameters, current_user(), version() and the like, " +
		"SET, USE and transaction statements; give it a real server for others with rdsiamtest.WithUpstream"}
}

func parseMySQLStatement(sql string) (mysqlStatement, *mysqlwire.Error) {
	tokens := mysqlTokens(sql)
	p := mysqlParser{sql: sql, tokens: tokens}
	if len(p.tokens) == mysqlMaxTokens {
		return mysqlStatement{}, unsupportedMySQL()
	}
	for n := len(p.tokens); n > 0 && p.tokens[n-1].is(mysqlSymbol, ";"); n-- {
		p.tokens = p.tokens[:n-1]
	}
	if len(p.tokens) == 0 {
		return mysqlStatement{}, &mysqlwire.Error{Number: 1065, SQLState: "42000", Text: "Query was empty"}
	}
	statement, ok := p.statement()
	switch answered := ok && len(p.tokens) == 0; {
	case !answered && isMySQLWrite(tokens):
		return mysqlStatement{effect: mysqlWrites}, nil
	case !answered:
		return mysqlStatement{}, unsupportedMySQL()
	}
	return statement, nil
}
