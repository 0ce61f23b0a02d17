package mysql

import "strings"

type tokenKind byte

const (
	wordToken     tokenKind = iota // keyword or name
	nameToken                      // name in backquotes
	textToken                      // 'text' or "text"
	numberToken                    // digits, with or without a fraction
	variableToken                  // system variable, its name without @@
	symbolToken                    // any other character
)

type token struct {
	kind       tokenKind
	text       string // without quotes; words and variables in lower case
	start, end int    // where it is in the statement
}

// maxTokens is more than a SELECT of as many columns as there can be has.
const maxTokens = 8 * maxColumns

// tokenize cuts a statement into tokens and drops comments. It never fails:
// what it can't read becomes symbols, which no statement answered here has. It
// stops after maxTokens.
func tokenize(sql string) []token {
	var tokens []token
	for at := 0; at < len(sql) && len(tokens) < maxTokens; {
		if skip := blankSize(sql[at:]); skip > 0 {
			at += skip
			continue
		}
		token, size := nextToken(sql[at:])
		token.start, token.end = at, at+size
		tokens = append(tokens, token)
		at += size
	}
	return tokens
}

// blankSize returns the length of the space or comment that sql starts with.
func blankSize(sql string) int {
	upTo := func(end string) int {
		if i := strings.Index(sql, end); i >= 0 {
			return i + len(end)
		}
		return len(sql)
	}
	switch {
	case strings.IndexByte(" \t\r\n\f\v", sql[0]) >= 0:
		return 1
	case sql[0] == '#':
		return upTo("\n")
	case strings.HasPrefix(sql, "--") && (len(sql) == 2 || sql[2] <= ' '): // 1--1 is no comment
		return upTo("\n")
	case strings.HasPrefix(sql, "/*"):
		return upTo("*/")
	}
	return 0
}

func nextToken(sql string) (token, int) {
	switch c := sql[0]; {
	case c == '\'' || c == '"' || c == '`':
		if text, size, ok := unquote(sql); ok {
			kind := textToken
			if c == '`' {
				kind = nameToken
			}
			return token{kind: kind, text: text}, size
		}
	case strings.HasPrefix(sql, "@@"):
		size := 2 + span(sql[2:], func(c byte) bool { return c == '.' || isWordByte(c) })
		return token{kind: variableToken, text: strings.ToLower(sql[2:size])}, size
	case isDigit(c):
		size := span(sql, isDigit)
		if size+1 < len(sql) && sql[size] == '.' && isDigit(sql[size+1]) {
			size += 1 + span(sql[size+1:], isDigit)
		}
		return token{kind: numberToken, text: sql[:size]}, size
	case isWordByte(c):
		size := span(sql, isWordByte)
		return token{kind: wordToken, text: strings.ToLower(sql[:size])}, size
	}
	return token{kind: symbolToken, text: sql[:1]}, 1
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

// unquote reads the quoted text that sql starts with: a doubled quote
// stands for one, and except in names a backslash escapes.
// https://dev.mysql.com/doc/refman/8.4/en/string-literals.html
func unquote(sql string) (text string, size int, ok bool) {
	quote := sql[:1]
	special := quote
	if quote != "`" {
		special += `\`
	}
	var b strings.Builder
	for at := 1; ; at += 2 {
		plain := strings.IndexAny(sql[at:], special)
		if plain < 0 {
			return "", 0, false
		}
		b.WriteString(sql[at : at+plain])
		at += plain
		switch following := sql[at+1:]; {
		case sql[at] == '\\' && following != "":
			b.WriteByte(unescape(following[0]))
		case sql[at] == quote[0] && strings.HasPrefix(following, quote):
			b.WriteString(quote)
		default:
			return b.String(), at + 1, sql[at] == quote[0]
		}
	}
}

func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 26
	}
	return c
}
