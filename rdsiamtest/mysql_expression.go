package rdsiamtest

import (
	"strconv"
	"strings"
)

// column parses one expression and its alias. Without an alias the column has
// the text of the expression for a name, as in MySQL.
func (p *mysqlParser) column() (mysqlColumn, bool) {
	first := p.next()
	left := p.tokens
	value, ok := p.expression()
	if !ok {
		return mysqlColumn{}, false
	}
	last := left[len(left)-len(p.tokens)-1]
	column := mysqlColumn{name: p.sql[first.start:last.end], value: value}
	if last.kind == mysqlText {
		column.name = last.text
	}
	as := p.accept(mysqlWord, "as")
	switch alias := p.next(); {
	case alias.kind == mysqlName || alias.kind == mysqlText:
		column.name = p.take().text
	case alias.kind == mysqlWord && alias.text != "from" && alias.text != "limit":
		p.take()
		column.name = p.sql[alias.start:alias.end]
	case as:
		return mysqlColumn{}, false
	}
	return column, true
}

// expression parses a constant, a parameter (whose value is nil), a system
// variable or a function.
func (p *mysqlParser) expression() (func(*mysqlSession) mysqlValue, bool) {
	switch token := p.take(); token.kind {
	case mysqlText:
		return constantMySQL(mysqlString(p.text(token))), true
	case mysqlNumber:
		return constantMySQL(mysqlDigits(token.text)), true
	case mysqlVariable:
		return mysqlSystemVariable(token.text)
	case mysqlWord:
		return p.word(token.text)
	case mysqlSymbol:
		switch {
		case token.text == "?":
			return nil, true
		case token.text == "-" && p.next().kind == mysqlNumber:
			return constantMySQL(mysqlDigits("-" + p.take().text)), true
		}
	}
	return nil, false
}

// text joins adjacent texts, as MySQL does.
func (p *mysqlParser) text(first mysqlToken) string {
	var b strings.Builder
	b.WriteString(first.text)
	for p.next().kind == mysqlText {
		b.WriteString(p.take().text)
	}
	return b.String()
}

func (p *mysqlParser) word(word string) (func(*mysqlSession) mysqlValue, bool) {
	switch word {
	case "null":
		return constantMySQL(mysqlNull()), true
	case "true":
		return constantMySQL(mysqlInt(1)), true
	case "false":
		return constantMySQL(mysqlInt(0)), true
	case "_binary", "_utf8mb4", "_utf8", "_latin1", "n":
		if p.next().kind == mysqlText {
			return constantMySQL(mysqlString(p.text(p.take()))), true
		}
		return nil, false
	}
	parentheses := p.accept(mysqlSymbol, "(")
	if parentheses && !p.accept(mysqlSymbol, ")") {
		return nil, false
	}
	if !parentheses && word != "current_user" {
		return nil, false
	}
	return mysqlFunction(word)
}

func constantMySQL(v mysqlValue) func(*mysqlSession) mysqlValue {
	return func(*mysqlSession) mysqlValue { return v }
}

// mysqlDigits returns a number: an integer if it fits into 64 bits.
func mysqlDigits(digits string) mysqlValue {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return mysqlInt(n)
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		return mysqlUint(n)
	}
	return mysqlDecimal(digits)
}
