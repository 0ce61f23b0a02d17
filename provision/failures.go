package provision

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// failure is a cause of an [Error].
type failure struct {
	code string
	kind error
	fix  string
}

// at returns the error of a step that failed in this way. s is zero where it was none of the
// plan.
func (f failure) at(account string, s Statement, err error) *Error {
	return &Error{Kind: f.kind, Code: f.code, Account: account, Statement: s, ServerCode: serverCode(err), Fix: f.fix, err: err}
}

// with returns the failure with a fix of its own.
func (f failure) with(fix string) failure {
	f.fix = fix
	return f
}

var (
	forIAM            = failure{"account-for-iam", ErrUnmanaged, "standard IAM of RDS Proxy needs an account with a password: choose another name, or another Account.Reach"}
	inUse             = failure{"account-in-use", ErrInUse, toClear}
	proxyMember       = failure{"account-member-of-iam", ErrUnmanaged, toLeaveOrReach}
	granted           = failure{"account-granted", ErrInUse, toTakeBack}
	grantedByThird    = failure{"account-granted-by-others", ErrInUse, toRevokeAs}
	noAccount         = failure{"account-missing", ErrNoAccount, toCreate}
	noProxyAccount    = failure{"account-missing-for-proxy", ErrNoAccount, toCreateForProxy}
	kerberos          = failure{"account-of-kerberos", ErrUnmanaged, toLeave}
	owner             = failure{"account-owns", ErrInUse, toReassign}
	superuser         = failure{"account-superuser", ErrUnmanaged, toOtherName}
	unmanaged         = failure{"account-unmanaged", ErrUnmanaged, toAdopt}
	defaultRole       = failure{"default-role", ErrDefaultRole, "name it in Account.MemberOf, or revoke it, as PlanExact does with what Check finds"}
	definerInUse      = failure{"definer-in-use", ErrInUse, "give its views, routines, triggers and events another DEFINER"}
	encoding          = failure{"encoding", ErrInvalidName, ""}
	otherEngine       = failure{"engine-mismatch", ErrWrongDatabase, "correct Account.Engine"}
	grantByPattern    = failure{"grant-by-pattern", ErrHiddenGrant, "see what provision.Check finds, and revoke that with Account.PlanExact"}
	grantHidden       = failure{"grant-hidden", ErrHiddenGrant, "make the plan with provision.Narrow and what provision.Check finds, which takes the place of that grant"}
	grantWide         = failure{"grant-wide", ErrHiddenGrant, "run these statements, of those for other databases what is needed there"}
	noCreate          = failure{"heir-without-create", ErrPrivilege, toGrantCreate}
	iamOff            = failure{"iam-unavailable", ErrIAMUnavailable, "turn on IAM database authentication of the instance or cluster, and see that its version supports it"}
	lockTimeout       = failure{"lock-timeout", ErrBusy, needOtherRun}
	nameCase          = failure{"name-case", ErrInvalidName, ""}
	otherDatabase     = failure{"other-database", ErrWrongDatabase, toOtherDatabase}
	otherRunner       = failure{"other-runner", ErrBusy, needOtherRun}
	partialRevokesOff = failure{"partial-revokes-off", ErrWrongDatabase, "make the plan without provision.PartialRevokes"}
	partialRevokesOn  = failure{"partial-revokes-on", ErrWrongDatabase, "make the file with provision.PartialRevokes, or apply the plan with provision.Apply"}
	noPrivilege       = failure{"privilege-missing", ErrPrivilege, needRunner}
	notGranted        = failure{"privilege-not-granted", ErrPrivilege, needRunner}
	notRevoked        = failure{"privilege-not-revoked", ErrPrivilege, "run the plan as the role that granted it"}
	lockout           = failure{"role-lockout", ErrLockout, toRevokeFirst}
	noInherit         = failure{"role-noinherit", ErrPrivilege, toInherit}
	notInherited      = failure{"runner-does-not-inherit", ErrPrivilege, toOtherRunner}
	ownRunner         = failure{"runner-is-account", ErrLockout, toOtherRunner}
	noAdmin           = failure{"runner-without-admin", ErrPrivilege, toGrantAdmin}
	readOnly          = failure{"server-read-only", ErrReadOnlyEndpoint, "connect to the writer endpoint"}
	failedTx          = failure{"transaction-failed", ErrTransaction, "roll it back first"}
	givenTx           = failure{"transaction-of-caller", ErrTransaction, "give Apply a *sql.Conn or *sql.DB; in goose, use a migration without transaction"}
	openTx            = failure{"transaction-open", ErrTransaction, "end it first, or give the *sql.Tx"}
	commitTx          = failure{"transaction-to-commit", ErrTransaction, "commit the transaction of this connection first"}
	waitCanceled      = failure{"wait-canceled", ErrBusy, needOtherRun}
)

