package causes

import "strings"

// sentence is the text and fix of a cause. Words in braces stand for fields of the login
// or of the server's answer: see newFiller.
type sentence struct{ code, text, fix string }

// words are the sentences of all codes. Text and fix have 165 characters at most, for names
// of usual length: they end the text of a LoginError, which must fit into a line of a log.
var words = [...]sentence{
	{Policy, "the AWS identity lacks rds-db:connect for this user",
		"allow it on {arn} (the db-… or cluster-… id)"},
	{Identity, "the token was signed by another AWS identity than you think",
		"run aws sts get-caller-identity where the program runs: its account must be the database's"},
	{SigningCredentials, "the credentials that signed the token expired or were revoked",
		"check their expiry and that of the role session"},
	{Clock, "the clock of this machine is wrong",
		"compare it with the Date header of any AWS response"},
	{Throttled, "logins with new tokens are throttled (about 200 a second)",
		"see the metric IamDbAuthConnectionFailureThrottling; keep connections for longer"},
	{ServerLog, "a reason that only the server knows",
		"turn on the log type iam-db-auth-error, which names the reason"},
	{IAMOff, "IAM database authentication is off or still pending",
		"see IAMDatabaseAuthenticationEnabled and PendingModifiedValues of the instance or cluster"},
	{NoRole, "the role does not exist or is no member of rds_iam",
		"run GRANT rds_iam TO {role} as the master user, after CREATE ROLE {role} LOGIN if it is missing"},
	{NoPlugin, "there is no such account, or it does not use the plugin AWSAuthenticationPlugin",
		`see SELECT user, host, plugin FROM mysql.user; "using password" means nothing here`},
	{EscapedUser, "the user name has a percent escape in it, which only a postgres:// URL decodes",
		"write the name as the database has it"},
	{SignedName, "the signed endpoint is not the database's own",
		"behind a CNAME, custom endpoint or tunnel, give the database's endpoint and port with rdsiam.WithEndpoint"},
	{TunnelEndpoint, "the endpoint given with rdsiam.WithEndpoint is not the database's own",
		"{endpoint} must be the host and port of the database, not those of the tunnel"},
	{GlobalRegion, "the writer of the global database is in another region than the token was signed for",
		"give the region of the current writer with rdsiam.WithRegion"},

	{ProxyPolicy, "the AWS identity lacks rds-db:connect for this user on the proxy",
		"allow it on the prx-… id, the last part of the proxy's ARN, not on the database's"},
	{ProxyAuth, "the proxy has no IAM authentication, or no secret, for this user",
		"set IAMAuth to REQUIRED and add a secret for the user, or DefaultAuthScheme to IAM_AUTH"},
	{ProxyPassword, "the proxy takes the token for a password",
		"set IAMAuth of the proxy to REQUIRED"},
	{ProxyEndpoint, "the proxy received a token for the database's endpoint",
		"sign for the proxy's own host name"},
	{ProxyThrottled, "the proxy throttles IAM logins",
		"retry with exponential backoff; keep connections for longer"},
	{ProxyNoTLS, "the proxy was reached without TLS",
		"let rdsiam set the TLS configuration"},
	{ProxyNoConnection, "the proxy got no connection to the database in time",
		"see the proxy's ConnectionBorrowTimeout and the load of the database"},

	{DSQLPolicy, "the AWS identity may not connect to this cluster",
		"allow dsql:{action} on the cluster's ARN, arn:aws:dsql:…:cluster/ID; the cluster's own policy may deny it"},
	{DSQLGrant, "the role does not exist or is not granted to the AWS identity",
		"as admin: CREATE ROLE {role} WITH LOGIN; AWS IAM GRANT {role} TO 'ARN of the IAM role'"},
	{DSQLAction, "the token is for another action than this user needs",
		"sign {action}: DbConnectAdmin is for the user admin, DbConnect for all others"},
	{DSQLLimit, "the cluster takes no more connections (10,000 at a time, 100 new ones a second)",
		"retry with exponential backoff; keep connections for longer"},
	{DSQLWaking, "the cluster was idle and is waking up",
		"try again in a few seconds"},

	{NotEncrypted, "the connection was not encrypted, and this user must encrypt",
		"let rdsiam set the TLS configuration: is its hook set, and does it run last?"},
	{NoHBAEntry, "the server takes no login of this user to this database from here",
		"see the database name, replication= in the DSN, and pg_hba_file_rules on the server"},
	{NoLoginAttribute, "the role has no LOGIN attribute; the token was accepted",
		"run ALTER ROLE {role} LOGIN"},
	{SlowHelper, "the server's IAM helper was too slow, often because memory is short",
		"see the free memory of the instance: IAM authentication takes 300 to 1000 MiB"},
	{NoDatabase, "there is no {database}; the token was accepted",
		"correct the database name"},
	{DatabaseClosed, "the database accepts no connections; the token was accepted",
		"connect to another, as rdsadmin and template0 are not for users, or set ALLOW_CONNECTIONS"},
	{NoConnectPrivilege, "the role may not connect to this database; the token was accepted",
		"run GRANT CONNECT ON DATABASE {name} TO {role}"},
	{NoDatabasePrivilege, "the account may not use this database; the token was accepted",
		"grant it a privilege there"},
	{HostNotAllowed, "no account of this server may log in from this host",
		"see SELECT user, host FROM mysql.user; the host part must match this machine, as % does"},
	{HostBlocked, "the server blocks this client because of too many failed connections",
		"run FLUSH HOSTS on the server once the cause is gone"},
	{AccountLocked, "the account is locked",
		"run ALTER USER {account} ACCOUNT UNLOCK"},
	{TooManyConnections, "the server has no connection left",
		"open fewer, or raise max_connections"},
	{RoleLimit, "the role has no connection left",
		"open fewer, or raise the limit by ALTER ROLE {role} CONNECTION LIMIT"},
	{DatabaseLimit, "the database has no connection left",
		"open fewer, or raise the limit by ALTER DATABASE {name} CONNECTION LIMIT"},
	{AccountLimit, "the account has no connection left",
		"open fewer, or raise MAX_USER_CONNECTIONS of {account}"},
	{Failover, "the server is starting, stopping or failing over",
		"retry with exponential backoff"},
	{ReadOnly, "the server or session is read-only, as a reader is, and an old writer after a failover",
		"dial the writer endpoint; after a failover, reconnect"},
	{RejectedReadOnly, "the driver dropped the connection, as RejectReadOnly does at a read-only server",
		"retry with exponential backoff; if it stays so, dial the writer endpoint"},
	{TargetSession, "the server is not what target_session_attrs asks for",
		"retry with exponential backoff, as after a failover; if it stays so, dial the writer or reader endpoint"},

	{UnknownParameter, "the DSN has the parameter {name}, which goes to the server, and the server does not know it",
		"{advice}"},
	{UnreadableParameter, "the driver sends a DSN parameter as SET, and the server cannot read it near {name}",
		"remove what is no system variable, such as sslmode or ssl: rdsmysql sets TLS by itself"},
	{RefusedParameter, "the server does not accept the setting {name} of the DSN at a login",
		"correct it or remove it, also from options and PGOPTIONS"},
	{RoleParameter, "the DSN sets the role {name}, which does not exist or is not granted to the user",
		"run GRANT {name} TO {role}, or remove role= from the DSN and options"},
	{ReplicationPrivilege, "the user may not replicate; the token was accepted",
		"run GRANT rds_replication TO {role} and set rds.iam_auth_for_replication, or remove replication= from the DSN"},
	{ReplicationOff, "the server takes no replication connections (max_wal_senders is 0)",
		"set rds.logical_replication to 1 and restart it, or remove replication= from the DSN"},
	{ReplicationFull, "the server has no replication connection left",
		"end one (see pg_stat_replication), or raise max_wal_senders"},

	{ClearTextOff, "the driver may not send a token, since AllowCleartextPasswords is off",
		"log in through rdsmysql, which sets it together with verified TLS"},
	{Certificate, "the server's certificate did not verify",
		"give the roots of the region (rdsiam.WithRootCAs) and the endpoint's name (rdsiam.WithEndpoint)"},
	{CertificateName, "the server's certificate is for another name",
		"behind a tunnel or alias, name the endpoint with rdsiam.WithEndpoint"},
	{CertificateAuthority, "no trusted authority issued the server's certificate",
		"RDS has roots for each region (rdsiam.WithRootCAs), RDS Proxy those of the system"},
	{CertificateExpired, "the server's certificate is outside its dates",
		"check the clock of this machine, then the certificate in the RDS console"},
	{NoTLS, "the server does not offer TLS, so no token was sent",
		"check that the address is that of the database and that its ssl parameter is on"},
	{NoHost, "the host name does not resolve",
		"check the spelling, and that this machine uses the resolver of the database's VPC"},
	{Resolver, "the host name could not be looked up",
		"check that this machine's resolver (DNS) answers"},
	{NotListening, "nothing listens at this address and port",
		"check the port, and whether the database is running"},
	{NoAnswer, "no answer from the database's address in time",
		"check the security groups and routes between this machine and the database"},
	{Stalled, "the server took the connection and did not answer in time",
		"see its load and free memory, and whether it is starting or failing over"},
	{Cut, "the server, or something on the way, cut the connection",
		"retry with exponential backoff; if it stays so, see the server's log and any tunnel or load balancer"},
	{Deadline, "the time ended before there was a connection",
		"see the pool's statistics, the credentials provider, the server's load, and security groups and routes"},
}

