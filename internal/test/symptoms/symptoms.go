// Package symptoms has what clients see when a login fails, from the AWS documentation,
// field reports and real servers, for the tests of what explains it.
package symptoms

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// Symptom is an error, and the host that it was seen at.
type Symptom struct {
	Name string
	Host string
	User string // "" for one like any other
	Err  error
}

// Hosts with names of usual length, one of each kind that makes a difference.
const (
	Instance     = "prod.abc123def456.eu-west-1.rds.amazonaws.com"
	Cluster      = "prod.cluster-abc123def456.eu-west-1.rds.amazonaws.com"
	Proxy        = "prod.proxy-abc123def456.eu-west-1.rds.amazonaws.com"
	ProxyReader  = "prod.endpoint.proxy-abc123def456.eu-west-1.rds.amazonaws.com"
	GlobalWriter = "prod.global-abc123def456.global.rds.amazonaws.com"
	DSQL         = "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws"
	Outside      = "orders-database.production.example.com"
)

// Postgres is an error with the methods of *pgconn.PgError.
type Postgres struct{ Code, Message string }

// Error returns what pgconn returns.
func (e Postgres) Error() string { return "FATAL: " + e.Message + " (SQLSTATE " + e.Code + ")" }

// SQLState returns the code.
func (e Postgres) SQLState() string { return e.Code }

// MySQL is the text of a *mysql.MySQLError.
type MySQL string

// Error returns the text.
func (e MySQL) Error() string { return string(e) }

var pam = Postgres{"28000", `PAM authentication failed for user "app_user_012"`}

const denied = "Error 1045 (28000): Access denied for user 'app_user_012'@'10.0.0.1' (using password: NO)"

const syntax = "Error 1064 (42000): You have an error in your SQL syntax; check the manual that corresponds " +
	"to your MySQL server version for the right syntax to use near "

func systemError(op string, code syscall.Errno) error {
	address := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5432}
	return &net.OpError{Op: op, Net: "tcp", Addr: address, Err: code}
}

// All are the symptoms.
var All = append(append(append(append(append(proxy, dsql...), postgres...), mysql...), network...), others...)

var dsql = []Symptom{
	{Name: "DSQL, token too old", Host: DSQL, Err: Postgres{"08006", "unable to accept connection, access denied (Signature expired: 20260102T030405Z is now earlier than 20260102T040405Z)"}},
	{Name: "DSQL, another action", Host: DSQL, User: "admin", Err: Postgres{"08006", "unable to accept connection, access denied (Wrong user to action mapping. user: admin, action: DbConnect)"}},
	{Name: "DSQL, policy", Host: DSQL, Err: Postgres{"08006", "unable to accept connection, access denied (User: arn:aws:sts::123456789012:assumed-role/app/i-1 is not authorized to perform: dsql:DbConnect on resource: arn:aws:dsql:eu-west-1:123456789012:cluster/abcdefghijklmnopqrstuvwxyz because no identity-based policy allows the dsql:DbConnect action)"}},
	{Name: "DSQL, role", Host: DSQL, Err: Postgres{"08006", `unable to accept connection, access denied (IAM authentication failed for user "app_user_012")`}},
	{Name: "DSQL, no reason", Host: DSQL, Err: Postgres{"08006", "unable to accept connection, access denied"}},
	{Name: "DSQL, idle", Host: DSQL, Err: Postgres{"08006", "unable to accept connection, waking up cluster, please retry later"}},
	{Name: "DSQL, full", Host: DSQL, Err: Postgres{"53300", "Unable to accept connection, too many open connections."}},
	{Name: "DSQL, too fast", Host: DSQL, Err: Postgres{"53400", "Unable to accept connection, rate exceeded."}},
}

