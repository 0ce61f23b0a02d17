package errortext

import (
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
)

// own is what the command line says for a code. What is empty the library says: its text
// names AWS and databases alone, and no option.
type own struct {
	problem, fix string

	ofConfig func(*rdsiam.ConfigError) string // in place of fix
}

func (o own) orLibrary(problem, fix string) (string, string) {
	if o.problem != "" {
		problem = o.problem
	}
	if o.fix != "" {
		fix = o.fix
	}
	return problem, fix
}

// flags are what settings are called here.
var flags = map[string]string{
	"WithEndpoint": "ENDPOINT",
	"WithRegion":   "--region",
	"WithRootCAs":  "--root-cas",

	"Account.AllowPlaintext": "--allow-plaintext",
	"Account.Comment":        "--comment",
	"Account.Engine":         "--engine",
	"Account.Grants":         "rights",
	"Account.Host":           "--host",
	"Account.MaxConnections": "--max-connections",
	"Account.MemberOf":       "--member-of",
	"Account.Name":           "--user",
	"Account.Reach":          "--reach",
	"DropOptions":            "--reassign-to, --keep-role",
	"DropOptions.ReassignTo": "--reassign-to",
	"Resource.ID":            "--resource",
}

const (
	asEndpoint = "as ENDPOINT and what is dialed with --dial"
	rdsNames   = "check the spelling (RDS names look like NAME.ID.REGION.rds.amazonaws.com); "
)

