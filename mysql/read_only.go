package rdsmysql

// readOnlyError is driver.ErrBadConn of a login with RejectReadOnly: the server answered that
// it is read-only. Most read-only servers accept the login, and refuse statements.
type readOnlyError struct{ err error }

func (e *readOnlyError) Error() string {
	return "login given up, as RejectReadOnly does on a read-only server: " + e.err.Error()
}

func (e *readOnlyError) Unwrap() error { return e.err }

// ReadOnly is how packages that do not import this one recognize the error.
func (e *readOnlyError) ReadOnly() bool { return true }
