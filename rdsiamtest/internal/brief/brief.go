// Package brief shortens what a client sent, for logs and error texts.
package brief

import (
	"strings"
	"unicode/utf8"
)

// longestName is more than a name of any account, database or host has.
const longestName = 256

// Name returns what is recorded or said of a name that a client sent. The copy does not
// keep the packet that the name came in.
func Name(name string) string {
	if len(name) <= longestName {
		return strings.Clone(name)
	}
	cut := longestName
	for cut > longestName-utf8.UTFMax && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "…"
}
