package errortext

import (
	"maps"
	"slices"
)

// Codes returns the codes that are known here.
func Codes() []string { return slices.AppendSeq(slices.Clone(ofPrograms), maps.Keys(words)) }

// Replaces reports whether the command line has words of its own for a code, and whether it
// never meets it.
func Replaces(code string) (own, program bool) {
	said := words[code]
	return said.problem != "" || said.fix != "" || said.ofConfig != nil, slices.Contains(ofPrograms, code)
}

// IsSetting reports whether there is a flag for a setting.
func IsSetting(name string) bool { return flags[name] != "" }
