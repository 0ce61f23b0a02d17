package rdsiam

// The causes that several rows share. PARTITION, REGION and USER in fixes are replaced by
// those of the login where they are known.
var (
	causePolicy = Cause{"the identity lacks rds-db:connect for this database user",
		"allow it on arn:PARTITION:rds-db:REGION:ACCOUNT:dbuser:RESOURCE_ID/USER, where RESOURCE_ID is the db-… id of an RDS instance or the cluster-… id of a cluster, never a name, and the user has the case of the database"}
	causeIdentity = Cause{"the token was signed with another identity than you think, or in another account",
		"aws sts get-access-key-info names the account of the access key, which must be the database's; aws sts get-caller-identity, run where the program runs, names the identity"}
	causeCredentials = Cause{"the credentials that signed the token expired or were revoked",
		"check their expiry and that of the role session"}
	causeTunnel = Cause{"the endpoint given with rdsiam.WithEndpoint is not the database's own",
		"ENDPOINT must be the host and port of the database itself, not the port of the tunnel or another name"}
	causeNoRole = Cause{"the role does not exist or is no member of rds_iam",
		`run GRANT rds_iam TO "USER" as the master user, after CREATE ROLE "USER" LOGIN if it does not exist; names keep their case here`}
	causeSignedName = Cause{"the signed endpoint is not the database's own",
		"behind a CNAME, custom endpoint or tunnel name the instance or cluster endpoint and its port with rdsiam.WithEndpoint"}
	causeClock = Cause{"the clock of this machine is wrong",
		"compare it with the Date header of any AWS response"}
	causeThrottle = Cause{"logins with new tokens are throttled (about 200 a second)",
		"see the CloudWatch metric IamDbAuthConnectionFailureThrottling; keep connections for longer"}
	causeServerLog = Cause{"something that only the server knows",
		"turn on the log type iam-db-auth-error, which names the reason"}
	causeIAMOff = Cause{"IAM database authentication is off or still pending",
		"see IAMDatabaseAuthenticationEnabled and PendingModifiedValues of the instance or cluster"}
	causeProxyPolicy = Cause{"the identity lacks rds-db:connect for this user on the proxy",
		"allow it on the prx-… id, the last part of the proxy's ARN, not on the database's"}
	causeProxyAuth = Cause{"the proxy has no IAM authentication, or no secret, for this user",
		"set IAMAuth to REQUIRED and add a secret for the user, or set the proxy's DefaultAuthScheme to IAM_AUTH"}
	causeNoPlugin = Cause{"there is no such account, or it does not use the plugin AWSAuthenticationPlugin",
		"see SELECT user, host, plugin FROM mysql.user; \"using password\" says nothing here"}
	causeCut = Cause{"the server, or something on the way, cut the connection",
		"retry with exponential backoff, as after a failover; if every login ends so, see the server's log, and what stands between: a tunnel, proxy or load balancer"}
	causeStalled = Cause{"the server took the connection and did not answer in time",
		"see its load and free memory, and whether it is starting or failing over"}
	causeFailover     = Cause{"the server is starting, stopping or failing over", "retry with exponential backoff"}
	causeGlobalRegion = Cause{"the writer of the global database is in another region than the token was signed for",
		"give the region of the current writer with rdsiam.WithRegion"}
)

var proxyKinds = []EndpointKind{KindProxy, KindProxyEndpoint}

