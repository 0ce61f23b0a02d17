package postgresql

import (
	"fmt"
	"strings"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

type wordKind uint8

const (
	nameWord       wordKind = iota // keyword or identifier, in lower case
	quotedNameWord                 // "identifier"
	stringWord
	numberWord
	parameterWord // $1, without the $
	symbolWord
)

// sqlWord is a lexical unit of SQL.
type sqlWord struct {
	kind wordKind
	text string
}

func (w sqlWord) is(symbol string) bool   { return w.kind == symbolWord && w.text == symbol }
func (w sqlWord) isName(name string) bool { return w.kind == nameWord && w.text == name }

func (w sqlWord) isIdentifier() bool {
	return w.kind == nameWord || w.kind == quotedNameWord
}

var errEnd = &Error{Code: "42601", Message: "syntax error at end of input"}

func syntaxError(near string) error {
	return &Error{Code: "42601", Message: fmt.Sprintf("syntax error at or near %q", brief.Name(near))}
}

// splitWords cuts SQL into words and leaves out comments and white space.
func splitWords(text string) ([]sqlWord, error) {
	var words []sqlWord
	for {
		var err error
		if text, err = skipSpace(text); err != nil {
			return nil, err
		}
		if text == "" {
			return words, nil
		}
		word, rest, err := nextWord(text)
		if err != nil {
			return nil, err
		}
		if words, text = append(words, word), rest; len(words) > maxWords {
			return nil, &Error{Code: "54001", Message: "statement too complex for rdsiamtest"}
		}
	}
}

func skipSpace(text string) (string, error) {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, rest, closed := strings.Cut(text[2:], "*/")
			if !closed {
				return "", &Error{Code: "42601", Message: "unterminated /* comment"}
			}
			text = rest
		default:
			return text, nil
		}
	}
}

func nextWord(text string) (word sqlWord, rest string, err error) {
	switch c := text[0]; {
	case c == '\'':
		word.kind = stringWord
		word.text, rest, err = cutQuoted(text)
		return word, rest, err
	case c == '"':
		word.kind = quotedNameWord
		word.text, rest, err = cutQuoted(text)
		return word, rest, err
	case c == '$' && len(text) > 1 && isDigit(text[1]):
		digits, rest := cutWhile(text[1:], isDigit)
		return sqlWord{parameterWord, digits}, rest, nil
	case isDigit(c):
		digits, rest := cutWhile(text, isDigit)
		return sqlWord{numberWord, digits}, rest, nil
	case isNameByte(c):
		name, rest := cutWhile(text, func(c byte) bool { return isNameByte(c) || isDigit(c) || c == '$' })
		return sqlWord{nameWord, strings.ToLower(name)}, rest, nil
	case strings.HasPrefix(text, "::"):
		return sqlWord{symbolWord, "::"}, text[2:], nil
	default:
		return sqlWord{symbolWord, text[:1]}, text[1:], nil
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
	return "", "", &Error{Code: "42601", Message: "unterminated quoted string or identifier"}
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
