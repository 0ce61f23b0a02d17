package rdsiamtest

import "strconv"

type mysqlParser struct {
	sql    string
	tokens []mysqlToken // that are left
}

func (t mysqlToken) is(kind mysqlTokenKind, text string) bool {
	return t.kind == kind && t.text == text
}

// next returns the next token without taking it.
func (p *mysqlParser) next() mysqlToken {
	if len(p.tokens) == 0 {
		return mysqlToken{kind: mysqlSymbol}
	}
	return p.tokens[0]
}

func (p *mysqlParser) take() mysqlToken {
	token := p.next()
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:]
	}
	return token
}

// accept takes the next token if it is the given one.
func (p *mysqlParser) accept(kind mysqlTokenKind, text string) bool {
	if !p.next().is(kind, text) {
		return false
	}
	p.take()
	return true
}

func (p *mysqlParser) statement() (mysqlStatement, bool) {
	word := p.take()
	if word.kind != mysqlWord {
		return mysqlStatement{}, false
	}
	switch word.text {
	case "select":
		return p.selection()
	case "set":
		return p.assignments()
	case "begin":
		p.accept(mysqlWord, "work")
		return mysqlStatement{effect: mysqlBegins}, true
	case "start":
		transaction := p.accept(mysqlWord, "transaction")
		access := mysqlAccessOf(p.tokens)
		return mysqlStatement{effect: mysqlBegins, access: access}, transaction && p.skipWords()
	case "commit", "rollback":
		p.accept(mysqlWord, "work")
		return mysqlStatement{effect: mysqlEnds}, true
	case "use":
		name, ok := p.name()
		return mysqlStatement{effect: mysqlUses, database: name}, ok
	}
	return mysqlStatement{}, false
}

// name takes a name: a word keeps the case that it is written in.
func (p *mysqlParser) name() (string, bool) {
	switch token := p.take(); token.kind {
	case mysqlName:
		return token.text, true
	case mysqlWord:
		return p.sql[token.start:token.end], true
	}
	return "", false
}

// assignments reads SET. Of the settings, only the access mode of transactions counts.
func (p *mysqlParser) assignments() (mysqlStatement, bool) {
	var s mysqlStatement
	words := p.tokens
	if len(words) > 1 && words[0].is(mysqlWord, "session") && words[1].is(mysqlWord, "transaction") {
		if s.access = mysqlAccessOf(words); s.access != mysqlAnyAccess {
			s.effect = mysqlSetsAccess
		}
	}
	return s, p.skipAssignments()
}

// skipAssignments takes everything up to the end. Settings change nothing here.
func (p *mysqlParser) skipAssignments() bool {
	if len(p.tokens) == 0 || p.next().is(mysqlWord, "password") {
		return false
	}
	for len(p.tokens) > 0 {
		if token := p.take(); token.is(mysqlSymbol, ";") || token.is(mysqlSymbol, "?") {
			return false
		}
	}
	return true
}

// skipWords takes the modes of START TRANSACTION.
func (p *mysqlParser) skipWords() bool {
	for len(p.tokens) > 0 {
		if token := p.take(); token.kind != mysqlWord && !token.is(mysqlSymbol, ",") {
			return false
		}
	}
	return true
}

func (p *mysqlParser) selection() (mysqlStatement, bool) {
	var s mysqlStatement
	for {
		column, ok := p.column()
		if !ok || len(s.columns) == mysqlMaxColumns {
			return s, false
		}
		s.columns = append(s.columns, column)
		if !p.accept(mysqlSymbol, ",") {
			break
		}
	}
	if p.accept(mysqlWord, "from") && !p.accept(mysqlWord, "dual") {
		return s, false
	}
	if p.accept(mysqlWord, "limit") {
		rows, err := strconv.ParseUint(p.take().text, 10, 64)
		return s, err == nil && rows > 0
	}
	return s, true
}
