package rdsiamtest

import "strings"

type mysqlTokenKind byte

const (
	mysqlWord     mysqlTokenKind = iota // keyword or name
	mysqlName                           // name in backquotes
	mysqlText                           // 'text' or "text"
	mysqlNumber                         // digits, with or without a fraction
	mysqlVariable                       // system variable, its name without @@
	mysqlSymbol                         // any other character
)

type mysqlToken struct {
	kind       mysqlTokenKind
	text       string // without quotes; words and variables in lower case
	start, end int    // where it is in the statement
}

// mysqlMaxTokens is more than a SELECT of as many columns as there can be has.
const mysqlMaxTokens = 8 * mysqlMaxColumns

// mysqlTokens cuts a statement into tokens and drops comments. It never fails:
// what it can't read becomes symbols, which no statement answered here has. It
// stops after mysqlMaxTokens.
func mysqlTokens(sql string) []mysqlToken {
	var tokens []mysqlToken
	for at := 0; at < len(sql) && len(tokens) < mysqlMaxTokens; {
		if skip := mysqlBlank(sql[at:]); skip > 0 {
			at += skip
			continue
		}
		token, size := nextMySQLToken(sql[at:])
		token.start, token.end = at, at+size
		tokens = append(tokens, token)
		at += size
	}
	return tokens
}

// mysqlBlank returns the length of the space or comment that sql starts with.
func mysqlBlank(sql string) int {
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

func nextMySQLToken(sql string) (mysqlToken, int) {
	switch c := sql[0]; {
	case c == '\'' || c == '"' || c == '`':
		if text, size, ok := mysqlQuoted(sql); ok {
			kind := mysqlText
			if c == '`' {
				kind = mysqlName
			}
			return mysqlToken{kind: kind, text: text}, size
		}
	case strings.HasPrefix(sql, "@@"):
		size := 2 + mysqlSpan(sql[2:], func(c byte) bool { return c == '.' || isMySQLWord(c) })
		return mysqlToken{kind: mysqlVariable, text: strings.ToLower(sql[2:size])}, size
	case isDigit(c):
		size := mysqlSpan(sql, isDigit)
		if size+1 < len(sql) && sql[size] == '.' && isDigit(sql[size+1]) {
			size += 1 + mysqlSpan(sql[size+1:], isDigit)
		}
		return mysqlToken{kind: mysqlNumber, text: sql[:size]}, size
	case isMySQLWord(c):
		size := mysqlSpan(sql, isMySQLWord)
		return mysqlToken{kind: mysqlWord, text: strings.ToLower(sql[:size])}, size
	}
	return mysqlToken{kind: mysqlSymbol, text: sql[:1]}, 1
}

func mysqlSpan(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isMySQLWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

// mysqlQuoted reads the quoted text that sql starts with: a doubled quote
// stands for one, and except in names a backslash escapes.
// https://dev.mysql.com/doc/refman/8.4/en/string-literals.html
func mysqlQuoted(sql string) (text string, size int, ok bool) {
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
			b.WriteByte(mysqlEscaped(following[0]))
		case sql[at] == quote[0] && strings.HasPrefix(following, quote):
			b.WriteString(quote)
		default:
			return b.String(), at + 1, sql[at] == quote[0]
		}
	}
}

func mysqlEscaped(c byte) byte {
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
