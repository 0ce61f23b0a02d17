package postgresql

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// setting is a parameter that a client sets when its session starts.
type setting struct{ name, value string }

// parseStartup returns what the parameters of a start-up message set, or the error of a
// server that refuses one of them. As there, options come first.
func parseStartup(parameters map[string]string) ([]setting, *Error) {
	settings, err := parseOptions(parameters["options"])
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		switch name {
		case "user", "database", "options", "replication":
		default:
			settings = append(settings, setting{name, parameters[name]})
		}
	}
	for _, setting := range settings {
		if err := setting.check(); err != nil {
			return nil, err
		}
	}
	if replicates, _ := ParseReplication(parameters["replication"]); replicates {
		return nil, &Error{Code: "42501", Message: "permission denied to start WAL sender"}
	}
	return settings, nil
}

// ParseReplication reads the parameter that asks for a replication connection.
func ParseReplication(value string) (replicates bool, err *Error) {
	if value == "" || value == "database" {
		return value != "", nil
	}
	replicates, ok := parseBoolean(value)
	if !ok {
		return false, &Error{
			Code:    "22023",
			Message: fmt.Sprintf(`invalid value for parameter "replication": "%s"`, brief.Name(value)),
			Hint:    `Valid values are: "false", 0, "true", 1, "database".`,
		}
	}
	return replicates, nil
}

// parseOptions reads the switches of the parameter options that set parameters. Others
// change nothing here.
func parseOptions(options string) ([]setting, *Error) {
	var settings []setting
	words := splitOptions(options)
	for i := 0; i < len(words); i++ {
		word := words[i]
		var assignment string
		switch {
		case strings.HasPrefix(word, "--"):
			assignment = word[2:]
		case word == "-c" && i+1 < len(words):
			i++
			word, assignment = "-c "+words[i], words[i]
		case len(word) > 2 && strings.HasPrefix(word, "-c"):
			word, assignment = "-c "+word[2:], word[2:]
		case strings.HasPrefix(word, "-"):
			if len(word) == 2 && strings.Contains("BCDdfhklNprStvW", word[1:]) {
				i++ // its argument
			}
			continue
		default:
			return nil, &Error{
				Code:    "42601",
				Message: "invalid command-line argument for server process: " + brief.Name(word),
			}
		}
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return nil, &Error{Code: "42601", Message: brief.Name(word) + " requires a value"}
		}
		settings = append(settings, setting{strings.ReplaceAll(name, "-", "_"), value})
	}
	return settings, nil
}

// splitOptions cuts at white space that has no backslash before it.
func splitOptions(options string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(options); i++ {
		c := options[i]
		switch {
		case strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case c == '\\' && i+1 < len(options):
			i++
			c = options[i]
		}
		inWord = true
		word.WriteByte(c)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// check returns the error of a server that does not let a user set the parameter.
func (s setting) check() *Error {
	name := brief.Name(s.name)
	kind, known := parameterKinds()[strings.ToLower(s.name)]
	switch {
	case !known && !strings.Contains(s.name, "."):
		return unrecognized(s.name)
	case !known && !isCustomParameter(s.name):
		return &Error{Code: "42602", Message: fmt.Sprintf(`invalid configuration parameter name "%s"`, name)}
	}
	switch kind {
	case userBooleans:
		if _, ok := parseBoolean(s.value); !ok {
			return &Error{Code: "22023", Message: fmt.Sprintf(`parameter "%s" requires a Boolean value`, name)}
		}
	case superuserParameters:
		return &Error{Code: "42501", Message: fmt.Sprintf(`permission denied to set parameter "%s"`, name)}
	case reloadParameters:
		return &Error{Code: "55P02", Message: fmt.Sprintf(`parameter "%s" cannot be changed now`, name)}
	case restartParameters:
		return &Error{Code: "55P02", Message: fmt.Sprintf(`parameter "%s" cannot be changed without restarting the server`, name)}
	case fixedParameters:
		return &Error{Code: "55P02", Message: fmt.Sprintf(`parameter "%s" cannot be changed`, name)}
	}
	return nil
}

func unrecognized(name string) *Error {
	return &Error{
		Code:    "42704",
		Message: fmt.Sprintf(`unrecognized configuration parameter "%s"`, brief.Name(name)),
	}
}

// parameterKinds maps the parameters in lower case to the list that has them.
var parameterKinds = sync.OnceValue(func() map[string]string {
	kinds := make(map[string]string)
	for _, list := range []string{
		userBooleans, userParameters, superuserParameters,
		reloadParameters, restartParameters, fixedParameters,
	} {
		for name := range strings.FieldsSeq(list) {
			kinds[strings.ToLower(name)] = list
		}
	}
	return kinds
})

// isCustomParameter reports whether a name with dots is one that extensions and
// users may invent.
func isCustomParameter(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || !isNameByte(part[0]) {
			return false
		}
		for i := range len(part) {
			if !isNameByte(part[i]) && !isDigit(part[i]) && part[i] != '$' {
				return false
			}
		}
	}
	return true
}

// parseBoolean reads a Boolean as PostgreSQL does: any beginning that has one meaning.
func parseBoolean(text string) (value, ok bool) {
	text = strings.ToLower(text)
	begins := func(word string) bool { return strings.HasPrefix(word, text) }
	switch {
	case text == "" || text == "o":
		return false, false
	case slices.ContainsFunc([]string{"true", "yes", "on", "1"}, begins):
		return true, true
	default:
		return false, slices.ContainsFunc([]string{"false", "no", "off", "0"}, begins)
	}
}
