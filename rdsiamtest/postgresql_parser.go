package rdsiamtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// parsePostgres reads statements divided by semicolons and leaves out empty
// ones.
func parsePostgres(text string) ([]postgresStatement, error) {
	words, err := postgresWords(text)
	if err != nil {
		return nil, err
	}
	var statements []postgresStatement
	for len(words) > 0 {
		end := slices.IndexFunc(words, func(w postgresWord) bool { return w.is(";") })
		rest := words[len(words):]
		if end >= 0 {
			words, rest = words[:end], words[end+1:]
		}
		if len(words) > 0 {
			statement, err := parsePostgresStatement(words)
			if write, ok := findPostgresWrite(words); err != nil && ok {
				statement, err = postgresStatement{tag: "WRITE", write: &write, unsupported: err}, nil
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

func parsePostgresStatement(words []postgresWord) (postgresStatement, error) {
	if words[0].kind != postgresName {
		return postgresStatement{}, syntaxError(words[0].text)
	}
	switch first, last := words[0].text, words[len(words)-1].text; first {
	case "select":
		return parsePostgresSelect(words[1:])
	case "show":
		return parsePostgresShow(words[1:])
	case "savepoint", "release":
		return postgresStatement{tag: strings.ToUpper(first)}, nil
	case "set":
		return postgresStatement{tag: "SET", access: postgresAccessOf(words)}, nil
	case "begin", "start":
		return postgresStatement{tag: "BEGIN", access: postgresAccessOf(words)}, nil
	case "commit", "end":
		return postgresStatement{tag: "COMMIT"}, nil
	case "rollback", "abort":
		savepoint := slices.ContainsFunc(words, func(w postgresWord) bool { return w.isName("to") })
		return postgresStatement{tag: "ROLLBACK", savepoint: savepoint}, nil
	case "discard":
		return postgresStatement{tag: "DISCARD ALL"}, nil
	case "deallocate":
		switch {
		case len(words) == 1:
			return postgresStatement{}, errPostgresEnd
		case words[len(words)-1].isName("all"):
			return postgresStatement{tag: "DEALLOCATE ALL"}, nil
		default:
			return postgresStatement{tag: "DEALLOCATE", name: last}, nil
		}
	default:
		return postgresStatement{}, unsupportedPostgres(strings.ToUpper(brief.Name(first)))
	}
}

// parsePostgresSelect reads what follows SELECT: expressions with an optional
// cast and an optional name.
func parsePostgresSelect(words []postgresWord) (postgresStatement, error) {
	statement := postgresStatement{tag: "SELECT"}
	p := &postgresParser{words: words}
	for {
		column, err := p.column()
		if err != nil {
			return postgresStatement{}, err
		}
		if len(statement.columns) == postgresMaxColumns {
			return postgresStatement{}, &postgresError{
				code:    "54011",
				message: fmt.Sprintf("target lists can have at most %d entries", postgresMaxColumns),
			}
		}
		statement.columns = append(statement.columns, column)
		if p.at == len(p.words) {
			return statement, nil
		}
		if !p.accept(",") {
			return postgresStatement{}, unsupportedPostgres(fmt.Sprintf("a SELECT with %q", brief.Name(p.words[p.at].text)))
		}
	}
}

type postgresParser struct {
	words []postgresWord
	at    int
}

func (p *postgresParser) accept(symbol string) bool {
	if p.at < len(p.words) && p.words[p.at].is(symbol) {
		p.at++
		return true
	}
	return false
}

func (p *postgresParser) next() (postgresWord, error) {
	if p.at == len(p.words) {
		return postgresWord{}, errPostgresEnd
	}
	p.at++
	return p.words[p.at-1], nil
}

func (p *postgresParser) column() (postgresColumn, error) {
	column, err := p.expression()
	if err != nil {
		return postgresColumn{}, err
	}
	for p.accept("::") {
		if err := p.cast(&column); err != nil {
			return postgresColumn{}, err
		}
	}
	column.name, err = p.alias(column.name)
	return column, err
}

// alias reads a column's name, if there is one. What cannot be a name is left to
// the caller.
func (p *postgresParser) alias(otherwise string) (string, error) {
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
	if !word.isIdentifier() || word.kind == postgresName && postgresClauses[word.text] {
		return otherwise, nil
	}
	p.at++
	return word.text, nil
}

// postgresClauses are words that cannot be a name without AS.
var postgresClauses = map[string]bool{
	"from": true, "where": true, "group": true, "having": true, "order": true, "limit": true, "offset": true,
	"union": true, "intersect": true, "except": true, "for": true, "into": true, "and": true, "or": true,
}

func (p *postgresParser) cast(column *postgresColumn) error {
	word, err := p.next()
	if err != nil {
		return err
	}
	typ, ok := postgresTypeByName(word.text)
	if !ok {
		return unsupportedPostgres(fmt.Sprintf("a cast to %q", brief.Name(word.text)))
	}
	column.typ, column.typed = typ, true
	if column.name == "?column?" {
		column.name = typ.name
	}
	return nil
}

func (p *postgresParser) expression() (postgresColumn, error) {
	word, err := p.next()
	if err != nil {
		return postgresColumn{}, err
	}
	column := postgresColumn{name: "?column?", typ: postgresText}
	switch word.kind {
	case postgresString:
		column.value.data = []byte(word.text)
		return column, nil
	case postgresParameter:
		column.parameter, err = strconv.Atoi(word.text)
		if err != nil || column.parameter < 1 || column.parameter > 65535 {
			return postgresColumn{}, &postgresError{code: "42P02", message: "there is no parameter $" + brief.Name(word.text)}
		}
		return column, nil
	case postgresNumber:
		return integerColumn(column, word.text)
	case postgresSymbol:
		if word.text == "-" && p.at < len(p.words) && p.words[p.at].kind == postgresNumber {
			p.at++
			return integerColumn(column, "-"+p.words[p.at-1].text)
		}
		return postgresColumn{}, unsupportedPostgres(fmt.Sprintf("an expression with %q", word.text))
	case postgresName:
		return p.named(column, word.text)
	default:
		return postgresColumn{}, unsupportedPostgres(fmt.Sprintf("the column %q", brief.Name(word.text)))
	}
}

func integerColumn(column postgresColumn, digits string) (postgresColumn, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return postgresColumn{}, unsupportedPostgres("the number " + brief.Name(digits))
	}
	column.typ = postgresInt4
	if int64(int32(n)) != n {
		column.typ = postgresInt8
	}
	column.value.data = []byte(digits)
	return column, nil
}

// named reads a keyword or function; the parentheses after version,
// current_database and pg_is_in_recovery belong to it.
func (p *postgresParser) named(column postgresColumn, name string) (postgresColumn, error) {
	switch name {
	case "null":
		column.value.null = true
		return column, nil
	case "true", "false":
		column.name, column.typ = "bool", postgresBool
		column.value.data = []byte(name[:1])
		return column, nil
	case "current_user", "session_user", "user", "current_role":
		column.name, column.typ, column.function = name, postgresNameType, "current_user"
		return column, nil
	case "version", "current_database", "pg_is_in_recovery":
		if p.accept("(") && p.accept(")") {
			column.name, column.function = name, name
			switch name {
			case "current_database":
				column.typ = postgresNameType
			case "pg_is_in_recovery":
				column.typ = postgresBool
			}
			return column, nil
		}
	}
	return postgresColumn{}, unsupportedPostgres(fmt.Sprintf("the expression %q", brief.Name(name)))
}
