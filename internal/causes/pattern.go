package causes

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first needed: programs that
// never fail to log in do no work for it.
type pattern string

var compiledPatterns sync.Map // pattern → *regexp.Regexp

func (p pattern) compiled() *regexp.Regexp {
	if known, ok := compiledPatterns.Load(p); ok {
		return known.(*regexp.Regexp)
	}
	compiled := regexp.MustCompile(string(p))
	compiledPatterns.Store(p, compiled)
	return compiled
}

func (p pattern) in(text string) bool { return p.compiled().MatchString(text) }

const percentEscape pattern = `%[0-9A-Fa-f]{2}`

// A name of a server's answer has 63 bytes at most, as names in PostgreSQL have: too few
// for a secret of a token.
const (
	unknownParameter pattern = `unrecognized configuration parameter "([\w.\-]{1,63})"`
	unknownVariable  pattern = `Unknown system variable '([\w.\-]{1,63})'`
	refusedParameter pattern = `(?:invalid value for parameter|permission denied to set parameter|parameter) "([\w.\-]{1,63})"`
	refusedVariable  pattern = `(?:[Vv]ariable|time zone:) '([^'\n]{1,63})'`
	unreadableNear   pattern = `near '([\w.\-]{1,63})[^\w.\-]`
	namedRole        pattern = `permission denied to set (?:role|session authorization) "([^"\n]{1,63})"|role "([^"\n]{1,63})" does not exist`
	unknownDatabase  pattern = `Unknown database '([^'\n]{1,63})'`
	namedDatabase    pattern = `database "([^"\n]{1,63})"`
)