const (
	needRunner   = "run the plan as the master user, or as a role that may create accounts and owns, or may grant, what is granted"
	needOtherRun = "try again"
)

// What to change, also in the blocks of PostgreSQL, so without quotes.
const (
	toAdopt          = "choose another name, or take it over with provision.Adopt"
	toClear          = "in each of these databases, run a plan with DropOptions.KeepRole first; revoke the rest"
	toCreate         = "create it first, by Account.Plan"
	toCreateForProxy = "create it with the password that the proxy reads from Secrets Manager"
	toGrantAdmin     = "run this statement as a role with ADMIN OPTION, or choose another runner"
	toGrantCreate    = "run these statements, or name another role in DropOptions.ReassignTo"
	toInherit        = "run this statement, or leave Account.MemberOf empty"
	toLeave          = "revoke the membership"
	toLeaveOrReach   = "revoke the membership, or set another Account.Reach"
	toOtherDatabase  = "connect to the database of the grants"
	toOtherName      = "choose another name"
	toOtherRunner    = "choose another runner"
	toReassign       = "name in DropOptions.ReassignTo who gets it"
	toRevokeAs       = "run these statements as the roles that granted it"
	toRevokeFirst    = "revoke the first step"
	toTakeBack       = "have it granted by somebody else, then set DropOptions.RevokeGranted"
)

// pgFailures are the causes behind SQLSTATEs. Those that start with RDS are raised by our own
// blocks, with the same fix as a HINT for who runs them as a file.
var pgFailures = map[string]failure{
	stateUnmanaged:      unmanaged,
	stateNoAccount:      noAccount,
	stateLockout:        lockout,
	stateIAM:            iamOff,
	stateInUse:          inUse,
	stateWrongDatabase:  otherDatabase,
	stateSuperuser:      superuser,
	stateOwnRunner:      ownRunner,
	stateNoProxyAccount: noProxyAccount,
	stateOwner:          owner,
	stateNotInherited:   notInherited,
	stateKerberos:       kerberos,
	stateProxyMember:    proxyMember,
	stateNoAdmin:        noAdmin,
	stateNoInherit:      noInherit,
	stateNoCreate:       noCreate,
	stateGranted:        granted,
	stateGrantedByThird: grantedByThird,
	"25006":             readOnly,
	"25P02":             failedTx,
	"42501":             noPrivilege,
	"2BP01":             inUse,
	"XX000":             otherRunner, // "tuple concurrently updated", in any language
	"23505":             otherRunner, // two CREATE ROLE at once
	"42710":             otherRunner,
	"40001":             otherRunner,
	"40P01":             otherRunner,
	"55P03":             lockTimeout,
}

// myFailures are the causes behind error numbers.
// https://mariadb.com/kb/en/mariadb-error-code-reference/
var myFailures = map[string]failure{
	"1524": iamOff,
	"1290": readOnly, // --read-only
	"1792": readOnly,
	"1836": readOnly,
	"1044": noPrivilege,
	"1045": noPrivilege,
	"1142": noPrivilege,
	"1143": noPrivilege,
	"1227": noPrivilege,
	"1370": noPrivilege,
	"1698": noPrivilege, // of roles and PROXY
	"1410": noPrivilege,
	"1568": commitTx,
	"1205": otherRunner,
	"1213": otherRunner,
}

// guardFailures are the causes behind what our own guards make MySQL and MariaDB answer.
var guardFailures = map[string]failure{
	guardUnmanaged: unmanaged,
	guardMaster:    superuser,
	guardForIAM:    forIAM,
	guardNoAccount: noProxyAccount,
	guardHidden:    grantHidden,
	guardWide:      grantWide,
	guardPattern:   grantByPattern,
	guardLiteral:   partialRevokesOn,
	guardPatterns:  partialRevokesOff,
	guardRoles:     defaultRole,
	guardDefiner:   definerInUse,
}

// explain says what the answer to a statement means.
func explain(e Engine, account string, s Statement, err error) error {
	code := serverCode(err)
	found := pgFailures[code]
	if e != PostgreSQL {
		found = myFailures[code]
		// CREATE says 1524 if the plugin is missing, ALTER says 1396.
		if code == "1396" && s.Kind == KindAlter {
			found = iamOff
		}
		if code == "1105" {
			for text, guard := range guardFailures {
				if strings.Contains(err.Error(), text+"'") {
					found = guard
				}
			}
		}
	}
	return found.at(account, s, err)
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
