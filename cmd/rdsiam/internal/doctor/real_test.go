package doctor_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// newRealStage is a stage whose database is a real server that asks rdsiamtest.
func newRealStage(t *testing.T, engine doctor.Engine) (*stage, *realserver.Server) {
	t.Helper()
	s := newStage(t, engine, rdsiamtest.WithIAMUser("legacy", "nobody"))
	start := realserver.StartPostgreSQL
	if engine == doctor.MySQL {
		start = realserver.StartMariaDB
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	real, err := start(ctx, realserver.Options{
		Check: s.server.Verify, Certificate: s.server.Certificate(),
		IAMUsers: []string{"app"}, PasswordUsers: map[string]string{"legacy": "secret"},
	})
	if missing := new(realserver.MissingError); errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") == "" {
		t.Skip(missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(real.Close)
	s.network.dial = func(ctx context.Context, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", real.Addr())
	}
	s.inRDS(nil)
	// Whoever is let in by a fix is not to fail for want of a policy.
	mustDo(t, s.server.SetPolicies(policyFor(t, resourceID, "app").JSON(), policyFor(t, resourceID, "legacy").JSON(), policyFor(t, resourceID, "nobody").JSON()))
	return s, real
}

// realTest is a state of a real server and what is found there.
type realTest struct {
	name       string
	statements []string // as administrator
	first      []string // what the fix says besides the statement
	undo       []string
	spoil      func(*stage)
	check      string
	status     doctor.Status
	found      string
	command    string
	fix        string
}

func runReal(t *testing.T, engine doctor.Engine, tests []realTest) {
	s, real := newRealStage(t, engine)
	healthy := s.Case
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.Case = healthy
			if test.spoil != nil {
				test.spoil(s)
			}
			mustDo(t, real.Exec(t.Context(), test.statements...))
			defer func() { mustDo(t, real.Exec(t.Context(), test.undo...)) }()
			got := result(t, s.examine(t), test.check)
			if got.Status != test.status || !strings.Contains(got.Found, test.found) || !strings.Contains(got.Command, test.command) || !strings.Contains(got.Fix, test.fix) {
				t.Errorf("%s is %s: %q, %q, %q; want %s: %q, %q, %q", test.check, got.Status, got.Found, got.Command, got.Fix, test.status, test.found, test.command, test.fix)
			}
			if got.Status != doctor.Failed || !strings.HasSuffix(got.Command, ";") {
				return
			}
			// The statement is run as it stands, and fixes.
			mustDo(t, real.Exec(t.Context(), append(test.first, statementsOf(got.Command)...)...))
			if again := result(t, s.examine(t), test.check); again.Status == doctor.Failed {
				t.Errorf("after %s it is still %q", got.Command, again.Found)
			}
		})
	}
}

// statementsOf splits a fix where one statement ends. The names of these tests have no
// semicolons.
func statementsOf(command string) []string {
	var statements []string
	for _, statement := range strings.Split(command, ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			statements = append(statements, statement)
		}
	}
	return statements
}

