package rdsiamtest

// postgresAccess is what a statement sets of the access mode of transactions.
type postgresAccess struct {
	scope        postgresAccessScope
	readOnly     bool
	serializable bool
}

type postgresAccessScope uint8

const (
	postgresNoAccess           postgresAccessScope = iota // nothing is set
	postgresTransactionAccess                             // for this transaction
	postgresTransactionDefault                            // for those to come
)

// postgresAccessOf reads the modes of BEGIN and SET.
func postgresAccessOf(words []postgresWord) postgresAccess {
	access := postgresAccess{serializable: topLevelPostgres(words, "isolation", "level", "serializable")}
	scope := postgresTransactionAccess
	if topLevelPostgres(words, "characteristics") {
		scope, access.serializable = postgresTransactionDefault, false
	}
	switch {
	case topLevelPostgres(words, "read", "only"):
		access.scope, access.readOnly = scope, true
	case topLevelPostgres(words, "read", "write"):
		access.scope = scope
	case words[0].isName("set"):
		access.set(words[1:])
	}
	return access
}

// set reads what follows SET: a parameter and its value.
func (a *postgresAccess) set(words []postgresWord) {
	local := len(words) > 0 && words[0].isName("local")
	if local || len(words) > 0 && words[0].isName("session") {
		words = words[1:]
	}
	if len(words) != 3 {
		return
	}
	value, ok := parsePostgresBoolean(words[2].text)
	switch {
	case !ok && !words[2].isName("default"):
	case words[0].isName("transaction_read_only"):
		a.scope, a.readOnly = postgresTransactionAccess, value
	case words[0].isName("default_transaction_read_only") && !local:
		a.scope, a.readOnly = postgresTransactionDefault, value
	}
}

// checkAccess refuses what a hot standby refuses.
func (s *postgresSession) checkAccess(access postgresAccess) error {
	switch {
	case !s.standby():
		return nil
	case access.scope == postgresTransactionAccess && !access.readOnly:
		return &postgresError{code: "0A000", message: "cannot set transaction read-write mode during recovery"}
	case access.serializable:
		return &postgresError{
			code:    "0A000",
			message: "cannot use serializable mode in a hot standby",
			hint:    "You can use REPEATABLE READ instead.",
		}
	}
	return nil
}

func (s *postgresSession) setAccess(access postgresAccess) {
	switch {
	case access.scope == postgresTransactionDefault:
		s.readOnlyDefault = access.readOnly
	case access.scope == postgresTransactionAccess && s.txStatus != 'I':
		s.readOnlyNow = access.readOnly
	}
}

// standby reports whether the server is one that follows another.
func (s *postgresSession) standby() bool { return s.client.Server.ReadOnly() }

// readOnly reports whether a statement that runs now may write.
func (s *postgresSession) readOnly() bool {
	if s.txStatus == 'I' {
		return s.standby() || s.readOnlyDefault
	}
	return s.standby() || s.readOnlyNow
}

// refuseWrite returns the error of a statement that is not answered: that of a read-only
// server, where one refuses it, or that of a server without an upstream.
func (s *postgresSession) refuseWrite(statement postgresStatement) error {
	if err := statement.write.refusal(s.standby(), s.readOnly()); err != nil {
		return err
	}
	return statement.unsupported
}