// filler puts fields into sentences.
type filler struct{ replacer *strings.Replacer }

// newFiller takes the login and the name in the server's answer. A field that is not known
// is a word in capitals. The replacer reads no field again, so names in braces are harmless.
func newFiller(login Login, name string) filler {
	or := func(known, unknown string) string {
		if known == "" {
			return unknown
		}
		return known
	}
	user := or(login.User, "USER")
	action := "DbConnect"
	if login.User == "admin" {
		action = "DbConnectAdmin"
	}
	return filler{strings.NewReplacer(
		"{action}", action,
		"{arn}", "arn:"+or(login.Partition, "PARTITION")+":rds-db:"+or(login.Region, "REGION")+
			":ACCOUNT:dbuser:RESOURCE_ID/"+user,
		"{role}", quoted(user, `"`),
		"{account}", quoted(user, "'")+"@…",
		"{endpoint}", or(login.Endpoint, "it"),
		"{name}", quoted(or(name, "NAME"), `"`),
		"{database}", databaseOf(name),
		"{advice}", adviceFor(name),
	)}
}

func databaseOf(name string) string {
	if name == "" {
		return "database of this name"
	}
	return "database " + quoted(name, `"`)
}

func quoted(name, quote string) string {
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}

func (f filler) cause(code string) Cause {
	words := sentenceOf(code)
	return Cause{Code: code, Text: f.replacer.Replace(words.text), Fix: f.replacer.Replace(words.fix)}
}

func sentenceOf(code string) sentence {
	for _, sentence := range words {
		if sentence.code == code {
			return sentence
		}
	}
	return sentence{}
}