var postgres = []Symptom{
	{Name: "policy, token, clock or host", Host: Instance, Err: pam},
	{Name: "the same at a cluster", Host: Cluster, Err: pam},
	{Name: "the same at a name outside RDS", Host: Outside, Err: pam},
	{Name: "the same at a global database", Host: GlobalWriter, Err: pam},
	{Name: "user of a URL in another form of DSN", Host: Instance, User: "app%40example.com", Err: pam},
	{Name: "role without rds_iam, or none", Host: Instance, Err: Postgres{"28P01", `password authentication failed for user "app_user_012"`}},
	{Name: "server asked for SCRAM", Host: Instance, Err: errors.New(`require_auth check failed: authentication method requirement "password" failed: server requested scram-sha-256 authentication`)},
	{Name: "no TLS", Host: Instance, Err: Postgres{"28000", `pg_hba.conf rejects connection for host "h", user "app_user_012", database "d", no encryption`}},
	{Name: "no TLS, PostgreSQL 13", Host: Instance, Err: Postgres{"28000", `pg_hba.conf rejects connection for host "h", user "app_user_012", database "d", SSL off`}},
	{Name: "no pg_hba entry", Host: Instance, Err: Postgres{"28000", `no pg_hba.conf entry for host "h", user "app_user_012", database "d", SSL on`}},
	{Name: "no pg_hba entry for replication", Host: Instance, Err: Postgres{"28000", `no pg_hba.conf entry for replication connection from host "h", user "app_user_012", SSL encryption`}},
	{Name: "role without LOGIN", Host: Instance, Err: Postgres{"28000", `role "app_user_012" is not permitted to log in`}},
	{Name: "slow helper", Host: Instance, Err: Postgres{"57014", "canceling authentication due to timeout"}},
	{Name: "no database", Host: Instance, Err: Postgres{"3D000", `database "orders" does not exist`}},
	{Name: "closed database", Host: Instance, Err: Postgres{"55000", `database "template0" is not currently accepting connections`}},
	{Name: "may not connect", Host: Instance, Err: Postgres{"42501", `permission denied for database "orders"`}},
	{Name: "may not do something else", Host: Instance, Err: Postgres{"42501", `permission denied for table orders`}},
	{Name: "parameter of pgxpool", Host: Instance, Err: Postgres{"42704", `unrecognized configuration parameter "pool_max_conns"`}},
	{Name: "parameter of libpq", Host: Instance, Err: Postgres{"42704", `unrecognized configuration parameter "gssencmode"`}},
	{Name: "address of libpq", Host: Instance, Err: Postgres{"42704", `unrecognized configuration parameter "hostaddr"`}},
	{Name: "parameter with a typo", Host: Instance, Err: Postgres{"42704", `unrecognized configuration parameter "aplikation_name"`}},
	{Name: "wrong value of a setting", Host: Instance, Err: Postgres{"22023", `invalid value for parameter "work_mem": "lots"`}},
	{Name: "setting of the superuser", Host: Instance, Err: Postgres{"42501", `permission denied to set parameter "log_statement"`}},
	{Name: "setting of the start", Host: Instance, Err: Postgres{"55P02", `parameter "shared_buffers" cannot be changed without restarting the server`}},
	{Name: "role that is not granted", Host: Instance, Err: Postgres{"42501", `permission denied to set role "reporting"`}},
	{Name: "session authorization", Host: Instance, Err: Postgres{"42501", `permission denied to set session authorization "reporting"`}},
	{Name: "role that does not exist", Host: Instance, Err: Postgres{"22023", `role "reporting" does not exist`}},
	{Name: "no right to replicate", Host: Instance, Err: Postgres{"42501", "permission denied to start WAL sender"}},
	{Name: "no right to replicate, PostgreSQL 15", Host: Instance, Err: Postgres{"42501", "must be superuser or replication role to start walsender"}},
	{Name: "no replication", Host: Instance, Err: Postgres{"53300", "number of requested standby connections exceeds max_wal_senders (currently 0)"}},
	{Name: "no replication, PostgreSQL 18", Host: Instance, Err: Postgres{"53300", `number of requested standby connections exceeds "max_wal_senders" (currently 0)`}},
	{Name: "full of replication", Host: Instance, Err: Postgres{"53300", `number of requested standby connections exceeds "max_wal_senders" (currently 10)`}},
	{Name: "full", Host: Instance, Err: Postgres{"53300", "sorry, too many clients already"}},
	{Name: "role's limit", Host: Instance, Err: Postgres{"53300", `too many connections for role "app_user_012"`}},
	{Name: "database's limit", Host: Instance, Err: Postgres{"53300", `too many connections for database "orders"`}},
	{Name: "starting", Host: Instance, Err: Postgres{"57P03", "the database system is starting up"}},
	{Name: "reader in place of the writer", Host: Instance, Err: errors.New("10.0.0.1:5432 (h): ValidateConnect failed: read only connection")},
	{Name: "standby in place of the primary", Host: Instance, Err: errors.New("10.0.0.1:5432 (h): ValidateConnect failed: server is in standby mode")},
	{Name: "write at a reader", Host: Cluster, Err: Postgres{"25006", "cannot execute INSERT in a read-only transaction"}},
	{Name: "one host starting, the other refusing", Host: Instance, Err: errors.Join(Postgres{"57P03", "the database system is starting up"}, pam)},
	{Name: "forgotten hook", Host: Instance, Err: errors.Join(pam, Postgres{"28000", `pg_hba.conf rejects connection for host "h", user "app_user_012", database "d", no encryption`})},
	{Name: "unknown state", Host: Instance, Err: Postgres{"XX000", "internal error"}},
}

