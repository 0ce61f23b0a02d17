package mysql

import "strconv"

type parser struct {
	sql    string
	tokens []token // that are left
}

func (t token) is(kind tokenKind, text string) bool {
	return t.kind == kind && t.text == text
}

// next returns the next token without taking it.
func (p *parser) next() token {
	if len(p.tokens) == 0 {
		return token{kind: symbolToken}
	}
	return p.tokens[0]
}

func (p *parser) take() token {
	token := p.next()
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:]
	}
	return token
}

// accept takes the next token if it is the given one.
func (p *parser) accept(kind tokenKind, text string) bool {
	if !p.next().is(kind, text) {
		return false
	}
	p.take()
	return true
}

func (p *parser) statement() (stmt, bool) {
	word := p.take()
	if word.kind != wordToken {
		return stmt{}, false
	}
	switch word.text {
	case "select":
		return p.selection()
	case "set":
		return p.assignments()
	case "begin":
		p.accept(wordToken, "work")
		return stmt{effect: begins}, true
	case "start":
		transaction := p.accept(wordToken, "transaction")
		access := accessOf(p.tokens)
		return stmt{effect: begins, access: access}, transaction && p.skipWords()
	case "commit", "rollback":
		p.accept(wordToken, "work")
		return stmt{effect: ends}, true
	case "use":
		name, ok := p.name()
		return stmt{effect: uses, database: name}, ok
	}
	return stmt{}, false
}

// name takes a name: a word keeps the case that it is written in.
func (p *parser) name() (string, bool) {
	switch token := p.take(); token.kind {
	case nameToken:
		return token.text, true
	case wordToken:
		return p.sql[token.start:token.end], true
	}
	return "", false
}

// assignments reads SET. Of the settings, only the access mode of transactions counts.
func (p *parser) assignments() (stmt, bool) {
	var s stmt
	words := p.tokens
	if len(words) > 1 && words[0].is(wordToken, "session") && words[1].is(wordToken, "transaction") {
		if s.access = accessOf(words); s.access != anyAccess {
			s.effect = setsAccess
		}
	}
	return s, p.skipAssignments()
}

// skipAssignments takes everything up to the end. Settings change nothing here.
func (p *parser) skipAssignments() bool {
	if len(p.tokens) == 0 || p.next().is(wordToken, "password") {
		return false
	}
	for len(p.tokens) > 0 {
		if token := p.take(); token.is(symbolToken, ";") || token.is(symbolToken, "?") {
			return false
		}
	}
	return true
}

// skipWords takes the modes of START TRANSACTION.
func (p *parser) skipWords() bool {
	for len(p.tokens) > 0 {
		if token := p.take(); token.kind != wordToken && !token.is(symbolToken, ",") {
			return false
		}
	}
	return true
}

func (p *parser) selection() (stmt, bool) {
	var s stmt
	for {
		column, ok := p.column()
		if !ok || len(s.columns) == maxColumns {
			return s, false
		}
		s.columns = append(s.columns, column)
		if !p.accept(symbolToken, ",") {
			break
		}
	}
	if p.accept(wordToken, "from") && !p.accept(wordToken, "dual") {
		return s, false
	}
	if p.accept(wordToken, "limit") {
		rows, err := strconv.ParseUint(p.take().text, 10, 64)
		return s, err == nil && rows > 0
	}
	return s, true
}