// words has an entry for every code that the command line can meet.
var words = map[string]own{
	// Endpoints, regions and roots.
	"endpoint-at-sign":       {},
	"endpoint-custom":        {fix: "give the cluster endpoint (…cluster-…, without custom) as ENDPOINT and dial this one with --dial"},
	"endpoint-dsql":          {fix: "name the cluster, CLUSTER.dsql.REGION.on.aws, " + asEndpoint},
	"endpoint-empty":         {},
	"endpoint-form":          {},
	"endpoint-global-writer": {fix: "give the region of the current writer with --region, or its cluster endpoint " + asEndpoint},
	"endpoint-ip-address":    {fix: "name the RDS endpoint; commands that log in take a tunnel to it with --dial"},
	"endpoint-not-rds":       {fix: rdsNames + "behind a load balancer or another service, name the RDS endpoint " + asEndpoint},
	"endpoint-port":          {},
	"endpoint-unix-socket":   {},
	"endpoint-unknown":       {fix: rdsNames + "for an alias, name the RDS endpoint behind it " + asEndpoint + ", or give --region to sign this name as it is"},
	"region-contradicts-host": {fix: "correct one of them; leave --region out where the host name has the region, " +
		"and give that of the current writer for a global database"},
	"region-form":   {fix: "give the region of the database, or leave --region out where the host name tells it"},
	"roots-missing": {ofConfig: bundleOf},

	// Policies, resources and database users.
	"arn-form":                     {},
	"arn-service":                  {},
	"arn-user":                     {},
	"partition-contradicts-region": {},
	"policy-document":              {},
	"policy-indivisible":           {},
	"policy-inline-too-long":       {fix: "use managed policies: --managed"},
	"policy-no-users":              {fix: "name at least one user"},
	"policy-partitions":            {},
	"policy-resource-too-long":     {},
	"policy-version":               {},
	"resource-account":             {},
	"resource-of-dsql":             {},
	"resource-id":                  {},
	"resource-partition":           {},
	"resource-region":              {},
	"terraform-escape":             {},
	"terraform-name":               {},
	"user-characters":              {},
	"user-empty":                   {},
	"user-not-utf8":                {},
	"user-nul":                     {},
	"user-pattern-form":            {},
	"user-spaces":                  {},
	"user-too-long":                {},

	// AWS credentials.
	"assume-role-denied":           {},
	"assume-role-invalid":          {},
	"canceled":                     {problem: "the login was canceled before there were AWS credentials"},
	"clock-wrong":                  {},
	"container-credentials-denied": {},
	"container-credentials-failed": {},
	"container-credentials-hung":   {fix: "restart the container, or look at its agent (ECS, EKS Pod Identity)"},
	"container-token-expired":      {},
	"container-token-file":         {},
	"credentials-empty":            {},
	"credentials-expired":          {},
	"credentials-failed":           {},
	"credentials-hung":             {fix: "check that the service can be reached from here (STS, SSO), and try again"},
	"credentials-not-configured":   {fix: "give --profile or set AWS_PROFILE, or give this machine a role"},
	"credentials-silent":           {},
	"credentials-throttled":        {fix: "try again later, and start fewer commands at a time"},
	"credentials-unreachable":      {},
	"imds-failed":                  {},
	"imds-unreachable":             {},
	"instance-role-missing":        {},
	"login-session-denied":         {},
	"login-session-ended":          {fix: "log in again, by aws login"},
	"process-failed":               {},
	"process-output":               {},
	"process-timeout":              {},
	"signing-failed":               {},
	"source-credentials-rejected":  {},
	"sso-role-denied":              {},
	"sso-session-ended":            {fix: "log in again, by aws sso login"},
	"token-expired":                {},
	"token-source-failed":          {problem: "the token source failed"},
	"web-identity-expired":         {},
	"web-identity-file":            {},
	"web-identity-rejected":        {},

	// Refused logins.
	causes.Policy:             {},
	causes.Identity:           {},
	causes.SigningCredentials: {},
	causes.Clock:              {},
	causes.Throttled:          {},
	causes.ServerLog:          {},
	causes.IAMOff:             {},
	causes.NoRole:             {},
	causes.NoPlugin:           {},
	causes.EscapedUser:        {},
	causes.SignedName: {fix: "behind a CNAME, custom endpoint or tunnel, give the database's endpoint and port " +
		asEndpoint},
	causes.TunnelEndpoint: {problem: "ENDPOINT is not the database's own"},
	causes.GlobalRegion:   {fix: "give the region of the current writer with --region"},

	causes.ProxyPolicy:       {},
	causes.ProxyAuth:         {},
	causes.ProxyPassword:     {},
	causes.ProxyEndpoint:     {},
	causes.ProxyThrottled:    {},
	causes.ProxyNoTLS:        {fix: "see what takes TLS off between here and the proxy"},
	causes.ProxyNoConnection: {},

	causes.DSQLPolicy: {},
	causes.DSQLGrant:  {},
	causes.DSQLAction: {},
	causes.DSQLLimit:  {},
	causes.DSQLWaking: {},

	causes.NotEncrypted:        {fix: "see what takes TLS off between here and the database"},
	causes.NoHBAEntry:          {},
	causes.NoLoginAttribute:    {},
	causes.SlowHelper:          {},
	causes.NoDatabase:          {},
	causes.DatabaseClosed:      {},
	causes.NoConnectPrivilege:  {},
	causes.NoDatabasePrivilege: {},
	causes.HostNotAllowed:      {},
	causes.HostBlocked:         {},
	causes.AccountLocked:       {},
	causes.TooManyConnections:  {},
	causes.RoleLimit:           {},
	causes.DatabaseLimit:       {},
	causes.AccountLimit:        {},
	causes.Failover:            {},
	causes.ReadOnly:            {},
	causes.RejectedReadOnly:    {problem: "the driver dropped the connection, as it does at a read-only server"},
	causes.TargetSession:       {},

	// What a client of the proxy has asked for.
	causes.UnknownParameter:     {fix: "remove it, or correct its spelling"},
	causes.UnreadableParameter:  {fix: "remove what is no system variable, such as sslmode or ssl"},
	causes.RefusedParameter:     {},
	causes.RoleParameter:        {},
	causes.ReplicationPrivilege: {},
	causes.ReplicationOff:       {},
	causes.ReplicationFull:      {},

	// TLS and network.
	causes.ClearTextOff:         {problem: "the server asks for the token in a way that the driver does not allow", fix: "log in to RDS or Aurora, which ask for it inside verified TLS"},
	causes.Certificate:          {fix: "give the roots of the region (--root-cas) and the endpoint's name (ENDPOINT, and what is dialed with --dial)"},
	causes.CertificateName:      {fix: "behind a tunnel or alias, name the endpoint " + asEndpoint},
	causes.CertificateAuthority: {fix: "RDS has roots for each region (--root-cas), RDS Proxy those of the system; TLS opened on the way gives the same error"},
	causes.CertificateExpired:   {},
	causes.NoTLS:                {},
	causes.NoHost:               {},
	causes.Resolver:             {},
	causes.NotListening:         {},
	causes.NoAnswer:             {},
	causes.Stalled:              {},
	causes.Cut:                  {},
	causes.Deadline:             {fix: "see the server's load, the service that issues the credentials, and security groups and routes"},
	// Drivers: settings of the environment and of a DSN.
	"address-default":               {fix: "give the endpoint, and, if this is a tunnel, its other end " + asEndpoint},
	"channel-binding-require":       {},
	"connection-plaintext":          {},
	"connection-tls-changed":        {},
	"connection-unknown-host":       {},
	"connection-unverified":         {},
	"dsn-at-sign":                   {},
	"dsn-nul":                       {},
	"dsn-parameter":                 {fix: "correct it"},
	"dsn-password":                  {},
	"dsn-unreadable":                {},
	"dsn-url":                       {},
	"dsql-not-mysql":                {fix: "leave --engine out, or set it to postgresql"},
	"hosts-alike":                   {problem: "names one endpoint twice"},
	"mysql-config-refused":          {fix: "correct it"},
	"mysql-user-too-long":           {},
	"old-passwords":                 {},
	"plaintext-fallback":            {},
	"postgresql-user-too-long":      {},
	"require-auth-without-password": {},
	"sslmode-disable":               {fix: "remove sslmode from the DSN and PGSSLMODE from the environment"},
	"tls-false":                     {fix: "remove tls from the DSN"},
	"tls-preferred":                 {fix: "remove tls from the DSN"},
	"tls-skip-verify":               {fix: "remove tls from the DSN; give roots of your own with --root-cas"},
	"unix-socket":                   {fix: "name the endpoint"},

	// Accounts.
	"comment-backslash":         {},
	"comment-control-character": {},
	"comment-not-utf8":          {},
	"comment-unsupported":       {},
	"drop-options-unsupported":  {problem: "these are for PostgreSQL: accounts of MySQL and MariaDB own nothing", fix: "leave them out"},
	"engine-unset":              {fix: "choose postgresql, mysql or mariadb"},
	"future-objects-own":        {problem: "is the account itself, which may use what it creates"},
	"grant-empty":               {fix: "name what the account may do"},
	"grant-other-database":      {},
	"grant-privilege":           {},
	"grant-target":              {},
	"drift-of-another-account":  {}, "drift-of-another-database": {}, "host-network": {}, "routine-not-ascii": {},
	"host-form":                   {},
	"host-local":                  {},
	"host-of-role":                {},
	"max-connections-negative":    {},
	"member-of-itself":            {},
	"name-above-ffff":             {},
	"name-control-character":      {},
	"name-empty":                  {},
	"name-not-utf8":               {},
	"name-of-server":              {},
	"name-reserved":               {},
	"name-spaces":                 {},
	"name-too-long":               {},
	"name-trailing-space":         {},
	"partial-revokes-unsupported": {},
	"plaintext-of-role":           {fix: "leave it out; see rds.force_ssl for accounts with a password"},
	"preset-unsupported":          {problem: "has a preset with --schema or --future-tables-of, which are for PostgreSQL"},
	"reach-unknown":               {},
	"reassign-to-itself":          {},
	"resource-is-no-proxy":        {},
	"resource-is-proxy":           {fix: "give the id of the instance or cluster, or set --reach"},
	"role-none":                   {},
	"role-second":                 {},

	// Steps of provision that failed. The server's text has no flags where our SQL raised it.
	"account-for-iam":           {fix: "standard IAM of RDS Proxy needs an account with a password: choose another name, or another --reach"},
	"account-granted":           {fix: "have it granted by somebody else, then give --revoke-granted"},
	"account-granted-by-others": {},
	"account-in-use":            {fix: "run rdsiam provision drop --keep-role in each of these databases first; revoke the rest"},
	"account-member-of-iam":     {fix: "revoke the membership, or set another --reach"},
	"account-missing":           {},
	"account-missing-for-proxy": {},
	"account-of-kerberos":       {},
	"account-owns":              {fix: "name with --reassign-to who gets it"},
	"account-superuser":         {},
	"account-unmanaged":         {fix: "choose another name, or take the account over with --adopt, or set another --reach"},
	"default-role":              {fix: "name it with --member-of, or revoke it, as rdsiam provision apply --exact does"},
	"definer-in-use":            {},
	"encoding":                  {},
	"engine-mismatch":           {fix: "correct --engine"},
	"grant-by-pattern":          {fix: "see what rdsiam provision check finds, and revoke that with rdsiam provision apply --exact"},
	"grant-hidden":              {fix: "run rdsiam provision apply --narrow, which takes the place of that grant"},
	"grant-wide":                {},
	"narrow-privilege":          {problem: "is an older grant of a privilege that plans never give", fix: "revoke it, or describe among the rights what it should give"},
	"narrow-tie":                {problem: "is an older grant beside which another pattern is as exact, and which of them counts is not known", fix: "revoke it, or describe among the rights what it should give"},
	"heir-without-create":       {fix: "run these statements, or name another role with --reassign-to"},
	"iam-unavailable":           {},
	"lock-timeout":              {},
	"name-case":                 {},
	"other-database":            {},
	"other-runner":              {},
	"partial-revokes-off":       {fix: "run rdsiam provision apply --yes"},
	"partial-revokes-on":        {fix: "run rdsiam provision apply --yes"},
	"privilege-missing":         {},
	"privilege-not-granted":     {},
	"privilege-not-revoked":     {},
	"role-lockout":              {},
	"role-noinherit":            {fix: "run this statement, or leave --member-of out"},
	"runner-does-not-inherit":   {},
	"runner-is-account":         {},
	"runner-without-admin":      {},
	"server-read-only":          {},
	"transaction-failed":        {},
	"transaction-open":          {fix: "end it first"},
	"transaction-to-commit":     {},
	"wait-canceled":             {},
}

