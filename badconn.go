package rdsiam

import (
	"database/sql/driver"
	"errors"
)

// refusedConn stands for an error whose tree holds [driver.ErrBadConn], and hides that from
// database/sql, which would log in again up to twice for one call of its user. Everything
// else in the tree is still found.
type refusedConn struct{ err error }

// withoutBadConn is the one place with this rule, for the errors of every driver, callback
// and token source.
func withoutBadConn(err error) error {
	if !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return refusedConn{err}
}

func (e refusedConn) Error() string { return e.err.Error() }

// Is implements the method that errors.Is asks for.
func (e refusedConn) Is(target error) bool {
	return target != driver.ErrBadConn && errors.Is(e.err, target)
}

// As implements the method that errors.As asks for.
func (e refusedConn) As(target any) bool { return errors.As(e.err, target) }

// BadConn returns the error, for package causes.
func (e refusedConn) BadConn() error { return e.err }
