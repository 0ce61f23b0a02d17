package provision

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rdsiam/rdsiam"
)

// Engine is the kind of database server. The zero Engine is none.
type Engine uint8

// The engines. Aurora counts as the engine that it speaks.
const (
	PostgreSQL Engine = iota + 1 // 12 and newer
	MySQL                        // 8.0 and newer
	MariaDB                      // 10.6 and newer
)

// String returns the name of the engine.
func (e Engine) String() string {
	switch e {
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	case MariaDB:
		return "MariaDB"
	}
	return "no engine"
}

// Reach is how clients reach the database. It decides who checks the
// token, and with that what the account in the database must look like.
type Reach uint8

const (
	// Direct is a login at an instance or cluster, which checks the token. It is
	// the zero value.
	Direct Reach = iota
	// ProxyEndToEnd is RDS Proxy with end-to-end IAM authentication: the database
	// checks a token that the proxy makes, so the account is as with Direct. The role
	// of the proxy needs rds-db:connect for the database, the client for the proxy.
	ProxyEndToEnd
	// ProxyStandard is RDS Proxy with standard IAM authentication: the proxy checks
	// the token and logs in to the database with a password from Secrets Manager. The
	// account must be an ordinary one, without rds_iam or AWSAuthenticationPlugin.
	// Plans never create it, since they know no password: they require that it
	// exists, refuse one that is for IAM, and grant.
	ProxyStandard
)

// Account describes a database account that logs in with an AWS identity, and what
// it may do. The same description gives the SQL, by [Account.Plan], and the ARN for
// the IAM policy, by [Account.UserARN]. It is a plain value, safe for concurrent use
// as long as nobody changes it.
type Account struct {
	// Engine is needed.
	Engine Engine

	// Name is the name of the account, needed, exactly as clients and policies
	// spell it: case matters to IAM, and names are always quoted.
	Name string

	// Host is the host part of the account on MySQL and MariaDB, "%" if empty. It must
	// be empty for PostgreSQL.
	Host string

	// Reach is how clients reach the database.
	Reach Reach

	// AllowPlaintext leaves out REQUIRE SSL on MySQL and MariaDB, where an account
	// without it would send its token in clear text. PostgreSQL has no such setting
	// of accounts (RDS refuses members of rds_iam without TLS), so it must be false there.
	AllowPlaintext bool

	// MaxConnections limits concurrent connections of the account. Zero leaves the
	// account's limit as it is.
	MaxConnections int

	// Comment is stored with the account: COMMENT ON ROLE in PostgreSQL, COMMENT in
	// MySQL, in one line. MariaDB cannot store one. Empty leaves it as it is.
	Comment string

	// MemberOf lists roles that the account is to be a member of, and whose rights it has
	// as soon as it logs in. The roles must exist; rds_iam is implied. In PostgreSQL they may be
	// predefined ones, such as pg_monitor, and those of RDS, such as rds_replication. Roles of MySQL
	// have the host %, as CREATE ROLE makes them. MariaDB starts an account with one role, so
	// there can be only one, and a plan fails if the account starts with another:
	// [ErrDefaultRole].
	MemberOf []string

	// Grants are what the account may do.
	Grants []Grant
}

// UserARN returns the ARN that a policy has to allow so that its owner may log in as
// the account; see [rdsiam.NewPolicy]. It refuses what [Account.Plan] would refuse of
// the name, names that policies cannot hold, and a resource that does not fit the Reach:
// clients of a proxy need the ARN for the proxy (prx-…), all others that for the instance
// or cluster. For ProxyEndToEnd both are right, the one for clients and the other for the
// role of the proxy. The error is a [*rdsiam.ConfigError].
func (a Account) UserARN(r rdsiam.Resource) (rdsiam.UserARN, error) {
	if err := a.validate(); err != nil {
		return rdsiam.UserARN{}, err
	}
	isProxy := strings.HasPrefix(r.ID, "prx-")
	switch {
	case a.Reach == Direct && isProxy:
		return rdsiam.UserARN{}, configError("resource-is-proxy", "Resource.ID", r.ID, "is that of a proxy, but the account is reached directly",
			"give the id of the instance or cluster, or set Account.Reach")
	case a.Reach == ProxyStandard && !isProxy:
		return rdsiam.UserARN{}, configError("resource-is-no-proxy", "Resource.ID", r.ID, "is not that of a proxy, but the account logs in with IAM at a proxy only",
			"give the last part of DBProxyArn (prx-…)")
	}
	return r.User(a.Name)
}

// host returns the host part of an account of MySQL.
func (a Account) host() string {
	if a.Host == "" {
		return "%"
	}
	return strings.ToLower(a.Host) // as the server stores it
}

func (a Account) validate() error {
	if a.Engine < PostgreSQL || a.Engine > MariaDB {
		return configError("engine-unset", "Account.Engine", "", "is not set", "choose provision.PostgreSQL, MySQL or MariaDB")
	}
	if a.Reach > ProxyStandard {
		return configError("reach-unknown", "Account.Reach", "", "is none of the known ones", "choose Direct, ProxyEndToEnd or ProxyStandard")
	}
	if a.MaxConnections < 0 {
		return configError("max-connections-negative", "Account.MaxConnections", "", "is negative", "use 0 to leave the limit as it is")
	}
	if err := a.Engine.checkAccountName("Account.Name", a.Name); err != nil {
		return err
	}
	if !utf8.ValidString(a.Comment) {
		return configError("comment-not-utf8", "Account.Comment", a.Comment, "is not UTF-8", "give it in UTF-8")
	}
	if strings.ContainsFunc(a.Comment, unicode.IsControl) {
		return configError("comment-control-character", "Account.Comment", a.Comment, "has a line break or another control character, which migration files cannot contain", "write it in one line")
	}
	if err := a.validateRoles(); err != nil {
		return err
	}
	if a.Engine == PostgreSQL {
		return a.validatePostgreSQL()
	}
	return a.validateMySQL()
}

func (a Account) validatePostgreSQL() error {
	if a.Host != "" {
		return configError("host-of-role", "Account.Host", a.Host, "roles of PostgreSQL have no host", "leave it empty")
	}
	if a.AllowPlaintext {
		return configError("plaintext-of-role", "Account.AllowPlaintext", "", "PostgreSQL decides about TLS for all accounts together", "leave it false; see rds.force_ssl for accounts with a password")
	}
	return oneDatabase(a.Grants)
}

func (a Account) validateRoles() error {
	for _, role := range a.MemberOf {
		if err := a.Engine.checkGroupName("Account.MemberOf", role); err != nil {
			return err
		}
		if role == a.Name && a.Engine != MariaDB { // where roles have names of their own
			return configError("member-of-itself", "Account.MemberOf", role, "is the account itself", "remove it")
		}
	}
	if a.Engine == MariaDB {
		return validateMariaDBRoles(a.MemberOf)
	}
	return nil
}

func (a Account) validateMySQL() error {
	if a.Comment != "" && a.Engine == MariaDB {
		return configError("comment-unsupported", "Account.Comment", a.Comment, "MariaDB stores no comments of accounts", "leave it empty")
	}
	if strings.Contains(a.Comment, `\`) {
		return configError("comment-backslash", "Account.Comment", a.Comment, "has a backslash, whose meaning depends on sql_mode", "leave it out")
	}
	return checkHost(a.Engine, a.Host, a.Reach)
}
