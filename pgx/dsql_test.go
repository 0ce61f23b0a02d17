package rdspgx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const cluster = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws"

func startDSQL(t *testing.T, options ...rdsiamtest.Option) *rdsiamtest.Server {
	t.Helper()
	return rdsiamtest.StartPostgreSQL(t, append([]rdsiamtest.Option{rdsiamtest.WithEndpoint(cluster), rdsiamtest.WithIAMUser("app", "admin")}, options...)...)
}

// A cluster of Aurora DSQL is an endpoint like others, by the Connector and by the hook.
func TestDSQL(t *testing.T) {
	server := startDSQL(t)
	for _, user := range []string{"app", "admin"} {
		config := configFor(t, server, server.DSN(user))
		if err := open(t, newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server)); err != nil {
			t.Error(err)
		}
		conn, err := connect(t, hookFor(server), configFor(t, server, server.DSN(user)))
		if err != nil {
			t.Fatal(err)
		}
		if got := whoAmI(t, conn); got != user {
			t.Errorf("logged in as %q, want %q", got, user)
		}
	}
	for _, login := range server.Logins() {
		if !login.Accepted || login.Endpoint != cluster+":5432" || login.SNI != cluster {
			t.Errorf("login %+v", login)
		}
	}
}

// What a cluster refuses is a refusal, shown with the hint and explained.
func TestDSQLRefused(t *testing.T) {
	tests := []struct {
		name, user string
		change     func(*rdsiamtest.Server)
		code       string
		refused    bool
		cause      string
		shows      string
	}{
		{"no role", "stranger", nil, "08006", true, "dsql-grant", `IAM authentication failed for user "stranger"`},
		{"no policy", "app", func(s *rdsiamtest.Server) { _ = s.SetPolicies(denyAll) }, "08006", true, "dsql-policy", "dsql:DbConnect on resource: arn:aws:dsql:us-east-1:"},
		{"no policy for admin", "admin", func(s *rdsiamtest.Server) { _ = s.SetPolicies(denyAll) }, "08006", true, "dsql-policy", "dsql:DbConnectAdmin on resource: arn:aws:dsql:us-east-1:"},
		{"for no reason given", "app", func(s *rdsiamtest.Server) { s.SetFaults(rdsiamtest.Faults{RefuseNext: 1}) }, "08006", true, "dsql-policy", "access denied"},
		{"too many", "app", func(s *rdsiamtest.Server) {
			s.SetFaults(rdsiamtest.Faults{NewTokensPerSecond: 1})
			if err := open(t, newDriver(t, configFor(t, s, s.DSN("admin")), rdsiam.WithRootCAs(s.RootCAs())), tokensOf(s)); err != nil {
				t.Error(err)
			}
		}, "53400", false, "dsql-limit", "rate exceeded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := startDSQL(t)
			if test.change != nil {
				test.change(server)
			}
			config := configFor(t, server, server.DSN(test.user))
			err := open(t, newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server))
			var login *rdsiam.LoginError
			if !errors.As(err, &login) || login.Code != test.code || login.Refused != test.refused || login.Retryable() == test.refused {
				t.Fatalf("got %#v: %v", login, err)
			}
			explained := rdsiam.Explain(err)
			if len(explained.Causes) == 0 || explained.Causes[0].Code != test.cause || strings.Contains(explained.String(), "{") {
				t.Errorf("explained by %v", explained)
			}
			if !strings.Contains(fmt.Sprintf("%+v", err), test.shows) {
				t.Errorf("%+v does not show %q", err, test.shows)
			}
			if logins := server.Logins(); len(logins) > 1 && logins[len(logins)-2].User == test.user {
				t.Errorf("tried again: %+v", logins)
			}
			if test.refused {
				_, err = connect(t, hookFor(server), configFor(t, server, server.DSN(test.user)))
				if answer := (*pgconn.PgError)(nil); test.name != "for no reason given" && (!errors.As(err, &answer) || !strings.Contains(err.Error(), test.shows)) {
					t.Errorf("with a hook: %v", err)
				}
			}
		})
	}
}

// denyAll allows something else.
const denyAll = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "*"}}`

// Policies of Aurora DSQL allow admin and all others apart.
func TestDSQLPolicies(t *testing.T) {
	server := startDSQL(t)
	for _, test := range []struct {
		policy   string
		accepted []string
	}{
		{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dsql:DbConnect", "Resource": "arn:aws:dsql:us-east-1:123456789012:cluster/abcdefghijklmnopqrstuvwxyz"}}`, []string{"app"}},
		{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dsql:DbConnectAdmin", "Resource": "*"}}`, []string{"admin"}},
		{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dsql:*", "Resource": "*"}}`, []string{"app", "admin"}},
		{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dsql:DbConnect", "Resource": "arn:aws:dsql:us-east-1:123456789012:cluster/other"}}`, nil},
	} {
		if err := server.SetPolicies(test.policy); err != nil {
			t.Fatal(err)
		}
		for _, user := range []string{"app", "admin"} {
			err := open(t, newDriver(t, configFor(t, server, server.DSN(user)), rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server))
			want := strings.Contains(strings.Join(test.accepted, " "), user)
			if (err == nil) != want {
				t.Errorf("%s: %s: %v", test.policy, user, err)
			}
		}
	}
}

// Without roots given, those of the system count: the certificate of rdsiamtest is none of theirs.
func TestDSQLRoots(t *testing.T) {
	server := startDSQL(t)
	err := open(t, newDriver(t, configFor(t, server, "")), tokensOf(server))
	var certificate *rdsiam.CertificateError
	if !errors.As(err, &certificate) || certificate.Roots != "the roots of the system" {
		t.Errorf("got %v", err)
	}
	if n := len(server.Logins()); n > 0 {
		t.Errorf("%d logins", n)
	}
}

// A name of PrivateLink is dialed, and the cluster's is signed and verified.
func TestDSQLByPrivateLink(t *testing.T) {
	server := startDSQL(t)
	config := parse(t, "postgres://app@vpce-0123.dsql-fnh4.us-east-1.vpce.amazonaws.com/postgres")
	config.DialFunc = server.DialContext
	config.LookupFunc = func(ctx context.Context, _ string) ([]string, error) { return server.LookupHost(ctx, cluster) }
	if _, err := connect(t, hookFor(server), config.Copy()); err == nil {
		t.Error("a name that no token is signed for was taken")
	}
	hook := rdspgx.BeforeConnect(tokensOf(server), rdsiam.WithEndpoint(cluster), rdsiam.WithRootCAs(server.RootCAs()))
	conn, err := connect(t, hook, config)
	if err != nil {
		t.Fatal(err)
	}
	if got := whoAmI(t, conn); got != "app" {
		t.Errorf("logged in as %q", got)
	}
}

// The same answer of another server is a connection that failed.
func TestDSQLRefusesAlone(t *testing.T) {
	denied := &pgconn.PgError{Code: "08006", Message: "unable to accept connection, access denied"}
	for host, want := range map[string]bool{cluster: true, instance: false} {
		driver, err := rdspgx.ParseDSN("postgres://app@" + host + "/postgres")
		if err != nil {
			t.Fatal(err)
		}
		if code, refused := driver.Refused(denied); code != "08006" || refused != want {
			t.Errorf("%s: %s, refused %t", host, code, refused)
		}
	}
}
