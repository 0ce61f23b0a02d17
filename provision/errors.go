package provision

import (
	"errors"
	"strconv"
)

// What can be wrong, for [errors.Is]. The first two are found before anything is sent,
// and their errors are [*rdsiam.ConfigError]s as well; the others come as an [*Error], and so
// does an ErrInvalidName that depends on the server or session.
var (
	// ErrInvalidName means a name that the engine would change, or cannot hold.
	ErrInvalidName = errors.New("invalid name")
	// ErrReservedName means a name that belongs to the server or to RDS.
	ErrReservedName = errors.New("reserved name")
	// ErrUnmanaged means an existing account that is not for IAM, or is a
	// superuser. [Adopt] takes over the former.
	ErrUnmanaged = errors.New("the account exists and is not managed here")
	// ErrNoAccount means that an account for RDS Proxy with standard IAM does not exist.
	ErrNoAccount = errors.New("the account does not exist")
	// ErrLockout means that a role would be locked out, or is, since it is a
	// member of the account and with that of rds_iam: RDS no longer takes its password.
	ErrLockout = errors.New("a role would be locked out")
	// ErrIAMUnavailable means that the server has no IAM authentication, or that
	// it is not turned on.
	ErrIAMUnavailable = errors.New("IAM authentication is not available")
	// ErrReadOnlyEndpoint means a replica or a reader endpoint.
	ErrReadOnlyEndpoint = errors.New("the endpoint is read-only")
	// ErrPrivilege means that the runner lacks a privilege.
	ErrPrivilege = errors.New("a privilege is missing")
	// ErrInUse means that an account cannot be dropped: it owns something, has
	// rights in another database, or is the definer of a view or routine.
	ErrInUse = errors.New("the account is in use")
	// ErrHiddenGrant means an older grant in MySQL or MariaDB, by a pattern or an
	// unescaped name, that a new grant on the same database would hide.
	ErrHiddenGrant = errors.New("an older grant would be hidden")
	// ErrDefaultRole means that an account of MySQL or MariaDB starts with a role that is not in
	// MemberOf, and would no longer start with it.
	ErrDefaultRole = errors.New("the account starts with another role")
	// ErrWrongDatabase means that the connection is to another database than the
	// grants are for, or to another engine.
	ErrWrongDatabase = errors.New("connected to the wrong database")
	// ErrTransaction means a transaction of the caller's: one of MySQL and MariaDB,
	// which would be committed, or one of PostgreSQL that was begun by hand on a *sql.Conn, or
	// has failed.
	ErrTransaction = errors.New("the session is in a transaction")
	// ErrBusy means that other runners were in the way for too long. A retry helps.
	ErrBusy = errors.New("other runners are in the way")
)

// Error is a step of a plan that failed. The codes are:
//
//	account-for-iam, account-granted, account-granted-by-others, account-in-use,
//	account-member-of-iam, account-missing, account-missing-for-proxy, account-of-kerberos,
//	account-owns, account-superuser, account-unmanaged, default-role, definer-in-use, encoding,
//	engine-mismatch, grant-by-pattern, grant-hidden, grant-wide,
//	heir-without-create, iam-unavailable, lock-timeout, name-case,
//	other-database, other-runner, partial-revokes-off, partial-revokes-on, privilege-missing,
//	privilege-not-granted, privilege-not-revoked, role-lockout, role-noinherit,
//	runner-does-not-inherit, runner-is-account, runner-without-admin, server-read-only,
//	transaction-failed, transaction-of-caller, transaction-open, transaction-to-commit,
//	wait-canceled.
type Error struct {
	Kind       error     // one of the variables above, nil for what is none of them
	Code       string    // names the cause for programs, such as "privilege-missing"; stable; "" where it is unknown
	Account    string    // its name
	Statement  Statement // that failed; zero where it was none of the plan
	ServerCode string    // SQLSTATE of PostgreSQL or error number of MySQL, "" if the server did not answer
	Fix        string    // what to change, "" where Code is
	Outcome    Outcome   // what the failure left behind; "" if it is not of Apply

	err error
}

// Error says what was to be done, what the server said, and what to change. It has no
// secrets in it: plans know none.
func (e *Error) Error() string {
	text := "rdsiam: account " + strconv.Quote(e.Account)
	if e.Statement.Summary != "" {
		text += ": " + e.Statement.Summary
	}
	if e.Kind != nil {
		text += ": " + e.Kind.Error()
	}
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	if after := afterFailure[e.Outcome]; after != "" {
		text += "; " + after
	}
	return text
}

// Unwrap returns the Kind and the error of the driver.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.err != nil {
		errs = append(errs, e.err)
	}
	return errs
}