func TestRealPostgreSQL(t *testing.T) {
	runReal(t, doctor.PostgreSQL, []realTest{
		{name: "member", check: "account", status: doctor.OK, found: "in rds_iam: app > rds_iam"},
		{name: "session", check: "session", status: doctor.OK, found: "TLSv1.3 with TLS_"},
		{name: "indirect member",
			statements: []string{"CREATE ROLE developers", "GRANT rds_iam TO developers", "REVOKE rds_iam FROM app", "GRANT developers TO app"},
			undo:       []string{"REVOKE developers FROM app", "GRANT rds_iam TO app", "DROP ROLE developers"},
			check:      "account", status: doctor.Warning, found: "indirectly: app > developers > rds_iam", command: `GRANT rds_iam TO "app";`},
		{name: "no member", spoil: func(s *stage) { s.User = "legacy" }, undo: []string{"REVOKE rds_iam FROM legacy"},
			check: "login", status: doctor.Failed, found: "is no member of rds_iam", command: `GRANT rds_iam TO "legacy";`},
		{name: "no such role", spoil: func(s *stage) { s.User = "nobody" }, first: []string{`CREATE ROLE "nobody" LOGIN`}, undo: []string{"DROP ROLE nobody"},
			check: "login", status: doctor.Failed, found: "the role does not exist", command: `GRANT rds_iam TO "nobody";`},
		{name: "no LOGIN", statements: []string{"ALTER ROLE app NOLOGIN"}, undo: []string{"ALTER ROLE app LOGIN"},
			check: "login", status: doctor.Failed, found: "has no LOGIN attribute", command: `ALTER ROLE "app" LOGIN;`},
		{name: "no such database", spoil: func(s *stage) { s.Database = "shop" },
			check: "login", status: doctor.Failed, found: `there is no database "shop"`, command: "--db DATABASE"},
		{name: "no CONNECT", statements: []string{"CREATE DATABASE private", "REVOKE CONNECT ON DATABASE private FROM PUBLIC"}, undo: []string{"DROP DATABASE private"},
			spoil: func(s *stage) { s.Database = "private" },
			check: "login", status: doctor.Failed, found: "may not connect to this database", command: `GRANT CONNECT ON DATABASE "private" TO "app";`},
	})
}

func TestRealMySQL(t *testing.T) {
	runReal(t, doctor.MySQL, []realTest{
		{name: "plugin", check: "account", status: doctor.OK, found: "app@% uses AWSAuthenticationPlugin and requires TLS"},
		{name: "session", check: "session", status: doctor.OK, found: "TLSv1.3 with TLS_"},
		{name: "without REQUIRE SSL", statements: []string{"ALTER USER 'app'@'%' REQUIRE NONE"}, undo: []string{"ALTER USER 'app'@'%' REQUIRE SSL"},
			check: "account", status: doctor.Warning, found: "may log in without TLS", command: "ALTER USER 'app'@'%' REQUIRE SSL;"},
		{name: "another plugin", spoil: func(s *stage) { s.User = "legacy" },
			check: "login", status: doctor.Failed, found: "does not use the plugin AWSAuthenticationPlugin",
			command: "ALTER USER 'legacy'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;"},
		{name: "locked", statements: []string{"ALTER USER 'app'@'%' ACCOUNT LOCK"}, undo: []string{"ALTER USER 'app'@'%' ACCOUNT UNLOCK"},
			check: "login", status: doctor.Failed, found: "the account is locked", command: "ALTER USER 'app'@'%' ACCOUNT UNLOCK;"},
		{name: "no such database", spoil: func(s *stage) { s.Database = "shop" }, first: []string{"CREATE DATABASE shop"}, undo: []string{"DROP DATABASE shop"},
			check: "login", status: doctor.Failed, found: "may not use this database", command: "GRANT SELECT ON `shop`.* TO 'app'@'%';",
			fix: "or correct the name: the server does not tell whether there is such a database"},
		{name: "no right in the database", statements: []string{"CREATE DATABASE private"}, undo: []string{"DROP DATABASE private"},
			spoil: func(s *stage) { s.Database = "private" },
			check: "login", status: doctor.Failed, found: "may not use this database", command: "GRANT SELECT ON `private`.* TO 'app'@'%';"},
	})
}