var mysql = []Symptom{
	{Name: "MySQL refusal", Host: Instance, Err: MySQL(denied)},
	{Name: "MySQL refusal, older server", Host: Instance, Err: MySQL("Error 1698: Access denied for user 'app_user_012'@'10.0.0.1'")},
	{Name: "MySQL refusal at a name outside RDS", Host: Outside, Err: MySQL(denied)},
	{Name: "MySQL refusal at a global database", Host: GlobalWriter, Err: MySQL(denied)},
	{Name: "MySQL host not allowed", Host: Instance, Err: MySQL("Error 1130 (HY000): Host '10.0.0.1' is not allowed to connect to this MySQL server")},
	{Name: "MySQL account locked", Host: Instance, Err: MySQL("Error 3118 (HY000): Access denied for user 'app_user_012'@'10.0.0.1'. Account is locked.")},
	{Name: "MySQL account of a user with a telling name locked", Host: Instance, User: "app", Err: MySQL("Error 3118 (HY000): Access denied for user 'app'@'10.0.0.1'. Account is locked.")},
	{Name: "MySQL account's limit of a user with a telling name", Host: Instance, User: "app", Err: MySQL("Error 1226 (42000): User 'app' has exceeded the 'max_user_connections' resource (current value: 1)")},
	{Name: "MariaDB account locked", Host: Instance, Err: MySQL("Error 4151 (HY000): Access denied, this account is locked")},
	{Name: "plugin missing", Host: Instance, Err: MySQL("Error 1524 (HY000): Plugin 'AWSAuthenticationPlugin' is not loaded")},
	{Name: "no MySQL database", Host: Instance, Err: MySQL("Error 1049 (42000): Unknown database 'orders'")},
	{Name: "no privilege on the database", Host: Instance, Err: MySQL("Error 1044 (42000): Access denied for user 'app_user_012'@'%' to database 'orders'")},
	{Name: "MySQL full", Host: Instance, Err: MySQL("Error 1040 (08004): Too many connections")},
	{Name: "MySQL account's limit", Host: Instance, Err: MySQL("Error 1226 (42000): User 'app_user_012' has exceeded the 'max_user_connections' resource (current value: 1)")},
	{Name: "MySQL stopping", Host: Instance, Err: MySQL("Error 1053 (08S01): Server shutdown in progress")},
	{Name: "no TLS, MySQL", Host: Instance, Err: MySQL("Error 3159 (HY000): Connections using insecure transport are prohibited while --require_secure_transport=ON.")},
	{Name: "host blocked", Host: Instance, Err: MySQL("Error 1129 (HY000): Host '10.0.0.1' is blocked because of many connection errors")},
	{Name: "clear text off", Host: Instance, Err: MySQL("this user requires clear text authentication. If you still want to use it, please add 'allowCleartextPasswords=1' to your DSN")},
	{Name: "sslmode=require in a DSN of MySQL", Host: Instance, Err: MySQL(syntax + "'require' at line 1")},
	{Name: "ssl-mode=REQUIRED in a DSN of MySQL", Host: Instance, Err: MySQL(syntax + "'ssl-mode = REQUIRED' at line 1")},
	{Name: "sslmode=verify-full in a DSN of MySQL", Host: Instance, Err: MySQL("Error 1193 (HY000): Unknown system variable 'sslmode'")},
	{Name: "parameter of JDBC", Host: Instance, Err: MySQL("Error 1193 (HY000): Unknown system variable 'serverTimezone'")},
	{Name: "global variable in a DSN", Host: Instance, Err: MySQL("Error 1229 (HY000): Variable 'connect_timeout' is a GLOBAL variable and should be set with SET GLOBAL")},
	{Name: "fixed variable in a DSN", Host: Instance, Err: MySQL("Error 1238 (HY000): Variable 'hostname' is a read only variable")},
	{Name: "time zone in a DSN", Host: Instance, Err: MySQL("Error 1298 (HY000): Unknown or incorrect time zone: 'Europe/Paris'")},
	{Name: "write at a read-only MySQL", Host: Cluster, Err: MySQL("Error 1290 (HY000): The MySQL server is running with the --read-only option so it cannot execute this statement")},
	{Name: "statement that an option forbids", Host: Cluster, Err: MySQL("Error 1290 (HY000): The MySQL server is running with the --secure-file-priv option so it cannot execute this statement")},
	{Name: "write in a read-only transaction of MySQL", Host: Cluster, Err: MySQL("Error 1792 (25006): Cannot execute statement in a READ ONLY transaction.")},
	{Name: "write at a reader of Aurora MySQL", Host: Cluster, Err: MySQL("Error 1836 (HY000): Running in read-only mode")},
	{Name: "reader in place of the writer, MySQL", Host: Cluster, Err: driver.ErrBadConn},
}

