package rdsiamtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// postgresSetting is a parameter that a client sets when its session starts.
type postgresSetting struct{ name, value string }

// postgresStartup returns what the parameters of a start-up message set, or the error of a
// server that refuses one of them. As there, options come first.
func postgresStartup(parameters map[string]string) ([]postgresSetting, *postgresError) {
	settings, err := postgresOptions(parameters["options"])
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		switch name {
		case "user", "database", "options", "replication":
		default:
			settings = append(settings, postgresSetting{name, parameters[name]})
		}
	}
	for _, setting := range settings {
		if err := setting.check(); err != nil {
			return nil, err
		}
	}
	if replicates, _ := postgresReplication(parameters["replication"]); replicates {
		return nil, &postgresError{code: "42501", message: "permission denied to start WAL sender"}
	}
	return settings, nil
}

// postgresReplication reads the parameter that asks for a replication connection.
func postgresReplication(value string) (replicates bool, err *postgresError) {
	if value == "" || value == "database" {
		return value != "", nil
	}
	replicates, ok := parsePostgresBoolean(value)
	if !ok {
		return false, &postgresError{
			code:    "22023",
			message: fmt.Sprintf(`invalid value for parameter "replication": "%s"`, brief.Name(value)),
			hint:    `Valid values are: "false", 0, "true", 1, "database".`,
		}
	}
	return replicates, nil
}

// postgresOptions reads the switches of the parameter options that set parameters. Others
// change nothing here.
func postgresOptions(options string) ([]postgresSetting, *postgresError) {
	var settings []postgresSetting
	words := splitPostgresOptions(options)
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
			return nil, &postgresError{
				code:    "42601",
				message: "invalid command-line argument for server process: " + brief.Name(word),
			}
		}
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return nil, &postgresError{code: "42601", message: brief.Name(word) + " requires a value"}
		}
		settings = append(settings, postgresSetting{strings.ReplaceAll(name, "-", "_"), value})
	}
	return settings, nil
}

// splitPostgresOptions cuts at white space that has no backslash before it.
func splitPostgresOptions(options string) []string {
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
func (s postgresSetting) check() *postgresError {
	name := brief.Name(s.name)
	kind, known := postgresParameterKinds()[strings.ToLower(s.name)]
	switch {
	case !known && !strings.Contains(s.name, "."):
		return postgresUnrecognized(s.name)
	case !known && !isCustomPostgresParameter(s.name):
		return &postgresError{code: "42602", message: fmt.Sprintf(`invalid configuration parameter name "%s"`, name)}
	}
	switch kind {
	case postgresUserBooleans:
		if _, ok := parsePostgresBoolean(s.value); !ok {
			return &postgresError{code: "22023", message: fmt.Sprintf(`parameter "%s" requires a Boolean value`, name)}
		}
	case postgresSuperuserParameters:
		return &postgresError{code: "42501", message: fmt.Sprintf(`permission denied to set parameter "%s"`, name)}
	case postgresReloadParameters:
		return &postgresError{code: "55P02", message: fmt.Sprintf(`parameter "%s" cannot be changed now`, name)}
	case postgresRestartParameters:
		return &postgresError{code: "55P02", message: fmt.Sprintf(`parameter "%s" cannot be changed without restarting the server`, name)}
	case postgresFixedParameters:
		return &postgresError{code: "55P02", message: fmt.Sprintf(`parameter "%s" cannot be changed`, name)}
	}
	return nil
}

func postgresUnrecognized(name string) *postgresError {
	return &postgresError{
		code:    "42704",
		message: fmt.Sprintf(`unrecognized configuration parameter "%s"`, brief.Name(name)),
	}
}

// postgresParameterKinds maps the parameters in lower case to the list that has them.
var postgresParameterKinds = sync.OnceValue(func() map[string]string {
	kinds := make(map[string]string)
	for _, list := range []string{
		postgresUserBooleans, postgresUserParameters, postgresSuperuserParameters,
		postgresReloadParameters, postgresRestartParameters, postgresFixedParameters,
	} {
		for name := range strings.FieldsSeq(list) {
			kinds[strings.ToLower(name)] = list
		}
	}
	return kinds
})

// isCustomPostgresParameter reports whether a name with dots is one that extensions and
// users may invent.
func isCustomPostgresParameter(name string) bool {
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

// parsePostgresBoolean reads a Boolean as PostgreSQL does: any beginning that has one meaning.
func parsePostgresBoolean(text string) (value, ok bool) {
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
