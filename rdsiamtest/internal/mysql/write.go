package mysql

import (
	"slices"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// accessMode is the access mode of transactions.
type accessMode byte

const (
	anyAccess accessMode = iota
	readOnlyAccess
	readWriteAccess
)

// accessOf reads the modes of START TRANSACTION and SET TRANSACTION.
func accessOf(tokens []token) accessMode {
	for i := range max(0, len(tokens)-1) {
		switch {
		case !tokens[i].is(wordToken, "read"):
		case tokens[i+1].is(wordToken, "only"):
			return readOnlyAccess
		case tokens[i+1].is(wordToken, "write"):
			return readWriteAccess
		}
	}
	return anyAccess
}

// writeVerbs begin statements that a server with read_only refuses, whatever follows.
var writeVerbs = []string{
	"insert", "replace", "update", "delete", "load", "truncate", "rename", "alter", "create", "drop",
	"grant", "revoke", "analyze", "optimize",
}

// isWrite reports whether a statement is one that a read-only server refuses.
func isWrite(tokens []token) bool {
	has := func(text string) bool {
		return slices.ContainsFunc(tokens, func(t token) bool { return t.is(wordToken, text) })
	}
	if len(tokens) < 2 || tokens[0].kind != wordToken {
		return false
	}
	switch verb := tokens[0].text; verb {
	case "create", "drop":
		return !tokens[1].is(wordToken, "temporary")
	case "lock":
		return has("write")
	case "set":
		return tokens[1].is(wordToken, "password")
	case "select":
		return has("for") && has("update")
	case "with":
		return has("insert") || has("update") || has("delete")
	default:
		return slices.Contains(writeVerbs, verb)
	}
}

func (s *Session) serverReadOnly() bool { return s.client.Server.ReadOnly() }

// refuseWrite is the answer to a write: that of a read-only server or transaction, or that of
// a server without an upstream.
func (s *Session) refuseWrite() *mysqlwire.Error {
	inTransaction := s.status&mysqlwire.InTransaction != 0
	switch {
	case s.serverReadOnly():
		return readOnlyServer()
	case inTransaction && s.readOnlyNow || !inTransaction && s.readOnlyDefault:
		return &mysqlwire.Error{
			Number:   1792,
			SQLState: "25006",
			Text:     "Cannot execute statement in a READ ONLY transaction.",
		}
	default:
		return unsupported()
	}
}

func readOnlyServer() *mysqlwire.Error {
	return &mysqlwire.Error{
		Number:   1290,
		SQLState: "HY000",
		Text: "The MySQL server is running with the --read-only option " +
			"so it cannot execute this statement",
	}
}

// begin begins a transaction. A read-only server has none that writes.
func (s *Session) begin(access accessMode) *mysqlwire.Error {
	if access == readWriteAccess && s.serverReadOnly() {
		return readOnlyServer()
	}
	s.status |= mysqlwire.InTransaction
	s.readOnlyNow = access == readOnlyAccess || access == anyAccess && s.readOnlyDefault
	return nil
}