var proxy = []Symptom{
	{Name: "proxy refusal", Host: Proxy, Err: Postgres{"28000", "The IAM authentication failed for the role u. Check the IAM token for this role and try again."}},
	{Name: "proxy refusal, other words", Host: ProxyReader, Err: Postgres{"28000", "IAM authentication failed for user u"}},
	{Name: "proxy without credentials", Host: Proxy, Err: Postgres{"28000", "This RDS proxy has no credentials for the role u. Check the credentials for this role and try again."}},
	{Name: "proxy took a password", Host: Proxy, Err: Postgres{"28P01", "The password that was provided for the role u is wrong."}},
	{Name: "proxy without TLS", Host: Proxy, Err: Postgres{"28000", "IAM authentication is allowed only with SSL connections."}},
	{Name: "proxy without TLS, MySQL", Host: Proxy, Err: MySQL("Error 3159 (HY000): This RDS Proxy requires TLS connections.")},
	{Name: "proxy throttles", Host: Proxy, Err: Postgres{"28000", "The IAM authentication failed because of too many competing requests."}},
	{Name: "proxy throttles, MySQL", Host: Proxy, Err: MySQL("Error 1040 (HY000): IAM authentication rate limit exceeded")},
	{Name: "proxy without database", Host: Proxy, Err: Postgres{"08000", "Timed-out waiting to acquire database connection"}},
	{Name: "PAM refusal at a proxy", Host: Proxy, Err: pam},
	{Name: "28P01 at a proxy", Host: Proxy, Err: Postgres{"28P01", "no"}},
	{Name: "MySQL refusal at a proxy", Host: Proxy, Err: MySQL(denied)},
}

