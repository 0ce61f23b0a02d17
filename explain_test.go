package rdsiam_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

var update = flag.Bool("update", false, "write the golden files")

// answer is the text of an error by go-sql-driver/mysql.
type answer string

func (a answer) Error() string { return string(a) }

// What clients see, from the AWS documentation and field reports, and the endpoint that
// they see it at.
var symptoms = []struct {
	name     string
	endpoint string
	err      error
}{
	{"policy, token, clock or host", "i.abc123.us-east-1.rds.amazonaws.com", pam},
	{"the same at a cluster", "c.cluster-abc123.us-east-1.rds.amazonaws.com", pam},
	{"the same at a name outside RDS", "db.example.com", pam},
	{"the same at a global database", "g.global-abc123.global.rds.amazonaws.com", pam},
	{"role without rds_iam, or none", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"28P01", `password authentication failed for user "u"`}},
	{"server asked for SCRAM", "i.abc123.us-east-1.rds.amazonaws.com", errors.New(`require_auth check failed: authentication method requirement "password" failed: server requested scram-sha-256 authentication`)},
	{"no TLS", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"28000", `pg_hba.conf rejects connection for host "h", user "u", database "d", no encryption`}},
	{"no TLS, PostgreSQL 13", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"28000", `pg_hba.conf rejects connection for host "h", user "u", database "d", SSL off`}},
	{"no pg_hba entry", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"28000", `no pg_hba.conf entry for host "h", user "u", database "d", SSL on`}},
	{"slow helper", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"57014", "canceling authentication due to timeout"}},
	{"no database", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"3D000", `database "d" does not exist`}},
	{"role without LOGIN", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"28000", `role "u" is not permitted to log in`}},
	{"may not connect", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"42501", `permission denied for database "d"`}},
	{"starting", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"57P03", "the database system is starting up"}},
	{"full", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"53300", "sorry, too many clients already"}},
	{"role's limit", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"53300", `too many connections for role "u"`}},
	{"reader in place of the writer", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("10.0.0.1:5432 (h): ValidateConnect failed: read only connection")},
	{"standby in place of the primary", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("10.0.0.1:5432 (h): ValidateConnect failed: server is in standby mode")},
	{"one host starting, the other refusing", "i.abc123.us-east-1.rds.amazonaws.com", errors.Join(stateError{"57P03", "the database system is starting up"}, pam)},
	{"unknown state", "i.abc123.us-east-1.rds.amazonaws.com", stateError{"XX000", "internal error"}},

	{"MySQL refusal", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1045 (28000): Access denied for user 'u'@'10.0.0.1' (using password: NO)")},
	{"MySQL refusal, older server", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1698: Access denied for user 'u'@'10.0.0.1'")},
	{"MySQL refusal at a name outside RDS", "db.example.com", answer("Error 1045 (28000): Access denied for user 'u'@'10.0.0.1' (using password: NO)")},
	{"MySQL refusal at a global database", "g.global-abc123.global.rds.amazonaws.com", answer("Error 1045 (28000): Access denied for user 'u'@'10.0.0.1' (using password: NO)")},
	{"MySQL host not allowed", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1130 (HY000): Host '10.0.0.1' is not allowed to connect to this MySQL server")},
	{"MySQL account locked", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 3118 (HY000): Access denied for user 'u'@'10.0.0.1'. Account is locked.")},
	{"MariaDB account locked", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 4151 (HY000): Access denied, this account is locked")},
	{"plugin missing", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1524 (HY000): Plugin 'AWSAuthenticationPlugin' is not loaded")},
	{"no MySQL database", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1049 (42000): Unknown database 'd'")},
	{"no privilege on the database", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1044 (42000): Access denied for user 'u'@'%' to database 'd'")},
	{"MySQL full", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1040 (08004): Too many connections")},
	{"MySQL account's limit", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1226 (42000): User 'u' has exceeded the 'max_user_connections' resource (current value: 1)")},
	{"MySQL stopping", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1053 (08S01): Server shutdown in progress")},
	{"reader in place of the writer, MySQL", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("login given up, as RejectReadOnly does on a read-only server: driver: bad connection")},
	{"host blocked", "i.abc123.us-east-1.rds.amazonaws.com", answer("Error 1129 (HY000): Host '10.0.0.1' is blocked because of many connection errors")},
	{"clear text off", "i.abc123.us-east-1.rds.amazonaws.com", answer("this user requires clear text authentication. If you still want to use it, please add 'allowCleartextPasswords=1' to your DSN")},

	{"proxy refusal", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28000", "The IAM authentication failed for the role u. Check the IAM token for this role and try again."}},
	{"proxy refusal, other words", "e.endpoint.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28000", "IAM authentication failed for user u"}},
	{"proxy without credentials", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28000", "This RDS proxy has no credentials for the role u. Check the credentials for this role and try again."}},
	{"proxy took a password", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28P01", "The password that was provided for the role u is wrong."}},
	{"proxy without TLS", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28000", "IAM authentication is allowed only with SSL connections."}},
	{"proxy without TLS, MySQL", "p.proxy-abc123.us-east-1.rds.amazonaws.com", answer("Error 3159 (HY000): This RDS Proxy requires TLS connections.")},
	{"proxy throttles", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28000", "The IAM authentication failed because of too many competing requests."}},
	{"proxy throttles, MySQL", "p.proxy-abc123.us-east-1.rds.amazonaws.com", answer("Error 1040 (HY000): IAM authentication rate limit exceeded")},
	{"proxy without database", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"08000", "Timed-out waiting to acquire database connection"}},
	{"PAM refusal at a proxy", "p.proxy-abc123.us-east-1.rds.amazonaws.com", pam},
	{"28P01 at a proxy", "p.proxy-abc123.us-east-1.rds.amazonaws.com", stateError{"28P01", "no"}},
	{"MySQL refusal at a proxy", "p.proxy-abc123.us-east-1.rds.amazonaws.com", answer("Error 1045 (28000): Access denied for user 'u'@'%' (using password: YES)")},

	{"certificate", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")},
	{"no TLS at the server", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("tls error: server refused TLS connection")},
	{"no TLS at the server, MySQL", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("TLS requested but server does not support TLS")},
	{"no such host", "i.abc123.us-east-1.rds.amazonaws.com", &net.DNSError{Err: "no such host", Name: "i.abc123.us-east-1.rds.amazonaws.com", IsNotFound: true}},
	{"resolver that does not answer", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("hostname resolving error: lookup i.abc123.us-east-1.rds.amazonaws.com on 10.0.0.2:53: read udp 10.0.0.9:5->10.0.0.2:53: i/o timeout")},
	{"resolver that is down, MySQL", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("dial tcp: lookup i.abc123.us-east-1.rds.amazonaws.com on 10.0.0.2:53: read udp 10.0.0.9:5->10.0.0.2:53: read: connection refused")},
	{"nobody listens", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("dial tcp 10.0.0.1:5432: connect: connection refused")},
	{"black hole", "i.abc123.us-east-1.rds.amazonaws.com", fmt.Errorf("dial tcp 10.0.0.1:5432: %w", context.DeadlineExceeded)},
	{"black hole, MySQL", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("dial tcp 10.0.0.1:3306: i/o timeout")},
	{"stalled server, MySQL with readTimeout", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("read tcp 10.0.0.9:39618->10.0.0.1:3306: i/o timeout")},
	{"stalled server", "i.abc123.us-east-1.rds.amazonaws.com", fmt.Errorf("10.0.0.1:5432 (h): failed to receive message: timeout: %w", context.DeadlineExceeded)},
	{"server of several that stalls in the handshake", "i.abc123.us-east-1.rds.amazonaws.com", fmt.Errorf("127.0.0.1:5432 (h): AfterNetConnect failed: timeout: %w", context.DeadlineExceeded)},
	{"exhausted pool", "i.abc123.us-east-1.rds.amazonaws.com", context.DeadlineExceeded},
	{"forgotten hook", "i.abc123.us-east-1.rds.amazonaws.com", errors.Join(pam, stateError{"28000", `pg_hba.conf rejects connection for host "h", user "u", database "d", no encryption`})},
	{"given up", "i.abc123.us-east-1.rds.amazonaws.com", context.Canceled},
	{"given up while dialing", "i.abc123.us-east-1.rds.amazonaws.com", &net.OpError{Op: "dial", Net: "tcp", Err: context.Canceled}},
	{"other network error", "i.abc123.us-east-1.rds.amazonaws.com", &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}},
	{"database with a telling name", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("failed to connect to `user=u database=certificates`: broken pipe")},
	{"no credentials", "i.abc123.us-east-1.rds.amazonaws.com", fmt.Errorf("hook: %w", noCredentials())},
	{"settings", "i.abc123.us-east-1.rds.amazonaws.com", &rdsiam.ConfigError{Setting: "host", Problem: "no such host"}},
	{"server hung up", "i.abc123.us-east-1.rds.amazonaws.com", fmt.Errorf("server error: %w", io.ErrUnexpectedEOF)},
	{"server hung up, MySQL", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("invalid connection")},
	{"server hung up at once", "i.abc123.us-east-1.rds.amazonaws.com", io.EOF},
	{"an error that quotes one of a server", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("replica: Error 1045 (28000): Access denied")},
	{"something else", "i.abc123.us-east-1.rds.amazonaws.com", errors.New("something else")},
}

// noCredentials returns the error of a credentials service that cannot be reached.
func noCredentials() error {
	e, err := rdsiam.ResolveEndpoint("i.abc123.us-east-1.rds.amazonaws.com", 5432)
	if err != nil {
		return err
	}
	source := rdsiam.NewTokenSource(&provider{give: failing(errors.New("dial tcp 169.254.169.254:80: i/o timeout"))})
	_, err = source.Token(context.Background(), rdsiam.Login{Endpoint: e, User: "u"})
	return err
}

func TestExplainGolden(t *testing.T) {
	var b strings.Builder
	for _, symptom := range symptoms {
		var options []rdsiam.EndpointOption
		if strings.Contains(symptom.endpoint, ".global.") || strings.Contains(symptom.endpoint, "example.com") {
			options = append(options, rdsiam.WithRegion("us-east-1"))
		}
		at := endpoint(t, symptom.endpoint, options...)
		explanation := at.Explain(symptom.err)
		fmt.Fprintf(&b, "# %s (%s)\n%v\ncode %q, retry %v\n%v\n", symptom.name, at.Kind(), symptom.err, explanation.Code, explanation.Retryable, explanation)
	}
	const golden = "testdata/explain.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("differs from %s; look at the difference that -update makes", golden)
	}
}

// The hook's user and the Connector's read the same words.
func TestExplainOfALoginError(t *testing.T) {
	for _, host := range []string{"i.abc123.us-east-1.rds.amazonaws.com", "p.proxy-abc123.us-east-1.rds.amazonaws.com"} {
		at := rdsiam.Login{Endpoint: endpoint(t, host), User: "u"}
		d := &fakeDriver{logins: []rdsiam.Login{at}, err: pam, code: "28000", refused: true}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
		want := strings.ReplaceAll(at.Endpoint.Explain(pam).String(), "USER", "u")
		if got := rdsiam.Explain(fmt.Errorf("ping: %w", err)).String(); got != want || got == "" {
			t.Errorf("%s\n got %s\nwant %s", host, got, want)
		}
	}
	if got, want := rdsiam.Explain(pam).String(), "allow it on arn:PARTITION:rds-db:REGION:ACCOUNT:dbuser:RESOURCE_ID/USER,"; !strings.Contains(got, want) {
		t.Errorf("without an endpoint: %s", got)
	}
	if got := rdsiam.Explain(nil); got.Causes != nil || got.Retryable {
		t.Errorf("nil is explained: %v", got)
	}
}

func TestEveryExplanationHasASymptom(t *testing.T) {
	used := make(map[int]bool)
	for _, symptom := range symptoms {
		var options []rdsiam.EndpointOption
		if strings.Contains(symptom.endpoint, ".global.") || strings.Contains(symptom.endpoint, "example.com") {
			options = append(options, rdsiam.WithRegion("us-east-1"))
		}
		used[rdsiam.ExplanationRow(endpoint(t, symptom.endpoint, options...).Kind(), symptom.err)] = true
	}
	for row := range rdsiam.ExplanationRows() {
		if !used[row] {
			t.Errorf("no test reaches row %d of the table", row)
		}
	}
}

// The number of a MySQL error is in its text only, and in nothing that looks like one.
func TestExplainFindsTheNumberOfMySQL(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"Error 1045 (28000): Access denied", "1045"},
		{"Error 1045: Access denied", "1045"},
		{"Error 10450 (HY000): something new", "10450"},
		{"Error 104: too short", ""},
		{"Error 104500: too long", ""},
		{"Error 1O45: no number", ""},
		{"Error 1045", ""},
		{"Error 1045 (280): no state", ""},
		{"Error 1045 [28000]: no state", ""},
		{"Error 1045 28000xx: no state", ""},
		{"Error 1045 (28000) on host: no error of the driver", ""},
		{"dial: Error 1045: not at the beginning", ""},
		{"1045: no error", ""},
	} {
		if got := rdsiam.Explain(errors.New(test.text)).Code; got != test.want {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}

// A source may keep its tokens in a database, and what that answers is not about the login.
func TestExplainRefusedTokenSource(t *testing.T) {
	login := rdsiam.Login{Endpoint: endpoint(t, "i.abc123.us-east-1.rds.amazonaws.com"), User: "u"}
	for _, refusal := range []error{pam, answer("Error 1045 (28000): Access denied for user 'vault'@'10.0.0.1' (using password: YES)")} {
		_, err := login.Token(t.Context(), rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
			return rdsiam.Token{}, refusal
		}))
		if got := login.Endpoint.Explain(err); got.Code != "" || len(got.Causes) > 0 || !got.Retryable {
			t.Errorf("%v: explained as %+v", refusal, got)
		}
	}
}
