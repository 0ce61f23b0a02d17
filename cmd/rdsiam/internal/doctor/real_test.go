package doctor_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
	"github.com/rdsiam/rdsiam/internal/realserver"
)

// newRealStage is a stage whose database is a real server that asks rdsiamtest.
func newRealStage(t *testing.T, engine doctor.Engine) (*stage, *realserver.Server) {
	t.Helper()
	s := newStage(t, engine)
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
	return s, real
}

// realTest is a state of a real server and what is found there.
type realTest struct {
	name       string
	statements []string // as administrator
	undo       []string
	spoil      func(*stage)
	check      string
	status     doctor.Status
	found      string
	command    string
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
			if got.Status != test.status || !strings.Contains(got.Found, test.found) || !strings.Contains(got.Command, test.command) {
				t.Errorf("%s is %s: %q, %q; want %s: %q, %q", test.check, got.Status, got.Found, got.Command, test.status, test.found, test.command)
			}
		})
	}
}

func TestRealPostgreSQL(t *testing.T) {
	runReal(t, doctor.PostgreSQL, []realTest{
		{"member", nil, nil, nil, "account", doctor.OK, "in rds_iam: app > rds_iam", ""},
		{"session", nil, nil, nil, "session", doctor.OK, "TLSv1.3 with TLS_", ""},
		{"indirect member",
			[]string{"CREATE ROLE developers", "GRANT rds_iam TO developers", "REVOKE rds_iam FROM app", "GRANT developers TO app"},
			[]string{"REVOKE developers FROM app", "GRANT rds_iam TO app", "DROP ROLE developers"}, nil,
			"account", doctor.Warning, "indirectly: app > developers > rds_iam", `GRANT rds_iam TO "app";`},
		{"no member", nil, nil, func(s *stage) { s.User = "legacy" },
			"log-in", doctor.Failed, "is no member of rds_iam", `GRANT rds_iam TO "legacy";`},
		{"no such role", nil, nil, func(s *stage) { s.User = "nobody" },
			"log-in", doctor.Failed, "the role does not exist", `GRANT rds_iam TO "nobody";`},
		{"no LOGIN", []string{"ALTER ROLE app NOLOGIN"}, []string{"ALTER ROLE app LOGIN"}, nil,
			"log-in", doctor.Failed, "has no LOGIN attribute", `ALTER ROLE "app" LOGIN;`},
		{"no such database", nil, nil, func(s *stage) { s.Database = "shop" },
			"log-in", doctor.Failed, "there is no database of this name", "--db DATABASE"},
		{"no CONNECT", []string{"CREATE DATABASE private", "REVOKE CONNECT ON DATABASE private FROM PUBLIC"}, []string{"DROP DATABASE private"},
			func(s *stage) { s.Database = "private" },
			"log-in", doctor.Failed, "may not connect to this database", `GRANT CONNECT ON DATABASE "private" TO "app";`},
	})
}

func TestRealMySQL(t *testing.T) {
	runReal(t, doctor.MySQL, []realTest{
		{"plugin", nil, nil, nil, "account", doctor.OK, "app@% uses AWSAuthenticationPlugin and requires TLS", ""},
		{"session", nil, nil, nil, "session", doctor.OK, "TLSv1.3 with TLS_", ""},
		{"without REQUIRE SSL", []string{"ALTER USER 'app'@'%' REQUIRE NONE"}, []string{"ALTER USER 'app'@'%' REQUIRE SSL"}, nil,
			"account", doctor.Warning, "may log in without TLS", "ALTER USER 'app'@'%' REQUIRE SSL;"},
		{"another plugin", nil, nil, func(s *stage) { s.User = "legacy" },
			"log-in", doctor.Failed, "does not use the plugin AWSAuthenticationPlugin", "ALTER USER 'legacy'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;"},
		{"locked", []string{"ALTER USER 'app'@'%' ACCOUNT LOCK"}, []string{"ALTER USER 'app'@'%' ACCOUNT UNLOCK"}, nil,
			"log-in", doctor.Failed, "the account is locked", "ALTER USER 'app'@'%' ACCOUNT UNLOCK;"},
		{"no such database", nil, nil, func(s *stage) { s.Database = "shop" },
			"log-in", doctor.Failed, "database", "shop"},
	})
}
