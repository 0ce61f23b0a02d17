package provision_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/provision"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// connector logs in with a token, as a service does.
func (s *testServer) connector(t *testing.T, user, database string) *rdsiam.Connector {
	t.Helper()
	tokens, roots := rdsiam.NewTokenSource(s.verifier.Credentials()), rdsiam.WithRootCAs(s.verifier.RootCAs())
	if s.engine == provision.PostgreSQL {
		c, err := pgx.ParseConfig(s.verifier.DSN(user))
		if err != nil {
			t.Fatal(err)
		}
		c.Database, c.DialFunc, c.LookupFunc = database, s.dial, s.verifier.LookupHost
		driver, err := rdspgx.New(c, roots)
		if err != nil {
			t.Fatal(err)
		}
		return rdsiam.NewConnector(driver, tokens)
	}
	c, err := mysql.ParseDSN(s.verifier.DSN(user))
	if err != nil {
		t.Fatal(err)
	}
	c.DBName, c.DialFunc = database, s.dial
	driver, err := rdsmysql.New(c, roots)
	if err != nil {
		t.Fatal(err)
	}
	return rdsiam.NewConnector(driver, tokens)
}

// policyOf allows to log in as an account.
func policyOf(t *testing.T, a provision.Account) string {
	t.Helper()
	arn, err := a.UserARN(resource)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := rdsiam.NewPolicy(arn)
	if err != nil {
		t.Fatal(err)
	}
	return policy.JSON()
}

func TestEndToEndPostgreSQL(t *testing.T) { onPostgreSQL(t, testEndToEndPostgreSQL) }

func testEndToEndPostgreSQL(t *testing.T, s *testServer) {
	proveEndToEnd(t, s, pgDatabase(t, s, "end_to_end"), "app", provision.Account{Engine: provision.PostgreSQL, Name: endToEndUser, Grants: []provision.Grant{
		provision.Database("end_to_end", provision.Connect), provision.Schema("app", provision.Usage),
		provision.Columns("app", "items", []string{"id", "name"}, provision.Select)}})
}

func TestEndToEndMySQL(t *testing.T) { onMySQL(t, testEndToEndMySQL) }

func testEndToEndMySQL(t *testing.T, s *testServer) {
	proveEndToEnd(t, s, myDatabase(t, s, "end_to_end"), "end_to_end", provision.Account{Engine: s.engine, Name: endToEndUser, Grants: []provision.Grant{
		provision.Columns("end_to_end", "items", []string{"id", "name"}, provision.Select)}})
}

// proveEndToEnd takes an account from its description to its end.
func proveEndToEnd(t *testing.T, s *testServer, db *sql.DB, schema string, a provision.Account) {
	logIn := func() *sql.DB {
		user := sql.OpenDB(s.connector(t, a.Name, "end_to_end"))
		t.Cleanup(func() { user.Close() })
		return user
	}
	someone := a
	someone.Name = "someone else"

	if err := s.verifier.SetPolicies(policyOf(t, a)); err != nil {
		t.Fatal(err)
	}
	refused := func(when string) {
		t.Helper()
		err := logIn().PingContext(t.Context())
		if failed := (*rdsiam.LoginError)(nil); !errors.As(err, &failed) {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("before there is an account")

	apply(t, db, plan(t, a))
	user := logIn()
	if got := query(t, user, "SELECT count(id) FROM "+schema+".items WHERE name = 'x'"); got != "0" {
		t.Errorf("reading what was granted: %q", got)
	}
	for _, statement := range []string{"SELECT secret FROM " + schema + ".items", "INSERT INTO " + schema + ".items (id) VALUES (1)", "SELECT * FROM " + schema + ".other"} {
		if _, err := user.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "denied") {
			t.Errorf("%s: %v", statement, err)
		}
	}

	if err := s.verifier.SetPolicies(policyOf(t, someone)); err != nil {
		t.Fatal(err)
	}
	refused("out of the policy")
	if logIns := s.verifier.Logins(); logIns[len(logIns)-1].Reason != rdsiamtest.ReasonPolicy {
		t.Errorf("out of the policy: the verifier says %s", logIns[len(logIns)-1].Reason)
	}
	if err := s.verifier.SetPolicies(policyOf(t, a)); err != nil {
		t.Fatal(err)
	}
	if err := logIn().PingContext(t.Context()); err != nil {
		t.Error(err)
	}

	user.Close()
	drop, err := a.PlanDrop(provision.DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, drop)
	refused("after the drop")
}
