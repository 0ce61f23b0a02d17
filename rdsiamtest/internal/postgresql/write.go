package postgresql

import (
	"slices"
	"strings"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// writeCommand is a statement that a read-only server refuses. It is not answered by a
// server that is none either.
type writeCommand struct {
	command  string // command tag; of what a read-only transaction refuses
	recovery string // what a hot standby refuses and a read-only transaction may not; "" is nothing
}

// refusal returns the error of a server that takes no writes, nil if it has none for w.
func (w writeCommand) refusal(standby, readOnly bool) error {
	switch {
	case standby && w.recovery != "":
		return &Error{Code: "25006", Message: "cannot execute " + w.recovery + " during recovery"}
	case readOnly && w.command != "":
		return &Error{Code: "25006", Message: "cannot execute " + w.command + " in a read-only transaction"}
	default:
		return nil
	}
}

// findWrite reports whether the words of a statement ask for a write.
func findWrite(words []sqlWord) (writeCommand, bool) {
	first := words[0].text
	if words[0].kind != nameWord {
		return writeCommand{}, false
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
		if command = first; !topLevel(words, "on") {
			command += " role"
		}
	case "create", "alter", "drop":
		command = definition(first, words[1:])
	case "select", "with", "explain":
		command = queryWrite(words)
	default:
		return findMaintenance(words)
	}
	if !strings.HasSuffix(command, "()") { // tags are in capitals, functions are not
		command = strings.ToUpper(command)
	}
	return writeCommand{command: command}, command != ""
}

// findMaintenance finds the commands that a hot standby refuses.
func findMaintenance(words []sqlWord) (writeCommand, bool) {
	switch first := words[0].text; first {
	case "vacuum", "analyze", "cluster", "reindex", "notify", "listen":
		return writeCommand{recovery: strings.ToUpper(first)}, true
	case "analyse":
		return writeCommand{recovery: "ANALYZE"}, true
	case "lock":
		shared := topLevel(words, "access", "share") || topLevel(words, "row", "share") ||
			topLevel(words, "row", "exclusive")
		return writeCommand{recovery: "LOCK TABLE"}, !shared
	case "prepare":
		return writeCommand{recovery: "PREPARE TRANSACTION"}, topLevel(words, "prepare", "transaction")
	case "copy":
		return writeCommand{command: "COPY FROM", recovery: "COPY"}, topLevel(words, "from")
	}
	return writeCommand{}, false
}

// topLevel reports whether the names follow each other outside of parentheses.
func topLevel(words []sqlWord, names ...string) bool {
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
		if slices.EqualFunc(words[i:i+len(names)], names, sqlWord.isName) {
			return true
		}
	}
	return false
}

// objects are kinds of objects whose name has several words, and those that have
// another name in command tags.
var objects = []struct{ words, tag string }{
	{"access method", ""}, {"default privileges", ""}, {"event trigger", ""}, {"foreign data wrapper", ""},
	{"foreign table", ""}, {"large object", ""}, {"materialized view", ""}, {"operator class", ""},
	{"operator family", ""}, {"owned", ""}, {"text search configuration", ""}, {"text search dictionary", ""},
	{"text search parser", ""}, {"text search template", ""}, {"user mapping", ""},
	{"user", "role"}, {"group", "role"},
}

// definition returns the command tag of CREATE, ALTER or DROP.
func definition(verb string, words []sqlWord) string {
	for len(words) > 0 && slices.ContainsFunc([]string{
		"or", "replace", "temp", "temporary", "unlogged", "global", "local", "unique", "recursive", "constraint",
		"trusted", "procedural",
	}, words[0].isName) {
		words = words[1:]
	}
	if len(words) == 0 || words[0].kind != nameWord || verb == "alter" && words[0].text == "system" {
		return ""
	}
	for _, object := range objects {
		names := strings.Fields(object.words)
		if len(words) >= len(names) && slices.EqualFunc(words[:len(names)], names, sqlWord.isName) {
			if object.tag != "" {
				return verb + " " + object.tag
			}
			return verb + " " + object.words
		}
	}
	if verb == "create" && words[0].text == "table" && topLevel(words, "as") {
		return "create table as"
	}
	return verb + " " + brief.Name(words[0].text)
}

// queryWrite returns the command tag under which a query writes, "" if it does not.
func queryWrite(words []sqlWord) string {
	data := []string{"insert", "update", "delete", "merge"}
	switch words[0].text {
	case "explain":
		for _, verb := range data {
			if topLevel(words, verb) && slices.ContainsFunc(words, func(w sqlWord) bool { return w.isName("analyze") }) {
				return verb
			}
		}
		return ""
	case "with":
		for _, verb := range data {
			if topLevel(words, verb) {
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
		if topLevel(words, strings.Fields(lock)...) {
			return "select " + lock
		}
	}
	if topLevel(words, "into") {
		return "select into"
	}
	if len(words) > 2 && words[2].is("(") && (words[1].isName("nextval") || words[1].isName("setval")) {
		return words[1].text + "()"
	}
	return ""
}
