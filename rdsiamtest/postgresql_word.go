package rdsiamtest

import (
	"fmt"
	"strings"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

type postgresWordKind uint8

const (
	postgresName       postgresWordKind = iota // keyword or identifier, in lower case
	postgresQuotedName                         // "identifier"
	postgresString
	postgresNumber
	postgresParameter // $1, without the $
	postgresSymbol
)

// postgresWord is a lexical unit of SQL.
type postgresWord struct {
	kind postgresWordKind
	text string
}

func (w postgresWord) is(symbol string) bool   { return w.kind == postgresSymbol && w.text == symbol }
func (w postgresWord) isName(name string) bool { return w.kind == postgresName && w.text == name }

func (w postgresWord) isIdentifier() bool {
	return w.kind == postgresName || w.kind == postgresQuotedName
}

var errPostgresEnd = &postgresError{code: "42601", message: "syntax error at end of input"}

func syntaxError(near string) error {
	return &postgresError{code: "42601", message: fmt.Sprintf("syntax error at or near %q", brief.Name(near))}
}

// postgresWords cuts SQL into words and leaves out comments and white space.
func postgresWords(text string) ([]postgresWord, error) {
	var words []postgresWord
	for {
		var err error
		if text, err = skipPostgresSpace(text); err != nil {
			return nil, err
		}
		if text == "" {
			return words, nil
		}
		word, rest, err := nextPostgresWord(text)
		if err != nil {
			return nil, err
		}
		if words, text = append(words, word), rest; len(words) > postgresMaxWords {
			return nil, &postgresError{code: "54001", message: "statement too complex for rdsiamtest"}
		}
	}
}

func skipPostgresSpace(text string) (string, error) {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, rest, closed := strings.Cut(text[2:], "*/")
			if !closed {
				return "", &postgresError{code: "42601", message: "unterminated /* comment"}
			}
			text = rest
		default:
			return text, nil
		}
	}
}

func nextPostgresWord(text string) (word postgresWord, rest string, err error) {
	switch c := text[0]; {
	case c == '\'':
		word.kind = postgresString
		word.text, rest, err = cutQuoted(text)
		return word, rest, err
	case c == '"':
		word.kind = postgresQuotedName
		word.text, rest, err = cutQuoted(text)
		return word, rest, err
	case c == '$' && len(text) > 1 && isDigit(text[1]):
		digits, rest := cutWhile(text[1:], isDigit)
		return postgresWord{postgresParameter, digits}, rest, nil
	case isDigit(c):
		digits, rest := cutWhile(text, isDigit)
		return postgresWord{postgresNumber, digits}, rest, nil
	case isNameByte(c):
		name, rest := cutWhile(text, func(c byte) bool { return isNameByte(c) || isDigit(c) || c == '$' })
		return postgresWord{postgresName, strings.ToLower(name)}, rest, nil
	case strings.HasPrefix(text, "::"):
		return postgresWord{postgresSymbol, "::"}, text[2:], nil
	default:
		return postgresWord{postgresSymbol, text[:1]}, text[1:], nil
	}
}

// cutQuoted reads a string or name in quotes, in which a quote is doubled.
func cutQuoted(text string) (content, rest string, err error) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != quote {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		return b.String(), text[i+1:], nil
	}
	return "", "", &postgresError{code: "42601", message: "unterminated quoted string or identifier"}
}

func cutWhile(text string, in func(byte) bool) (head, rest string) {
	end := 0
	for end < len(text) && in(text[end]) {
		end++
	}
	return text[:end], text[end:]
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
