package postgresql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// parse reads statements divided by semicolons and leaves out empty
// ones.
func parse(text string) ([]stmt, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	var statements []stmt
	for len(words) > 0 {
		end := slices.IndexFunc(words, func(w sqlWord) bool { return w.is(";") })
		rest := words[len(words):]
		if end >= 0 {
			words, rest = words[:end], words[end+1:]
		}
		if len(words) > 0 {
			statement, err := parseStatement(words)
			if write, ok := findWrite(words); err != nil && ok {
				statement, err = stmt{tag: "WRITE", write: &write, unsupported: err}, nil
			}
			if err != nil {
				return nil, err
			}
			statements = append(statements, statement)
		}
		words = rest
	}
	return statements, nil
}

func parseStatement(words []sqlWord) (stmt, error) {
	if words[0].kind != nameWord {
		return stmt{}, syntaxError(words[0].text)
	}
	switch first, last := words[0].text, words[len(words)-1].text; first {
	case "select":
		return parseSelect(words[1:])
	case "show":
		return parseShow(words[1:])
	case "savepoint", "release":
		return stmt{tag: strings.ToUpper(first)}, nil
	case "set":
		return stmt{tag: "SET", access: accessOf(words)}, nil
	case "begin", "start":
		return stmt{tag: "BEGIN", access: accessOf(words)}, nil
	case "commit", "end":
		return stmt{tag: "COMMIT"}, nil
	case "rollback", "abort":
		savepoint := slices.ContainsFunc(words, func(w sqlWord) bool { return w.isName("to") })
		return stmt{tag: "ROLLBACK", savepoint: savepoint}, nil
	case "discard":
		return stmt{tag: "DISCARD ALL"}, nil
	case "deallocate":
		switch {
		case len(words) == 1:
			return stmt{}, errEnd
		case words[len(words)-1].isName("all"):
			return stmt{tag: "DEALLOCATE ALL"}, nil
		default:
			return stmt{tag: "DEALLOCATE", name: last}, nil
		}
	default:
		return stmt{}, unsupported(strings.ToUpper(brief.Name(first)))
	}
}

// parseSelect reads what follows SELECT: expressions with an optional
// cast and an optional name.
func parseSelect(words []sqlWord) (stmt, error) {
	statement := stmt{tag: "SELECT"}
	p := &parser{words: words}
	for {
		column, err := p.column()
		if err != nil {
			return stmt{}, err
		}
		if len(statement.columns) == maxColumns {
			return stmt{}, &Error{
				Code:    "54011",
				Message: fmt.Sprintf("target lists can have at most %d entries", maxColumns),
			}
		}
		statement.columns = append(statement.columns, column)
		if p.at == len(p.words) {
			return statement, nil
		}
		if !p.accept(",") {
			return stmt{}, unsupported(fmt.Sprintf("a SELECT with %q", brief.Name(p.words[p.at].text)))
		}
	}
}

type parser struct {
	words []sqlWord
	at    int
}

func (p *parser) accept(symbol string) bool {
	if p.at < len(p.words) && p.words[p.at].is(symbol) {
		p.at++
		return true
	}
	return false
}

func (p *parser) next() (sqlWord, error) {
	if p.at == len(p.words) {
		return sqlWord{}, errEnd
	}
	p.at++
	return p.words[p.at-1], nil
}

func (p *parser) column() (expression, error) {
	column, err := p.expression()
	if err != nil {
		return expression{}, err
	}
	for p.accept("::") {
		if err := p.cast(&column); err != nil {
			return expression{}, err
		}
	}
	column.name, err = p.alias(column.name)
	return column, err
}

// alias reads a column's name, if there is one. What cannot be a name is left to
// the caller.
func (p *parser) alias(otherwise string) (string, error) {
	if p.at == len(p.words) {
		return otherwise, nil
	}
	word := p.words[p.at]
	if word.isName("as") {
		p.at++
		var err error
		if word, err = p.next(); err != nil {
			return "", err
		}
		if !word.isIdentifier() {
			return "", syntaxError(word.text)
		}
		return word.text, nil
	}
	if !word.isIdentifier() || word.kind == nameWord && clauses[word.text] {
		return otherwise, nil
	}
	p.at++
	return word.text, nil
}

// clauses are words that cannot be a name without AS.
var clauses = map[string]bool{
	"from": true, "where": true, "group": true, "having": true, "order": true, "limit": true, "offset": true,
	"union": true, "intersect": true, "except": true, "for": true, "into": true, "and": true, "or": true,
}

func (p *parser) cast(column *expression) error {
	word, err := p.next()
	if err != nil {
		return err
	}
	typ, ok := typeByName(word.text)
	if !ok {
		return unsupported(fmt.Sprintf("a cast to %q", brief.Name(word.text)))
	}
	column.typ, column.typed = typ, true
	if column.name == "?column?" {
		column.name = typ.name
	}
	return nil
}

func (p *parser) expression() (expression, error) {
	word, err := p.next()
	if err != nil {
		return expression{}, err
	}
	column := expression{name: "?column?", typ: textType}
	switch word.kind {
	case stringWord:
		column.value.data = []byte(word.text)
		return column, nil
	case parameterWord:
		column.parameter, err = strconv.Atoi(word.text)
		if err != nil || column.parameter < 1 || column.parameter > 65535 {
			return expression{}, &Error{Code: "42P02", Message: "there is no parameter $" + brief.Name(word.text)}
		}
		return column, nil
	case numberWord:
		return integerColumn(column, word.text)
	case symbolWord:
		if word.text == "-" && p.at < len(p.words) && p.words[p.at].kind == numberWord {
			p.at++
			return integerColumn(column, "-"+p.words[p.at-1].text)
		}
		return expression{}, unsupported(fmt.Sprintf("an expression with %q", word.text))
	case nameWord:
		return p.named(column, word.text)
	default:
		return expression{}, unsupported(fmt.Sprintf("the column %q", brief.Name(word.text)))
	}
}

func integerColumn(column expression, digits string) (expression, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return expression{}, unsupported("the number " + brief.Name(digits))
	}
	column.typ = int4Type
	if int64(int32(n)) != n {
		column.typ = int8Type
	}
	column.value.data = []byte(digits)
	return column, nil
}

// named reads a keyword or function; the parentheses after version,
// current_database and pg_is_in_recovery belong to it.
func (p *parser) named(column expression, name string) (expression, error) {
	switch name {
	case "null":
		column.value.null = true
		return column, nil
	case "true", "false":
		column.name, column.typ = "bool", boolType
		column.value.data = []byte(name[:1])
		return column, nil
	case "current_user", "session_user", "user", "current_role":
		column.name, column.typ, column.function = name, nameType, "current_user"
		return column, nil
	case "version", "current_database", "pg_is_in_recovery":
		if p.accept("(") && p.accept(")") {
			column.name, column.function = name, name
			switch name {
			case "current_database":
				column.typ = nameType
			case "pg_is_in_recovery":
				column.typ = boolType
			}
			return column, nil
		}
	}
	return expression{}, unsupported(fmt.Sprintf("the expression %q", brief.Name(name)))
}
