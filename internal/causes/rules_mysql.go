package causes

// mysqlRules are those of MySQL and MariaDB.
var mysqlRules = []rule{
	// The login.
	{
		codes: refusedLogin, kinds: proxies,
		causes: []string{ProxyPolicy, ProxyAuth, Identity, SigningCredentials, Clock},
	},
	{
		codes: refusedLogin, kinds: global,
		causes: []string{GlobalRegion, Policy, NoPlugin, Identity, SigningCredentials, Clock, ServerLog},
	},
	{
		codes: refusedLogin, kinds: outside,
		causes: []string{Policy, NoPlugin, SignedName, Identity, SigningCredentials, Clock, Throttled, ServerLog},
	},
	{
		codes:  refusedLogin,
		causes: []string{Policy, NoPlugin, Identity, SigningCredentials, Clock, Throttled, ServerLog},
	},
	{
		codes:  []string{"1130"},
		causes: []string{HostNotAllowed},
	},
	{
		codes:  []string{"3118", "4151"},
		causes: []string{AccountLocked},
	},
	{
		codes:  []string{"1524"},
		causes: []string{IAMOff},
	},
	{
		codes:  []string{"3159"},
		causes: []string{NotEncrypted},
	},
	{
		codes:  []string{"1129"},
		causes: []string{HostBlocked},
	},
	{
		// In the words of the driver.
		texts:  []string{"this user requires clear text authentication"},
		causes: []string{ClearTextOff},
	},

	// After the login: the database, and the parameters of the DSN, which the driver sends as
	// SET where it does not know them.
	{
		codes: []string{"1049"}, mayName: unknownDatabase,
		causes: []string{NoDatabase},
	},
	{
		codes:  []string{"1044"},
		causes: []string{NoDatabasePrivilege},
	},
	{
		codes: []string{"1193"}, name: unknownVariable,
		causes: []string{UnknownParameter},
	},
	{
		codes: []string{"1064"}, name: unreadableNear,
		causes: []string{UnreadableParameter},
	},
	{
		codes: []string{"1229", "1231", "1232", "1238", "1298"}, name: refusedVariable,
		causes: []string{RefusedParameter},
	},
	{
		codes:     []string{"1040"},
		causes:    []string{TooManyConnections},
		retryable: true,
	},
	{
		codes:     []string{"1203", "1226"},
		causes:    []string{AccountLimit},
		retryable: true,
	},

	// Failovers. Error 1290 has the option that forbids a statement in its text.
	{
		codes:     []string{"1053"},
		causes:    []string{Failover},
		retryable: true,
	},
	{
		codes: []string{"1290"}, texts: []string{"read-only", "read_only"},
		causes:    []string{ReadOnly},
		retryable: true,
	},
	{
		codes:     []string{"1792", "1836"},
		causes:    []string{ReadOnly},
		retryable: true,
	},
}