// A server of MySQL or MariaDB does for an account that is not there as for one of those that
// it has, a different one for each name. The doctor is not to be fooled.
func TestRealMySQLNoSuchAccount(t *testing.T) {
	s, real := newRealStage(t, doctor.MySQL)
	for _, name := range []string{"nobody", "a", "b", "c", "d", "e", "f", "g"} {
		s.User = name
		got := result(t, s.examine(t), "login")
		causes := got.Found
		for _, other := range got.Otherwise {
			causes += "\n" + other.Text
		}
		if got.Status != doctor.Failed || !strings.Contains(causes, "there is no such account") {
			t.Errorf("%s: %s", name, causes)
		}
		if strings.HasPrefix(got.Command, "CREATE USER ") && name != "nobody" {
			mustDo(t, real.Exec(t.Context(), statementsOf(got.Command)...))
			if again := result(t, s.examine(t), "login"); !strings.Contains(again.Found, "lacks rds-db:connect") {
				t.Errorf("%s, after %s: %s", name, got.Command, again.Found)
			}
		}
	}
}

// A server of MySQL or MariaDB that is full says so in place of its greeting, before TLS.
func TestRealMySQLFull(t *testing.T) {
	s, real := newRealStage(t, doctor.MySQL)
	const most = 10 // the least that MariaDB takes
	mustDo(t, real.Exec(t.Context(), "SET GLOBAL max_connections = 10", "SET GLOBAL connect_timeout = 60"))
	for range most + 1 { // one more is for administrators
		conn, err := net.Dial("tcp", real.Addr())
		mustDo(t, err)
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1)) // of the greeting
		mustDo(t, err)
	}
	got := result(t, s.examine(t), "tls")
	if got.Status != doctor.Failed || !strings.Contains(got.Found, "Error 1040") || !strings.Contains(got.Found, "no connection left") {
		t.Errorf("tls is %s: %s; want that the server is full", got.Status, got.Found)
	}
}

// Behind a proxy the account has a password, and that is well there only.
func TestRealAccountWithPassword(t *testing.T) {
	for _, engine := range []struct {
		engine                doctor.Engine
		proxy, found, command string
	}{
		{doctor.PostgreSQL, "not in rds_iam: the proxy logs in to the database with a password",
			"not in rds_iam, and logged in all the same", `GRANT rds_iam TO "app";`},
		{doctor.MySQL, "legacy@% with a password, which the proxy knows",
			"legacy@% does not use AWSAuthenticationPlugin, and logged in all the same", "SELECT user, host, plugin FROM mysql.user WHERE user IN ('app', 'legacy');"},
	} {
		behind, real := newRealStage(t, engine.engine)
		upstream := rdsiamtest.Upstream{
			Address: real.Addr(), User: "legacy", Password: "secret",
			TLS: &tls.Config{RootCAs: behind.server.RootCAs(), ServerName: ordersHost},
		}
		for _, test := range []struct {
			host           string
			status         doctor.Status
			found, command string
		}{
			{proxyHost, doctor.OK, engine.proxy, ""},
			{ordersHost, doctor.Warning, engine.found, engine.command},
		} {
			t.Run(string(engine.engine)+" "+test.host, func(t *testing.T) {
				s := newStage(t, engine.engine, rdsiamtest.WithEndpoint(test.host), rdsiamtest.WithUpstream(upstream))
				s.Endpoint, s.Offline = test.host, true
				got := result(t, s.examine(t), "account")
				if got.Status != test.status || !strings.HasPrefix(got.Found, test.found) || got.Command != test.command {
					t.Errorf("account is %s: %q, %q; want %s: %q, %q", got.Status, got.Found, got.Command, test.status, test.found, test.command)
				}
			})
		}
	}
}

// TLS that ends at a tunnel or proxy is seen from the inside alone.
func TestRealSessionWithoutTLS(t *testing.T) {
	_, real := newRealStage(t, doctor.MySQL)
	s := newStage(t, doctor.MySQL, rdsiamtest.WithUpstream(rdsiamtest.Upstream{Address: real.Addr(), User: "legacy", Password: "secret"}))
	s.inRDS(nil)
	got := result(t, s.examine(t), "session")
	if got.Status != doctor.Warning || !strings.Contains(got.Found, "none from there to the server") || got.Command != "rdsiam status "+ordersHost {
		t.Errorf("session is %s: %q, %q", got.Status, got.Found, got.Command)
	}
}
