package provision

import (
	"strings"
	"unicode/utf8"
)

// unescapePattern returns the name of which a pattern without wildcards is the
// escaped form.
func unescapePattern(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// firstWildcard returns where the first wildcard of a pattern is, its length if it has
// none. Of rows that match, the server takes the one where it is last.
func firstWildcard(pattern string) int {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '%', '_':
			return i
		}
	}
	return len(pattern)
}

// matches reports whether a pattern of a grant stands for a database, too.
func matches(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	switch pattern[0] {
	case '%':
		for i := 0; i <= len(name); i++ {
			if matches(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	case '_':
		_, size := utf8.DecodeRuneInString(name)
		return size > 0 && matches(pattern[1:], name[size:])
	case '\\':
		if len(pattern) > 1 {
			pattern = pattern[1:]
		}
	}
	return name != "" && pattern[0] == name[0] && matches(pattern[1:], name[1:])
}
