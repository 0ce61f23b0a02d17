package provision

import (
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam"
)

// What can be wrong, for [errors.Is]. The first two are found before anything is sent,
// and their errors are [*rdsiam.ConfigError]s as well; the others come as an [*Error], and so
// does an ErrInvalidName that depends on the server or session.
var (
	// ErrInvalidName tells of a name that the engine would change, or cannot hold.
	ErrInvalidName = errors.New("invalid name")
	// ErrReservedName tells of a name that belongs to the server or to RDS.
	ErrReservedName = errors.New("reserved name")
	// ErrUnmanaged tells of an existing account that is not for IAM, or is a
	// superuser. [Adopt] takes over the former.
	ErrUnmanaged = errors.New("the account exists and is not managed here")
	// ErrNoAccount tells that an account for RDS Proxy with standard IAM does not exist.
	ErrNoAccount = errors.New("the account does not exist")
	// ErrLockout tells that a role would be locked out, or is, since it is a
	// member of the account and with that of rds_iam: RDS no longer takes its password.
	ErrLockout = errors.New("a role would be locked out")
	// ErrIAMUnavailable tells that the server has no IAM authentication, or that
	// it is not turned on.
	ErrIAMUnavailable = errors.New("IAM authentication is not available")
	// ErrReadOnlyEndpoint tells of a replica or a reader endpoint.
	ErrReadOnlyEndpoint = errors.New("the endpoint is read-only")
	// ErrPrivilege tells that the runner lacks a privilege.
	ErrPrivilege = errors.New("a privilege is missing")
	// ErrInUse tells that an account cannot be dropped: it owns something, has
	// rights in another database, or is the definer of a view or routine.
	ErrInUse = errors.New("the account is in use")
	// ErrHiddenGrant tells of an older grant in MySQL or MariaDB, by a pattern or an
	// unescaped name, that a new grant on the same database would hide.
	ErrHiddenGrant = errors.New("an older grant would be hidden")
	// ErrDefaultRole tells that an account of MariaDB starts with another role than the one that
	// it is to be a member of, or, from a file, an account of MySQL with another, too.
	ErrDefaultRole = errors.New("the account starts with another role")
	// ErrWrongDatabase tells that the connection is to another database than the
	// grants are for, or to another engine.
	ErrWrongDatabase = errors.New("connected to the wrong database")
	// ErrTransaction tells of a transaction of the caller's: one of MySQL and MariaDB,
	// which these would commit, or one of PostgreSQL that was begun by hand on a *sql.Conn, or
	// has failed.
	ErrTransaction = errors.New("the session is in a transaction")
	// ErrBusy tells that other runners were in the way for too long. A retry helps.
	ErrBusy = errors.New("other runners are in the way")
)

