package causes

var postgresRules = []rule{
	// The login.
	{
		codes: []string{"28000"}, texts: []string{"no encryption", "ssl off"},
		unless: "pam authentication failed",
		causes: []string{NotEncrypted},
	},
	{
		codes: []string{"28000"}, texts: []string{"no pg_hba.conf entry"},
		causes: []string{NoHBAEntry},
	},
	{
		codes: []string{"28000"}, texts: []string{"is not permitted to log in"},
		causes: []string{NoLoginAttribute},
	},
	{
		codes: []string{"28000"}, kinds: global,
		causes: []string{GlobalRegion, Policy, Identity, SigningCredentials, Clock, ServerLog},
	},
	{
		codes: []string{"28000"}, kinds: outside,
		causes: []string{Policy, SignedName, Identity, SigningCredentials, Clock, Throttled, ServerLog},
	},
	{
		codes: []string{"28000"}, kinds: proxies,
		causes: []string{ProxyPolicy, ProxyAuth, Identity, SigningCredentials, Clock},
	},
	{
		codes:  []string{"28000"},
		causes: []string{Policy, Identity, SigningCredentials, Clock, Throttled, ServerLog},
	},
	{
		codes: []string{"28P01"}, kinds: proxies,
		causes: []string{ProxyAuth},
	},
	{
		codes:  []string{"28P01"},
		causes: []string{NoRole, IAMOff},
	},
	{
		// In the words of pgx, where the server wants a proof of a password.
		texts:  []string{`authentication method requirement "password" failed`},
		causes: []string{NoRole, IAMOff},
	},
	{
		texts:     []string{"canceling authentication due to timeout"},
		causes:    []string{SlowHelper},
		retryable: true,
	},

	// After the login: the database, and the parameters of the DSN that go to the server.
	{
		codes: []string{"3D000"}, mayName: namedDatabase,
		causes: []string{NoDatabase},
	},
	{
		codes: []string{"55000"}, texts: []string{"is not currently accepting connections"},
		causes: []string{DatabaseClosed},
	},
	{
		codes: []string{"42704"}, name: unknownParameter,
		causes: []string{UnknownParameter},
	},
	{
		codes: []string{"42501", "22023"}, name: namedRole,
		causes: []string{RoleParameter},
	},
	{
		codes: []string{"42501", "22023", "55P02"}, name: refusedParameter,
		causes: []string{RefusedParameter},
	},
	{
		// The second is PostgreSQL 15 and older.
		codes:  []string{"42501"},
		texts:  []string{"permission denied to start wal sender", "replication role to start walsender"},
		causes: []string{ReplicationPrivilege},
	},
	{
		codes: []string{"42501"}, texts: []string{"permission denied for database"}, name: namedDatabase,
		causes: []string{NoConnectPrivilege},
	},
	{
		// What else the user may not do, the server says best.
		codes: []string{"42501"},
	},
	{
		codes: []string{"53300"}, texts: []string{"max_wal_senders (currently 0)",
			`"max_wal_senders" (currently 0)`},
		causes: []string{ReplicationOff},
	},
	{
		codes: []string{"53300"}, texts: []string{"max_wal_senders"},
		causes:    []string{ReplicationFull},
		retryable: true,
	},
	{
		codes: []string{"53300"}, texts: []string{"too many connections for role"},
		causes:    []string{RoleLimit},
		retryable: true,
	},
	{
		codes: []string{"53300"}, texts: []string{"too many connections for database"}, name: namedDatabase,
		causes:    []string{DatabaseLimit},
		retryable: true,
	},
	{
		codes:     []string{"53300"},
		causes:    []string{TooManyConnections},
		retryable: true,
	},

	// Failovers.
	{
		codes:     []string{"57P03", "57P01", "57P02"},
		causes:    []string{Failover},
		retryable: true,
	},
	{
		codes:     []string{"25006"},
		causes:    []string{ReadOnly},
		retryable: true,
	},
	{
		// In the words of pgx.
		texts: []string{"validateconnect failed: read only connection",
			"validateconnect failed: connection is not read only",
			"validateconnect failed: server is in standby mode",
			"validateconnect failed: server is not in hot standby mode"},
		causes:    []string{TargetSession},
		retryable: true,
	},
}