var network = []Symptom{
	{Name: "certificate of another name", Host: Instance, Err: fmt.Errorf("tls error: %w", x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"other.example.com"}}, Host: Instance})},
	{Name: "certificate of another authority", Host: Instance, Err: fmt.Errorf("tls error: %w", x509.UnknownAuthorityError{})},
	{Name: "certificate that has expired", Host: Instance, Err: fmt.Errorf("tls error: %w", x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time is after 2026-01-01T00:00:00Z"})},
	{Name: "certificate, in text only", Host: Instance, Err: errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")},
	{Name: "no TLS at the server", Host: Instance, Err: errors.New("tls error: server refused TLS connection")},
	{Name: "no TLS at the server, MySQL", Host: Instance, Err: errors.New("TLS requested but server does not support TLS")},
	{Name: "no such host", Host: Instance, Err: &net.DNSError{Err: "no such host", Name: Instance, IsNotFound: true}},
	{Name: "resolver that does not answer", Host: Instance, Err: &net.DNSError{Err: "i/o timeout", Name: Instance, Server: "10.0.0.2:53", IsTimeout: true}},
	{Name: "resolver that does not answer, in text only", Host: Instance, Err: errors.New("hostname resolving error: lookup h on 10.0.0.2:53: read udp 10.0.0.9:5->10.0.0.2:53: i/o timeout")},
	{Name: "resolver that is down, MySQL", Host: Instance, Err: errors.New("dial tcp: lookup h on 10.0.0.2:53: read udp 10.0.0.9:5->10.0.0.2:53: read: connection refused")},
	{Name: "nobody listens", Host: Instance, Err: fmt.Errorf("dial error: %w", systemError("dial", syscall.ECONNREFUSED))},
	{Name: "black hole", Host: Instance, Err: fmt.Errorf("dial tcp 10.0.0.1:5432: %w", context.DeadlineExceeded)},
	{Name: "black hole, MySQL", Host: Instance, Err: errors.New("dial tcp 10.0.0.1:3306: i/o timeout")},
	{Name: "stalled server, MySQL with readTimeout", Host: Instance, Err: errors.New("read tcp 10.0.0.9:39618->10.0.0.1:3306: i/o timeout")},
	{Name: "stalled server", Host: Instance, Err: fmt.Errorf("10.0.0.1:5432 (h): failed to receive message: timeout: %w", context.DeadlineExceeded)},
	{Name: "server of several that stalls in the handshake", Host: Instance, Err: fmt.Errorf("127.0.0.1:5432 (h): AfterNetConnect failed: timeout: %w", context.DeadlineExceeded)},
	{Name: "exhausted pool", Host: Instance, Err: context.DeadlineExceeded},
	{Name: "reset", Host: Instance, Err: systemError("read", syscall.ECONNRESET)},
	{Name: "reset, in text only", Host: Instance, Err: errors.New("failed to connect to `user=u database=certificates`: broken pipe")},
	{Name: "server hung up", Host: Instance, Err: fmt.Errorf("server error: %w", io.ErrUnexpectedEOF)},
	{Name: "server hung up, MySQL", Host: Instance, Err: errors.New("invalid connection")},
	{Name: "server hung up at once", Host: Instance, Err: io.EOF},
}

var others = []Symptom{
	{Name: "given up", Host: Instance, Err: context.Canceled},
	{Name: "given up while dialing", Host: Instance, Err: &net.OpError{Op: "dial", Net: "tcp", Err: context.Canceled}},
	{Name: "an error that quotes one of a server", Host: Instance, Err: errors.New("replica: Error 1045 (28000): Access denied")},
	{Name: "something else", Host: Instance, Err: errors.New("something else")},
}
