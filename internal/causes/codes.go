package causes

import (
	"slices"
)

// The codes of the causes of a refused or failed login. They are stable: programs go by
// them.
const (
	Policy             = "policy"
	Identity           = "identity"
	SigningCredentials = "signing-credentials"
	Clock              = "clock"
	Throttled          = "throttled"
	ServerLog          = "server-log"
	IAMOff             = "iam-off"
	NoRole             = "no-rds-iam-role"
	NoPlugin           = "no-plugin"
	EscapedUser        = "escaped-user"
	SignedName         = "signed-name"
	TunnelEndpoint     = "tunnel-endpoint"
	GlobalRegion       = "global-region"

	ProxyPolicy       = "proxy-policy"
	ProxyAuth         = "proxy-auth"
	ProxyPassword     = "proxy-password"
	ProxyEndpoint     = "proxy-endpoint"
	ProxyThrottled    = "proxy-throttled"
	ProxyNoTLS        = "proxy-no-tls"
	ProxyNoConnection = "proxy-no-connection"

	DSQLPolicy = "dsql-policy"
	DSQLGrant  = "dsql-grant"
	DSQLAction = "dsql-action"
	DSQLLimit  = "dsql-limit"
	DSQLWaking = "dsql-waking"

	NotEncrypted        = "not-encrypted"
	NoHBAEntry          = "no-hba-entry"
	NoLoginAttribute    = "no-login-attribute"
	SlowHelper          = "slow-helper"
	NoDatabase          = "no-database"
	DatabaseClosed      = "database-closed"
	NoConnectPrivilege  = "no-connect-privilege"
	NoDatabasePrivilege = "no-database-privilege"
	HostNotAllowed      = "host-not-allowed"
	HostBlocked         = "host-blocked"
	AccountLocked       = "account-locked"
	TooManyConnections  = "too-many-connections"
	RoleLimit           = "role-connection-limit"
	DatabaseLimit       = "database-connection-limit"
	AccountLimit        = "account-connection-limit"
	Failover            = "failover"
	ReadOnly            = "read-only"
	RejectedReadOnly    = "rejected-read-only"
	TargetSession       = "target-session-attrs"

	UnknownParameter     = "unknown-parameter"
	UnreadableParameter  = "unreadable-parameter"
	RefusedParameter     = "refused-parameter"
	RoleParameter        = "role-parameter"
	ReplicationPrivilege = "replication-privilege"
	ReplicationOff       = "replication-off"
	ReplicationFull      = "replication-full"

	ClearTextOff         = "clear-text-off"
	Certificate          = "certificate"
	CertificateName      = "certificate-name"
	CertificateAuthority = "certificate-authority"
	CertificateExpired   = "certificate-expired"
	NoTLS                = "no-tls"
	NoHost               = "no-such-host"
	Resolver             = "resolver"
	NotListening         = "not-listening"
	NoAnswer             = "no-answer"
	Stalled              = "stalled"
	Cut                  = "cut"
	Deadline             = "deadline"
)

// Codes returns the codes of all causes, those of missing credentials among them, in
// alphabetical order.
func Codes() []string {
	codes := loginCodes()
	for _, cause := range CredentialsCauses() {
		codes = append(codes, cause.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func loginCodes() []string {
	codes := make([]string, 0, len(words))
	for _, sentence := range words {
		codes = append(codes, sentence.code)
	}
	return codes
}
