package proxy_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// refusal is a client that must not be let in, and why.
type refusalCase struct {
	name           string
	user, password string
	change         func(*proxy.Target)
	policy         string // of the identity, "" leaves it
	code           string // SQLSTATE, or number of MySQL
	says           []string
	reaches        bool // the database is asked
}

const denyAll = `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "rds-db:connect", "Resource": "*"}}`

func unreachable(target *proxy.Target) { target.Dialed = "127.0.0.1:1" }

func noCredentials(target *proxy.Target) {
	target.Tokens = rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
		return rdsiam.Token{}, errors.New("the vault is closed")
	})
}

func untrusted(d *database) func(*proxy.Target) {
	return func(target *proxy.Target) {
		target.Options = []rdsiam.EndpointOption{rdsiam.WithEndpoint(d.verifier.Endpoint())}
		target.Endpoint, _ = rdsiam.ResolveEndpoint(target.Dialed, 0, target.Options...)
	}
}

func (d *database) refusals(accessDenied, badPassword, refused, failed string) []refusalCase {
	return []refusalCase{
		{name: "another user", user: "postgres", password: password, code: accessDenied, says: []string{`"postgres"`, `"app" only`}},
		{name: "wrong password", user: app, password: "wrong", code: badPassword, says: []string{"wrong password", "--password-file"}},
		{name: "wrong password of another user", user: "postgres", password: "wrong", code: badPassword, says: []string{"wrong password"}},
		{name: "no password", user: app, password: "", code: badPassword},
		{name: "wrong password, unreachable", user: app, password: "wrong", change: unreachable, code: badPassword, says: []string{"wrong password"}},
		{name: "policy", user: app, password: password, policy: denyAll, code: refused, says: []string{"rds-db:connect", endpoint}, reaches: true},
		{name: "unreachable", user: app, password: password, change: unreachable, code: failed, says: []string{endpoint, "as app"}},
		{name: "no token", user: app, password: password, change: noCredentials, code: failed, says: []string{"the vault is closed"}},
		{name: "certificate", user: app, password: password, change: untrusted(d), code: failed, says: []string{"certificate"}},
	}
}

func (d *database) proveRefusal(t *testing.T, tt refusalCase, connect func(*running) (code, text string)) {
	t.Helper()
	if tt.policy != "" {
		before := d.verifier.Identities()[0].Policies
		if err := d.verifier.SetPolicies(tt.policy); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.verifier.SetPolicies(before...); err != nil {
				t.Fatal(err)
			}
		}()
	}
	change := tt.change
	if change == nil {
		change = func(*proxy.Target) {}
	}
	var seen tokens
	r := d.proxy(t, "tcp", proxy.Settings{Password: password}, change, seen.keep)
	accepted := func() (n int) {
		for _, logIn := range d.verifier.Logins() {
			if logIn.PasswordReceived {
				n++
			}
		}
		return n
	}
	before := accepted()
	code, text := connect(r)
	if code != tt.code {
		t.Errorf("code %q, want %q: %s", code, tt.code, text)
	}
	if tt.password != password && strings.Contains(text, endpoint) {
		t.Errorf("a stranger learns the endpoint: %s", text)
	}
	for _, says := range tt.says {
		if !strings.Contains(text, says) {
			t.Errorf("%q is missing in %q", says, text)
		}
	}
	if tt.reaches && accepted() == before {
		t.Error("the database was not asked")
	}
	r.log.wait(t)
	r.stop()
	if err := r.waitStopped(t); err != nil {
		t.Error(err)
	}
	for _, secret := range append(seen.list(), password) {
		if strings.Contains(r.log.String(), secret) || strings.Contains(text, secret) {
			t.Errorf("a secret is told, in the log %q or in %q", r.log, text)
		}
	}
}

func TestPostgreSQLRefusals(t *testing.T) {
	d := emulatedPostgreSQL(t)
	for _, tt := range d.refusals("28000", "28P01", "28000", "08001") {
		t.Run(tt.name, func(t *testing.T) {
			d.proveRefusal(t, tt, func(r *running) (code, text string) {
				_, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, r, tt.user, tt.password))
				var answer *pgconn.PgError
				if !errors.As(err, &answer) {
					t.Fatalf("error %v", err)
				}
				if answer.Severity != "FATAL" {
					t.Errorf("severity %q", answer.Severity)
				}
				return answer.Code, answer.Message + "\n" + answer.Detail + "\n" + answer.Hint
			})
		})
	}
}

func TestMySQLRefusals(t *testing.T) {
	d := emulatedMySQL(t)
	for _, tt := range d.refusals("1045", "1045", "1045", "1429") {
		t.Run(tt.name, func(t *testing.T) {
			d.proveRefusal(t, tt, func(r *running) (code, text string) {
				err := openMySQL(t, mysqlConfig(r, tt.user, tt.password)).PingContext(t.Context())
				var answer *mysql.MySQLError
				if !errors.As(err, &answer) {
					t.Fatalf("error %v", err)
				}
				return itoa(answer.Number), answer.Message
			})
		})
	}
}

// A client that is not let in makes no interrupted login at the server, which would block
// the address of this machine after max_connect_errors of them.
func TestMySQLLeavesInOrder(t *testing.T) {
	d := emulatedMySQL(t)
	r := d.proxy(t, "tcp", proxy.Settings{Password: password})
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	var first [1]byte
	if _, err := conn.Read(first[:]); err != nil { // the greeting
		t.Fatal(err)
	}
	conn.Close()
	r.waitFor(t, `rdsiam_login_duration_seconds_count{db_response_status_code="",error_type=""} 1`)
	if logIns := d.verifier.Logins(); len(logIns) != 1 || !logIns[0].Accepted {
		t.Errorf("logins %+v, want one that was accepted", logIns)
	}
	r.stop()
	if err := r.waitStopped(t); err != nil || r.log.String() != "" {
		t.Errorf("%v, log %q", err, r.log)
	}
}

// A server of MySQL is given the token only inside of TLS.
func TestMySQLWithoutTLS(t *testing.T) {
	d := emulatedMySQL(t, rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
	r := d.proxy(t, "tcp", proxy.Settings{Password: password})
	err := openMySQL(t, mysqlConfig(r, app, password)).PingContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "1429") {
		t.Errorf("error %v, want one of the proxy", err)
	}
	for _, logIn := range d.verifier.Logins() {
		if logIn.PasswordReceived {
			t.Error("the token was sent")
		}
	}
}

// A server that says the token again in its error does not get it into a log.
func TestMySQLMasksToken(t *testing.T) {
	target := emulatedMySQL(t).target(t)
	token, err := target.Token(t.Context(), target.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	said := mysqlwire.Error{Number: 1045, SQLState: "28000", Text: "wrong password " + token.Reveal()}
	masked := proxy.Masked(said, token)
	var answer *mysql.MySQLError
	if !errors.As(masked, &answer) || answer.Number != 1045 || strings.Contains(masked.Error(), "X-Amz-Signature") {
		t.Errorf("%v", masked)
	}
}