// explanations is the table of what clients see and what it means: the first row that
// applies counts, so exact texts stand before bare codes.
var explanations = []explanationRule{
	// RDS Proxy words its refusals.
	{
		texts: []string{"too many competing requests", "iam authentication rate limit exceeded"},
		causes: []Cause{{"the proxy throttles IAM logins",
			"retry with exponential backoff; keep connections for longer"}},
		retryable: true,
	},
	{
		texts: []string{"the iam authentication failed for the role", "iam authentication failed for user"},
		causes: []Cause{causeProxyPolicy, causeCredentials, causeIdentity, causeClock,
			{"the proxy got a token for the database's endpoint", "sign for the proxy's own host name"}},
	},
	{
		texts:  []string{"this rds proxy has no credentials for the role"},
		causes: []Cause{causeProxyAuth},
	},
	{
		texts: []string{"the password that was provided for the role"},
		causes: []Cause{causeProxyAuth,
			{"the proxy takes the token for a password", "set IAMAuth of the proxy to REQUIRED"}},
	},
	{
		texts: []string{"iam authentication is allowed only with ssl connections", "iam is allowed only with ssl connections",
			"this rds proxy requires tls connections"},
		causes: []Cause{{"the proxy was reached without TLS", "let rdsiam set the TLS configuration"}},
	},
	{
		texts: []string{"timed-out waiting to acquire database connection"},
		causes: []Cause{{"the proxy got no connection to the database in time",
			"see the proxy's ConnectionBorrowTimeout and the load of the database"}},
		retryable: true,
	},

	// PostgreSQL.
	{
		codes: []string{"28000"}, texts: []string{"no encryption", "ssl off"}, unless: "pam authentication failed",
		causes: []Cause{{"the connection was not encrypted, and this user must encrypt",
			"let rdsiam set the TLS configuration: is its hook set, and does it run last?"}},
	},
	{
		codes: []string{"28000"}, texts: []string{"no pg_hba.conf entry"},
		causes: []Cause{{"the server takes no login of this user to this database from here",
			"see the database name, and pg_hba_file_rules on the server"}},
	},
	{
		codes: []string{"28000"}, texts: []string{"is not permitted to log in"},
		causes: []Cause{{"the role has no LOGIN attribute; the token was accepted",
			`run ALTER ROLE "USER" LOGIN`}},
	},
	{
		codes: []string{"28000"}, kinds: []EndpointKind{KindGlobalWriter},
		causes: []Cause{causeGlobalRegion, causePolicy, causeIdentity, causeCredentials, causeClock, causeServerLog},
	},
	{
		codes: []string{"28000"}, kinds: []EndpointKind{KindOther},
		causes: []Cause{causePolicy, causeSignedName, causeIdentity, causeCredentials, causeClock, causeThrottle, causeServerLog},
	},
	{
		codes: []string{"28000"}, kinds: proxyKinds,
		causes: []Cause{causeProxyPolicy, causeProxyAuth, causeIdentity, causeCredentials, causeClock},
	},
	{
		codes:  []string{"28000"},
		causes: []Cause{causePolicy, causeIdentity, causeCredentials, causeClock, causeThrottle, causeServerLog},
	},
	{
		codes: []string{"28P01"}, kinds: proxyKinds,
		causes: []Cause{causeProxyAuth},
	},
	{
		codes: []string{"28P01"},
		causes: []Cause{
			causeNoRole,
			causeIAMOff},
	},
	{
		texts: []string{`authentication method requirement "password" failed`},
		causes: []Cause{
			causeNoRole,
			causeIAMOff},
	},
	{
		texts: []string{"canceling authentication due to timeout"},
		causes: []Cause{{"the server's IAM helper was too slow, often for want of memory",
			"see the free memory of the instance: IAM authentication takes 300 to 1000 MiB"}},
		retryable: true,
	},
	{
		codes:  []string{"3D000"},
		causes: []Cause{{"there is no database of this name; the token was accepted", "correct the database name"}},
	},
	{
		codes: []string{"42501"},
		causes: []Cause{{"the role may not connect to this database; the token was accepted",
			`run GRANT CONNECT ON DATABASE … TO "USER"`}},
	},
	{
		codes:     []string{"57P03", "57P01", "57P02"},
		causes:    []Cause{causeFailover},
		retryable: true,
	},
	{
		codes: []string{"53300"},
		causes: []Cause{{"the server, or what the message names, has no connection left",
			"open fewer, or raise max_connections, or the CONNECTION LIMIT of the role or database"}},
		retryable: true,
	},
	{
		texts: []string{"validateconnect failed: read only connection", "validateconnect failed: connection is not read only",
			"validateconnect failed: server is in standby mode", "validateconnect failed: server is not in hot standby mode"},
		causes: []Cause{{"the server is not what target_session_attrs asks for",
			"retry with exponential backoff: after a failover its name leads to the old server for a while; if it stays so, dial the endpoint of the writer, or of the readers"}},
		retryable: true,
	},

	// MySQL and MariaDB.
	{
		codes: []string{"1045", "1698"}, kinds: proxyKinds,
		causes: []Cause{causeProxyPolicy, causeProxyAuth, causeIdentity, causeCredentials, causeClock},
	},
	{
		codes: []string{"1045", "1698"}, kinds: []EndpointKind{KindGlobalWriter},
		causes: []Cause{causeGlobalRegion, causePolicy, causeNoPlugin, causeIdentity, causeCredentials, causeClock, causeServerLog},
	},
	{
		codes: []string{"1045", "1698"}, kinds: []EndpointKind{KindOther},
		causes: []Cause{causePolicy, causeNoPlugin, causeSignedName, causeIdentity, causeCredentials, causeClock, causeThrottle, causeServerLog},
	},
	{
		codes:  []string{"1045", "1698"},
		causes: []Cause{causePolicy, causeNoPlugin, causeIdentity, causeCredentials, causeClock, causeThrottle, causeServerLog},
	},
	{
		codes: []string{"1130"},
		causes: []Cause{{"no account of this server may log in from this host",
			"see SELECT user, host FROM mysql.user; the host part of the account must match this machine, as % does"}},
	},
	{
		codes:  []string{"3118", "4151"},
		causes: []Cause{{"the account is locked", "run ALTER USER … ACCOUNT UNLOCK"}},
	},
	{
		codes:  []string{"1524"},
		causes: []Cause{causeIAMOff},
	},
	{
		codes:  []string{"1049"},
		causes: []Cause{{"there is no database of this name; the token was accepted", "correct the database name"}},
	},
	{
		codes: []string{"1044"},
		causes: []Cause{{"the account may not use this database; the token was accepted",
			"grant it a privilege there"}},
	},
	{
		codes: []string{"1040", "1203", "1226"},
		causes: []Cause{{"the server, or the account, has no connection left",
			"open fewer, or raise max_connections, or MAX_USER_CONNECTIONS of the account"}},
		retryable: true,
	},
	{
		codes:     []string{"1053"},
		causes:    []Cause{causeFailover},
		retryable: true,
	},
	{
		texts: []string{"rejectreadonly"}, // in the words of rdsmysql
		causes: []Cause{{"the server is read-only, and the configuration has RejectReadOnly",
			"retry with exponential backoff: after a failover its name leads to the old server for a while; if it stays so, dial the endpoint of the writer"}},
		retryable: true,
	},
	{
		codes: []string{"1129"},
		causes: []Cause{{"the server blocks this client for too many failed connections",
			"run FLUSH HOSTS on the server once the cause is gone"}},
	},
	{
		texts: []string{"this user requires clear text authentication"},
		causes: []Cause{{"the driver may not send a token, since AllowCleartextPasswords is off",
			"log in through rdsmysql, which sets it together with verified TLS"}},
	},

	// Before the server answers.
	{
		texts: []string{"x509:", "failed to verify certificate"},
		causes: []Cause{{"the server's certificate did not verify",
			"RDS instances and clusters need the roots of their region, RDS Proxy those of the system; the name must be that of the endpoint (rdsiam.WithEndpoint, rdsiam.WithRootCAs)"}},
	},
	{
		texts: []string{"server refused tls connection", "tls requested but server does not support tls"},
		causes: []Cause{{"the server does not offer TLS, so no token was sent",
			"check that the address is that of the database and that its ssl parameter is on"}},
	},
	{
		texts: []string{"no such host"},
		causes: []Cause{{"the host name does not resolve",
			"check the spelling, and that this machine uses the resolver of the database's VPC"}},
		retryable: true,
	},
	{
		texts: []string{"hostname resolving error", "dial tcp: lookup", "read udp"},
		causes: []Cause{{"the host name could not be looked up",
			"check that this machine's resolver (DNS) answers"}},
		retryable: true,
	},
	{
		texts: []string{"connection refused"},
		causes: []Cause{{"nothing listens at this address and port",
			"check the port, and whether the database is running"}},
		retryable: true,
	},
	{
		hungUp:    true,
		causes:    []Cause{causeCut},
		retryable: true,
	},
	{
		texts:     []string{"connection reset by peer", "broken pipe", "forcibly closed by the remote host"},
		causes:    []Cause{causeCut},
		retryable: true,
	},
	{
		// All that go-sql-driver/mysql says of a connection that ended, and of one whose
		// readTimeout did.
		texts:     []string{"invalid connection"},
		causes:    []Cause{causeCut, causeStalled},
		retryable: true,
	},
	{
		// With several hosts, pgx is in AfterNetConnect while rdspgx makes the handshake.
		texts:     []string{"tls error: timeout", "afternetconnect failed: timeout", "failed to write startup message: timeout", "failed to receive message: timeout"},
		causes:    []Cause{causeStalled},
		retryable: true,
	},
	{
		texts: []string{"dial error", "dial tcp"},
		causes: []Cause{{"no answer from the database's address in time",
			"check the security groups and routes between this machine and the database"}},
		retryable: true,
	},
	{
		texts:     []string{"i/o timeout"}, // of a connection: those on the way to one are above
		causes:    []Cause{causeStalled},
		retryable: true,
	},
	{
		texts: []string{"context deadline exceeded", "timeout:"},
		causes: []Cause{{"the time ended before there was a connection",
			"the pool may be exhausted (see its statistics), the credentials provider or the server slow, or the network closed (security groups, routes)"}},
		retryable: true,
	},
}
