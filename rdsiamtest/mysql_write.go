package rdsiamtest

import (
	"slices"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlAccess is the access mode of transactions.
type mysqlAccess byte

const (
	mysqlAnyAccess mysqlAccess = iota
	mysqlReadOnly
	mysqlReadWrite
)

// mysqlAccessOf reads the modes of START TRANSACTION and SET TRANSACTION.
func mysqlAccessOf(tokens []mysqlToken) mysqlAccess {
	for i := range max(0, len(tokens)-1) {
		switch {
		case !tokens[i].is(mysqlWord, "read"):
		case tokens[i+1].is(mysqlWord, "only"):
			return mysqlReadOnly
		case tokens[i+1].is(mysqlWord, "write"):
			return mysqlReadWrite
		}
	}
	return mysqlAnyAccess
}

// mysqlWriteVerbs begin statements that a server with read_only refuses, whatever follows.
var mysqlWriteVerbs = []string{
	"insert", "replace", "update", "delete", "load", "truncate", "rename", "alter", "create", "drop",
	"grant", "revoke", "analyze", "optimize",
}

// isMySQLWrite reports whether a statement is one that a read-only server refuses.
func isMySQLWrite(tokens []mysqlToken) bool {
	has := func(text string) bool {
		return slices.ContainsFunc(tokens, func(t mysqlToken) bool { return t.is(mysqlWord, text) })
	}
	if len(tokens) < 2 || tokens[0].kind != mysqlWord {
		return false
	}
	switch verb := tokens[0].text; verb {
	case "create", "drop":
		return !tokens[1].is(mysqlWord, "temporary")
	case "lock":
		return has("write")
	case "set":
		return tokens[1].is(mysqlWord, "password")
	case "select":
		return has("for") && has("update")
	case "with":
		return has("insert") || has("update") || has("delete")
	default:
		return slices.Contains(mysqlWriteVerbs, verb)
	}
}

func (s *mysqlSession) serverReadOnly() bool { return s.client.Server.ReadOnly() }

// refuseWrite is the answer to a write: that of a read-only server or transaction, or that of
// a server without an upstream.
func (s *mysqlSession) refuseWrite() *mysqlwire.Error {
	inTransaction := s.status&mysqlwire.InTransaction != 0
	switch {
	case s.serverReadOnly():
		return readOnlyMySQL()
	case inTransaction && s.readOnlyNow || !inTransaction && s.readOnlyDefault:
		return &mysqlwire.Error{
			Number:   1792,
			SQLState: "25006",
			Text:     "Cannot execute statement in a READ ONLY transaction.",
		}
	default:
		return unsupportedMySQL()
	}
}

func readOnlyMySQL() *mysqlwire.Error {
	return &mysqlwire.Error{
		Number:   1290,
		SQLState: "HY000",
		Text: "The MySQL server is running with the --read-only option " +
			"so it cannot execute this statement",
	}
}

// begin begins a transaction. A read-only server has none that writes.
func (s *mysqlSession) begin(access mysqlAccess) *mysqlwire.Error {
	if access == mysqlReadWrite && s.serverReadOnly() {
		return readOnlyMySQL()
	}
	s.status |= mysqlwire.InTransaction
	s.readOnlyNow = access == mysqlReadOnly || access == mysqlAnyAccess && s.readOnlyDefault
	return nil
}
