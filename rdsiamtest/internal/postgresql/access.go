package postgresql

// accessMode is what a statement sets of the access mode of transactions.
type accessMode struct {
	scope        accessScope
	readOnly     bool
	serializable bool
}

type accessScope uint8

const (
	noAccess           accessScope = iota // nothing is set
	transactionAccess                     // for this transaction
	transactionDefault                    // for those to come
)

// accessOf reads the modes of BEGIN and SET.
func accessOf(words []sqlWord) accessMode {
	access := accessMode{serializable: topLevel(words, "isolation", "level", "serializable")}
	scope := transactionAccess
	if topLevel(words, "characteristics") {
		scope, access.serializable = transactionDefault, false
	}
	switch {
	case topLevel(words, "read", "only"):
		access.scope, access.readOnly = scope, true
	case topLevel(words, "read", "write"):
		access.scope = scope
	case words[0].isName("set"):
		access.set(words[1:])
	}
	return access
}

// set reads what follows SET: a parameter and its value.
func (a *accessMode) set(words []sqlWord) {
	local := len(words) > 0 && words[0].isName("local")
	if local || len(words) > 0 && words[0].isName("session") {
		words = words[1:]
	}
	if len(words) != 3 {
		return
	}
	value, ok := parseBoolean(words[2].text)
	switch {
	case !ok && !words[2].isName("default"):
	case words[0].isName("transaction_read_only"):
		a.scope, a.readOnly = transactionAccess, value
	case words[0].isName("default_transaction_read_only") && !local:
		a.scope, a.readOnly = transactionDefault, value
	}
}

// checkAccess refuses what a hot standby refuses.
func (s *Session) checkAccess(access accessMode) error {
	switch {
	case !s.standby():
		return nil
	case access.scope == transactionAccess && !access.readOnly:
		return &Error{Code: "0A000", Message: "cannot set transaction read-write mode during recovery"}
	case access.serializable:
		return &Error{
			Code:    "0A000",
			Message: "cannot use serializable mode in a hot standby",
			Hint:    "You can use REPEATABLE READ instead.",
		}
	}
	return nil
}

func (s *Session) setAccess(access accessMode) {
	switch {
	case access.scope == transactionDefault:
		s.readOnlyDefault = access.readOnly
	case access.scope == transactionAccess && s.txStatus != 'I':
		s.readOnlyNow = access.readOnly
	}
}

// standby reports whether the server is one that follows another.
func (s *Session) standby() bool { return s.client.Server.ReadOnly() }

// readOnly reports whether a statement that runs now may write.
func (s *Session) readOnly() bool {
	if s.txStatus == 'I' {
		return s.standby() || s.readOnlyDefault
	}
	return s.standby() || s.readOnlyNow
}

// refuseWrite returns the error of a statement that is not answered: that of a read-only
// server, where one refuses it, or that of a server without an upstream.
func (s *Session) refuseWrite(statement stmt) error {
	if err := statement.write.refusal(s.standby(), s.readOnly()); err != nil {
		return err
	}
	return statement.unsupported
}
