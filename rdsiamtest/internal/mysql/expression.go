package mysql

import (
	"strconv"
	"strings"
)

// column parses one expression and its alias. Without an alias the column has
// the text of the expression for a name, as in MySQL.
func (p *parser) column() (expression, bool) {
	first := p.next()
	left := p.tokens
	value, ok := p.expression()
	if !ok {
		return expression{}, false
	}
	last := left[len(left)-len(p.tokens)-1]
	column := expression{name: p.sql[first.start:last.end], value: value}
	if last.kind == textToken {
		column.name = last.text
	}
	as := p.accept(wordToken, "as")
	switch alias := p.next(); {
	case alias.kind == nameToken || alias.kind == textToken:
		column.name = p.take().text
	case alias.kind == wordToken && alias.text != "from" && alias.text != "limit":
		p.take()
		column.name = p.sql[alias.start:alias.end]
	case as:
		return expression{}, false
	}
	return column, true
}

// expression parses a constant, a parameter (whose value is nil), a system
// variable or a function.
func (p *parser) expression() (func(*Session) value, bool) {
	switch token := p.take(); token.kind {
	case textToken:
		return constant(stringValue(p.text(token))), true
	case numberToken:
		return constant(numberValue(token.text)), true
	case variableToken:
		return systemVariable(token.text)
	case wordToken:
		return p.word(token.text)
	case symbolToken:
		switch {
		case token.text == "?":
			return nil, true
		case token.text == "-" && p.next().kind == numberToken:
			return constant(numberValue("-" + p.take().text)), true
		}
	}
	return nil, false
}

// text joins adjacent texts, as MySQL does.
func (p *parser) text(first token) string {
	var b strings.Builder
	b.WriteString(first.text)
	for p.next().kind == textToken {
		b.WriteString(p.take().text)
	}
	return b.String()
}

func (p *parser) word(word string) (func(*Session) value, bool) {
	switch word {
	case "null":
		return constant(nullValue()), true
	case "true":
		return constant(intValue(1)), true
	case "false":
		return constant(intValue(0)), true
	case "_binary", "_utf8mb4", "_utf8", "_latin1", "n":
		if p.next().kind == textToken {
			return constant(stringValue(p.text(p.take()))), true
		}
		return nil, false
	}
	parentheses := p.accept(symbolToken, "(")
	if parentheses && !p.accept(symbolToken, ")") {
		return nil, false
	}
	if !parentheses && word != "current_user" {
		return nil, false
	}
	return function(word)
}

func constant(v value) func(*Session) value {
	return func(*Session) value { return v }
}

// numberValue returns a number: an integer if it fits into 64 bits.
func numberValue(digits string) value {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return intValue(n)
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		return uintValue(n)
	}
	return decimalValue(digits)
}