// Error tells which step of a plan failed, and why.
type Error struct {
	Kind      error     // one of the variables above, nil for what is none of them
	Account   string    // its name
	Statement Statement // that failed; zero where it was none of the plan
	Code      string    // SQLSTATE of PostgreSQL or error number of MySQL, "" if the server did not answer

	fix string
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
	if e.fix != "" {
		text += "; " + e.fix
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

// descriptionError is a ConfigError of a kind.
type descriptionError struct {
	kind   error
	config *rdsiam.ConfigError
}

func (e *descriptionError) Error() string   { return e.config.Error() }
func (e *descriptionError) Unwrap() []error { return []error{e.kind, e.config} }

func describe(setting, value, problem, fix string) error {
	return &rdsiam.ConfigError{Setting: setting, Value: value, Problem: problem, Fix: fix}
}

func describeAs(kind error, setting, value, problem, fix string) error {
	return &descriptionError{kind, &rdsiam.ConfigError{Setting: setting, Value: value, Problem: problem, Fix: fix}}
}

// failure is what an answer of a server means.
type failure struct {
	kind error
	fix  string
}

const (
	needRunner   = "run the plan as the master user, or as a role that may create accounts and owns, or may grant, what is granted"
	needIAM      = "turn on IAM database authentication of the instance or cluster, and see that its version supports it"
	needWriter   = "connect to the writer endpoint"
	needAdopt    = "choose another name, or take the account over with provision.Adopt"
	needOtherRun = "try again"
	needRollback = "roll it back first"
)

// pgFailures tells what SQLSTATEs mean. Those that start with RDS are raised by our own
// blocks, whose texts say what to do.
var pgFailures = map[string]failure{
	stateUnmanaged:     {ErrUnmanaged, ""},
	stateNoAccount:     {ErrNoAccount, ""},
	stateLockout:       {ErrLockout, ""},
	stateIAM:           {ErrIAMUnavailable, needIAM},
	stateInUse:         {ErrInUse, ""},
	stateWrongDatabase: {ErrWrongDatabase, ""},
	"25006":            {ErrReadOnlyEndpoint, needWriter},
	"25P02":            {ErrTransaction, needRollback},
	"42501":            {ErrPrivilege, needRunner},
	"2BP01":            {ErrInUse, ""},
	"XX000":            {ErrBusy, needOtherRun}, // "tuple concurrently updated", in any language
	"23505":            {ErrBusy, needOtherRun}, // two CREATE ROLE at once
	"42710":            {ErrBusy, needOtherRun},
	"40001":            {ErrBusy, needOtherRun},
	"40P01":            {ErrBusy, needOtherRun},
	"55P03":            {ErrBusy, needOtherRun}, // lock_timeout
}

// myFailures tells what error numbers mean.
// https://mariadb.com/kb/en/mariadb-error-code-reference/
var myFailures = map[string]failure{
	"1524": {ErrIAMUnavailable, needIAM},
	"1290": {ErrReadOnlyEndpoint, needWriter}, // --read-only
	"1792": {ErrReadOnlyEndpoint, needWriter},
	"1836": {ErrReadOnlyEndpoint, needWriter},
	"1044": {ErrPrivilege, needRunner},
	"1045": {ErrPrivilege, needRunner},
	"1142": {ErrPrivilege, needRunner},
	"1143": {ErrPrivilege, needRunner},
	"1227": {ErrPrivilege, needRunner},
	"1370": {ErrPrivilege, needRunner},
	"1698": {ErrPrivilege, needRunner}, // of roles and PROXY
	"1410": {ErrPrivilege, needRunner},
	"1568": {ErrTransaction, "commit the transaction of this connection first"},
	"1205": {ErrBusy, needOtherRun},
	"1213": {ErrBusy, needOtherRun},
}

// guardFailures tells what our own guards say in MySQL and MariaDB.
var guardFailures = map[string]failure{
	guardUnmanaged: {ErrUnmanaged, needAdopt},
	guardForIAM:    {ErrUnmanaged, "standard IAM of RDS Proxy needs an account with a password: choose another name, or another Account.Reach"},
	guardNoAccount: {ErrNoAccount, "create it with the password that the proxy reads from Secrets Manager"},
	guardHidden:    {ErrHiddenGrant, "apply the plan with provision.Apply, which carries the older grant over"},
	guardPattern:   {ErrHiddenGrant, "see what provision.Check finds, and revoke that with Account.PlanExact"},
	guardLiteral:   {ErrWrongDatabase, "make the file with provision.PartialRevokes, or apply the plan with provision.Apply"},
	guardPatterns:  {ErrWrongDatabase, "make the plan without provision.PartialRevokes"},
	guardRoles:     {ErrDefaultRole, "revoke it, as PlanExact does with what Check finds, or leave Account.MemberOf empty"},
	guardDefiner:   {ErrInUse, "give its views, routines, triggers and events another DEFINER"},
}

// explain says what the answer to a statement means.
func explain(e Engine, account string, s Statement, err error) error {
	code := serverCode(err)
	found := pgFailures[code]
	if e != PostgreSQL {
		found = myFailures[code]
		// CREATE says 1524 if the plugin is missing, ALTER says 1396.
		if code == "1396" && s.Kind == KindAlter {
			found = failure{ErrIAMUnavailable, needIAM}
		}
		if code == "1105" {
			for text, guard := range guardFailures {
				if strings.Contains(err.Error(), text+"'") {
					found = guard
				}
			}
		}
	}
	return &Error{Kind: found.kind, Account: account, Statement: s, Code: code, fix: found.fix, err: err}
}

// serverCode returns the SQLSTATE or error number in err. Drivers of PostgreSQL have
// a method for it, go-sql-driver/mysql has a field, and this package imports neither.
func serverCode(err error) string {
	if state := interface{ SQLState() string }(nil); errors.As(err, &state) {
		return state.SQLState()
	}
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.ValueOf(err)
		if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
			continue
		}
		if number := v.Elem().FieldByName("Number"); number.IsValid() && number.Kind() == reflect.Uint16 {
			return strconv.FormatUint(number.Uint(), 10)
		}
	}
	return ""
}
