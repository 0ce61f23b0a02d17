package causes

import "slices"

// The lists are in alphabetical order. A rule that several packages have has the same code in
// each.

// PGXConfigCodes returns the codes that the ConfigErrors of package rdspgx have.
func PGXConfigCodes() []string { return slices.Clone(pgxConfigCodes) }

// MySQLConfigCodes returns the codes that the ConfigErrors of package rdsmysql have.
func MySQLConfigCodes() []string { return slices.Clone(mysqlConfigCodes) }

// ProvisionConfigCodes returns the codes that the ConfigErrors of package provision have.
func ProvisionConfigCodes() []string { return slices.Clone(provisionConfigCodes) }

// ProvisionCodes returns the codes that a provision.Error has.
func ProvisionCodes() []string { return slices.Clone(provisionCodes) }

// AllConfigCodes returns the codes that the ConfigErrors of the library have, each once.
func AllConfigCodes() []string {
	all := slices.Concat(configCodes, pgxConfigCodes, mysqlConfigCodes, provisionConfigCodes)
	slices.Sort(all)
	return slices.Compact(all)
}

var pgxConfigCodes = []string{
	"channel-binding-require",
	"connection-plaintext",
	"connection-tls-changed",
	"connection-unknown-host",
	"connection-unverified",
	"driver-zero",
	"dsn-at-sign",
	"dsn-nul",
	"dsn-password",
	"dsn-unreadable",
	"fallback-without-tls",
	"hosts-alike",
	"pgx-config-nil",
	"pgx-config-not-parsed",
	"postgresql-user-too-long",
	"require-auth-without-password",
	"sslmode-disable",
	"stdlib-options-unreadable",
	"token-source-nil",
	"unix-socket",
	"verify-callback-unknown",
}

var mysqlConfigCodes = []string{
	"address-default",
	"before-connect-set",
	"before-connect-unknown",
	"driver-zero",
	"dsn-parameter",
	"dsn-password",
	"dsn-unreadable",
	"dsn-url",
	"mysql-config-nil",
	"mysql-config-refused",
	"mysql-user-too-long",
	"old-passwords",
	"plaintext-fallback",
	"tls-false",
	"tls-name-late",
	"tls-preferred",
	"tls-skip-verify",
	"unix-socket",
}

var provisionConfigCodes = []string{
	"comment-backslash",
	"comment-control-character",
	"comment-not-utf8",
	"comment-unsupported",
	"drift-of-another-account",
	"drift-of-another-database",
	"drop-options-unsupported",
	"engine-unset",
	"future-objects-kind",
	"future-objects-own",
	"grant-empty",
	"grant-other-database",
	"grant-privilege",
	"grant-target",
	"host-form",
	"host-local",
	"host-network",
	"host-of-role",
	"max-connections-negative",
	"member-of-itself",
	"name-above-ffff",
	"name-control-character",
	"name-empty",
	"name-not-utf8",
	"name-of-server",
	"name-reserved",
	"name-spaces",
	"name-too-long",
	"name-trailing-space",
	"narrow-privilege",
	"narrow-tie",
	"partial-revokes-unsupported",
	"plaintext-of-role",
	"preset-unsupported",
	"reach-unknown",
	"reassign-to-itself",
	"resource-is-no-proxy",
	"resource-is-proxy",
	"role-none",
	"role-second",
	"routine-arguments",
	"routine-not-ascii",
}

var provisionCodes = []string{
	"account-for-iam",
	"account-granted",
	"account-granted-by-others",
	"account-in-use",
	"account-member-of-iam",
	"account-missing",
	"account-missing-for-proxy",
	"account-of-kerberos",
	"account-owns",
	"account-superuser",
	"account-unmanaged",
	"default-role",
	"definer-in-use",
	"encoding",
	"engine-mismatch",
	"grant-by-pattern",
	"grant-hidden",
	"grant-wide",
	"heir-without-create",
	"iam-unavailable",
	"lock-timeout",
	"name-case",
	"other-database",
	"other-runner",
	"partial-revokes-off",
	"partial-revokes-on",
	"privilege-missing",
	"privilege-not-granted",
	"privilege-not-revoked",
	"role-lockout",
	"role-noinherit",
	"runner-does-not-inherit",
	"runner-is-account",
	"runner-without-admin",
	"server-read-only",
	"transaction-failed",
	"transaction-of-caller",
	"transaction-open",
	"transaction-to-commit",
	"wait-canceled",
}
