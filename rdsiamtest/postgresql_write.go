package rdsiamtest

import (
	"slices"
	"strings"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// postgresWrite is a statement that a read-only server refuses. It is not answered by a
// server that is none either.
type postgresWrite struct {
	command  string // command tag; of what a read-only transaction refuses
	recovery string // what a hot standby refuses and a read-only transaction may not; "" is nothing
}

// refusal returns the error of a server that takes no writes, nil if it has none for w.
func (w postgresWrite) refusal(standby, readOnly bool) error {
	switch {
	case standby && w.recovery != "":
		return &postgresError{code: "25006", message: "cannot execute " + w.recovery + " during recovery"}
	case readOnly && w.command != "":
		return &postgresError{code: "25006", message: "cannot execute " + w.command + " in a read-only transaction"}
	default:
		return nil
	}
}

// findPostgresWrite reports whether the words of a statement ask for a write.
func findPostgresWrite(words []postgresWord) (postgresWrite, bool) {
	first := words[0].text
	if words[0].kind != postgresName {
		return postgresWrite{}, false
	}
	var command string
	switch first {
	case "insert", "update", "delete", "merge", "comment":
		command = first
	case "truncate":
		command = "truncate table"
	case "refresh":
		command = "refresh materialized view"
	case "reassign":
		command = "reassign owned"
	case "security":
		command = "security label"
	case "import":
		command = "import foreign schema"
	case "grant", "revoke":
		if command = first; !topLevelPostgres(words, "on") {
			command += " role"
		}
	case "create", "alter", "drop":
		command = postgresDefinition(first, words[1:])
	case "select", "with", "explain":
		command = postgresQueryWrite(words)
	default:
		return findPostgresMaintenance(words)
	}
	if !strings.HasSuffix(command, "()") { // tags are in capitals, functions are not
		command = strings.ToUpper(command)
	}
	return postgresWrite{command: command}, command != ""
}

// findPostgresMaintenance finds the commands that a hot standby refuses.
func findPostgresMaintenance(words []postgresWord) (postgresWrite, bool) {
	switch first := words[0].text; first {
	case "vacuum", "analyze", "cluster", "reindex", "notify", "listen":
		return postgresWrite{recovery: strings.ToUpper(first)}, true
	case "analyse":
		return postgresWrite{recovery: "ANALYZE"}, true
	case "lock":
		shared := topLevelPostgres(words, "access", "share") || topLevelPostgres(words, "row", "share") ||
			topLevelPostgres(words, "row", "exclusive")
		return postgresWrite{recovery: "LOCK TABLE"}, !shared
	case "prepare":
		return postgresWrite{recovery: "PREPARE TRANSACTION"}, topLevelPostgres(words, "prepare", "transaction")
	case "copy":
		return postgresWrite{command: "COPY FROM", recovery: "COPY"}, topLevelPostgres(words, "from")
	}
	return postgresWrite{}, false
}

// topLevelPostgres reports whether the names follow each other outside of parentheses.
func topLevelPostgres(words []postgresWord, names ...string) bool {
	depth := 0
	for i, word := range words {
		switch {
		case word.is("("):
			depth++
		case word.is(")"):
			depth--
		}
		if depth > 0 || len(words)-i < len(names) {
			continue
		}
		if slices.EqualFunc(words[i:i+len(names)], names, postgresWord.isName) {
			return true
		}
	}
	return false
}

// postgresObjects are kinds of objects whose name has several words, and those that have
// another name in command tags.
var postgresObjects = []struct{ words, tag string }{
	{"access method", ""}, {"default privileges", ""}, {"event trigger", ""}, {"foreign data wrapper", ""},
	{"foreign table", ""}, {"large object", ""}, {"materialized view", ""}, {"operator class", ""},
	{"operator family", ""}, {"owned", ""}, {"text search configuration", ""}, {"text search dictionary", ""},
	{"text search parser", ""}, {"text search template", ""}, {"user mapping", ""},
	{"user", "role"}, {"group", "role"},
}

// postgresDefinition returns the command tag of CREATE, ALTER or DROP.
func postgresDefinition(verb string, words []postgresWord) string {
	for len(words) > 0 && slices.ContainsFunc([]string{
		"or", "replace", "temp", "temporary", "unlogged", "global", "local", "unique", "recursive", "constraint",
		"trusted", "procedural",
	}, words[0].isName) {
		words = words[1:]
	}
	if len(words) == 0 || words[0].kind != postgresName || verb == "alter" && words[0].text == "system" {
		return ""
	}
	for _, object := range postgresObjects {
		names := strings.Fields(object.words)
		if len(words) >= len(names) && slices.EqualFunc(words[:len(names)], names, postgresWord.isName) {
			if object.tag != "" {
				return verb + " " + object.tag
			}
			return verb + " " + object.words
		}
	}
	if verb == "create" && words[0].text == "table" && topLevelPostgres(words, "as") {
		return "create table as"
	}
	return verb + " " + brief.Name(words[0].text)
}

// postgresQueryWrite returns the command tag under which a query writes, "" if it does not.
func postgresQueryWrite(words []postgresWord) string {
	data := []string{"insert", "update", "delete", "merge"}
	switch words[0].text {
	case "explain":
		for _, verb := range data {
			if topLevelPostgres(words, verb) && slices.ContainsFunc(words, func(w postgresWord) bool { return w.isName("analyze") }) {
				return verb
			}
		}
		return ""
	case "with":
		for _, verb := range data {
			if topLevelPostgres(words, verb) {
				return verb
			}
		}
		for i, word := range words[1:] {
			if words[i].is("(") && slices.ContainsFunc(data, word.isName) {
				return "select"
			}
		}
	}
	for _, lock := range []string{"for update", "for no key update", "for share", "for key share"} {
		if topLevelPostgres(words, strings.Fields(lock)...) {
			return "select " + lock
		}
	}
	if topLevelPostgres(words, "into") {
		return "select into"
	}
	if len(words) > 2 && words[2].is("(") && (words[1].isName("nextval") || words[1].isName("setval")) {
		return words[1].text + "()"
	}
	return ""
}