// ofPrograms are the codes of mistakes in a Go program, which the command line does not make.
var ofPrograms = []string{
	"before-connect-set", "before-connect-unknown", "driver-zero", "fallback-without-tls", "future-objects-kind",
	"mysql-config-nil", "pgx-config-nil", "pgx-config-not-parsed", "routine-arguments", "stdlib-options-unreadable",
	"tls-name-late", "transaction-of-caller", "verify-callback-unknown",
	"credentials-provider-nil", "driver-nil", "endpoint-zero", "option-nil", "policy-zero", "policy-zero-user",
	"root-cas-nil", "tls-config-nil", "tls-max-version", "tls-server-name", "tls-unverified",
	"token-cut", "token-empty", "token-html-encoded", "token-json", "token-malformed", "token-of-another-login",
	"token-percent-encoded", "token-quoted", "token-scheme", "token-source-nil", "token-unknown-text", "token-white-space",
}

// bundleOf says where AWS publishes the roots of an endpoint's region.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
func bundleOf(err *rdsiam.ConfigError) string {
	const fix = "give the bundle that AWS publishes for the region with --root-cas"
	endpoint, unknown := rdsiam.ResolveEndpoint(err.Value, 0)
	if unknown != nil {
		return fix
	}
	switch region := endpoint.Region(); endpoint.Partition() {
	case "aws":
		return "check the spelling of the region; if it is new, " + fix +
			": https://truststore.pki.rds.amazonaws.com/" + region + "/" + region + "-bundle.pem"
	case "aws-us-gov":
		return fix + ": https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"
	case "aws-cn":
		return fix + ": https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem"
	}
	return fix
}
