// Package provision creates, changes, checks and drops database accounts that log in
// with an AWS identity: the part of the set-up that is inside the database. The part that
// is outside, the IAM policy, comes from the same description.
//
//	account := provision.Account{
//		Engine: provision.PostgreSQL,
//		Name:   "iam_sre",
//		Grants: []provision.Grant{provision.ReadOnly("sre", provision.FutureTablesOf("sre_owner"))},
//	}
//	plan, err := account.Plan()                    // SQL; nothing is sent yet
//	report, err := provision.Apply(ctx, db, plan)  // db is of the master user, or the like
//	arn, err := account.UserARN(resource)          // for rdsiam.NewPolicy
//
// # Plans
//
// A [Plan] is made without a connection, is the same for the same description, and has
// neither passwords nor tokens in it: log it, review it, print it with [Plan.String]. [Apply]
// runs it. So do migration tools: [GooseFile] and [Plan.Migration] make files, and a migration
// in Go calls Apply with the transaction it is given.
//
// Every statement can run again. An account that exists is brought in line rather than left as
// it is, as CREATE … IF NOT EXISTS would. Plans add: they revoke nothing unless [Check] found it
// and [Account.PlanExact] is asked to. Names are quoted and never changed; those that an engine
// would change, or the ARN of a policy cannot hold, are refused before anything is sent.
//
// # What plans never do
//
//   - Lock somebody out. In PostgreSQL, whoever is a member of the account, directly or not,
//     is a member of rds_iam as well, and RDS no longer takes that role's password. Plans
//     look for such roles in their transaction and roll back: [ErrLockout]. They never leave the
//     runner a member of the account.
//   - Take over an account that is not for IAM, unless told to by [Adopt], or a superuser.
//   - Grant more than was asked: not on appXdb when asked for app_db, not to everybody
//     when asked for "public".
//   - Take away older grants, as a more exact grant on a database would in MySQL and MariaDB.
//   - Take what an account of PostgreSQL granted to others, unless told to by
//     DropOptions.RevokeGranted, or what it has in other databases.
//   - Commit or roll back a transaction that the caller has begun.
//   - Leave an account without a password and without IAM.
//
// # The runner
//
// Plans are run by the master user, or by a role that may create accounts and may grant what is
// granted. No superuser and no RELOAD is needed. In PostgreSQL 16 and newer the runner
// needs ADMIN OPTION on rds_iam and on the roles in MemberOf, and for grants of
// [FutureObjects] it must be a member of the owner, in every version. In MySQL and MariaDB it
// needs SELECT on the database mysql, and for MemberOf ROLE_ADMIN, in MariaDB ADMIN OPTION on
// the role and UPDATE on the database mysql.
//
// # Errors
//
// Mistakes in a description are [*rdsiam.ConfigError]s and found by [Account.Plan]. What a
// server refuses is an [*Error], which names the statement, and its kind: see [ErrUnmanaged]
// and those beside it.
//
// # Text, file and Apply
//
// [Plan.String], the files and [Apply] have the same statements. What depends on what a server
// has is a guard, a statement that fails, and never a decision of Apply's.
//
// # Several databases of PostgreSQL
//
// Grants on schemas and what is in them work in the database of the session, so an account
// with rights in several databases is described and applied once for each, under the same name.
// MemberOf, MaxConnections and Comment belong to the account in all databases: give the
// same in each description.
//
// # Codes
//
// The codes of this package's ConfigErrors, besides those of package rdsiam, are:
//
//	comment-backslash, comment-control-character, comment-not-utf8, comment-unsupported,
//	drift-of-another-account, drift-of-another-database, drop-options-unsupported, engine-unset,
//	future-objects-kind, future-objects-own, grant-empty, grant-other-database, grant-privilege,
//	grant-target, host-form, host-local, host-network, host-of-role, max-connections-negative,
//	member-of-itself, name-above-ffff, name-control-character, name-empty, name-not-utf8,
//	name-of-server, name-reserved, name-spaces, name-too-long, name-trailing-space,
//	narrow-privilege, narrow-tie, partial-revokes-unsupported, plaintext-of-role,
//	preset-unsupported, reach-unknown, reassign-to-itself, resource-is-no-proxy,
//	resource-is-proxy, role-none, role-second, routine-arguments, routine-not-ascii.
package provision
