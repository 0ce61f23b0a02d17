// Package lab runs the examples' tests on real PostgreSQL and MariaDB servers, which
// ask rdsiamtest whether a token is good, as RDS asks IAM.
package lab

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/provision"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Runner runs the plans. It logs in with a token, too, and is no superuser.
const Runner = "runner"

// Resource is the database as policies name it.
var Resource = rdsiam.Resource{ID: "db-RDSIAMTEST0123456789ABCDEF", Region: "us-east-1", AccountID: "123456789012"}

// Lab is a server with the database sre, in which there is a table.
type Lab struct {
	Account provision.Account // that the example is about

	verifier *rdsiamtest.Server
	real     *realserver.Server
}

// OnEach runs a test on PostgreSQL and MariaDB, and skips what the machine lacks.
func OnEach(t *testing.T, test func(*testing.T, *Lab)) {
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, start(t, provision.PostgreSQL, rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL,
			"CREATE DATABASE sre OWNER runner",
			"ALTER ROLE runner CREATEROLE",
			"GRANT rds_iam TO runner WITH ADMIN OPTION")) // needed from PostgreSQL 16 on
	})
	t.Run("MariaDB", func(t *testing.T) {
		test(t, start(t, provision.MariaDB, rdsiamtest.StartMySQL, realserver.StartMariaDB,
			"CREATE DATABASE sre",
			"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, SHOW VIEW, CREATE USER ON *.* TO runner WITH GRANT OPTION"))
	})
}

func start(t *testing.T, engine provision.Engine,
	verifier func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server,
	real func(context.Context, realserver.Options) (*realserver.Server, error), setUp ...string) *Lab {
	l := &Lab{Account: provision.Account{Engine: engine, Name: "iam_sre", Grants: []provision.Grant{provision.ReadOnly("sre")}}}
	l.verifier = verifier(t, rdsiamtest.WithIAMUser(Runner, l.Account.Name))
	var err error
	l.real, err = real(t.Context(), realserver.Options{Check: l.verifier.Verify, Certificate: l.verifier.Certificate(), IAMUsers: []string{Runner}})
	var missing *realserver.MissingError
	if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.real.Close)
	t.Logf("server: %s %s (%s)", engine, l.real.Version(), l.real.Method())
	if err := l.real.Exec(t.Context(), setUp...); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Open(t, Runner).ExecContext(t.Context(), "CREATE TABLE items (id int)"); err != nil {
		t.Fatal(err)
	}
	return l
}

// Open returns a pool of connections to sre that log in with tokens, until the test ends.
func (l *Lab) Open(t *testing.T, user string) *sql.DB {
	t.Helper()
	driver, err := l.driver(user)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(driver, rdsiam.NewTokenSource(l.verifier.Credentials())))
	t.Cleanup(func() { db.Close() })
	return db
}

func (l *Lab) driver(user string) (rdsiam.Driver, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.real.Addr())
	}
	roots := rdsiam.WithRootCAs(l.verifier.RootCAs())
	if l.Account.Engine == provision.PostgreSQL {
		config, err := pgx.ParseConfig(l.verifier.DSN(user))
		if err != nil {
			return nil, err
		}
		config.Database, config.DialFunc, config.LookupFunc = "sre", dial, l.verifier.LookupHost
		return rdspgx.New(config, roots)
	}
	config, err := mysql.ParseDSN(l.verifier.DSN(user))
	if err != nil {
		return nil, err
	}
	config.DBName, config.DialFunc = "sre", dial
	config.MultiStatements = true // golang-migrate needs it
	return rdsmysql.New(config, roots)
}

// Allow makes a policy, and one for the runner, those of the person who logs in.
func (l *Lab) Allow(t *testing.T, policy string) {
	t.Helper()
	const runner = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rds-db:connect", "Resource": "arn:aws:rds-db:*:*:dbuser:*/runner"}]}`
	if err := l.verifier.SetPolicies(runner, policy); err != nil {
		t.Fatal(err)
	}
}

// Prove fails the test unless up creates the account and down drops it.
func (l *Lab) Prove(t *testing.T, up, down func() error) {
	t.Helper()
	l.proveAbsent(t)
	if err := up(); err != nil {
		t.Fatal(err)
	}
	l.provePresent(t)
	if err := down(); err != nil {
		t.Fatal(err)
	}
	l.proveAbsent(t)
}

// provePresent fails the test unless the account is as described, logs in, reads, and
// cannot write.
func (l *Lab) provePresent(t *testing.T) {
	t.Helper()
	if drifts, err := provision.Check(t.Context(), l.Open(t, Runner), l.Account); err != nil || len(drifts) > 0 {
		t.Errorf("drift: %v, error: %v", drifts, err)
	}
	user := l.Open(t, l.Account.Name)
	defer user.Close()
	var n int
	if err := user.QueryRowContext(t.Context(), "SELECT count(*) FROM items").Scan(&n); err != nil {
		t.Error(err)
	}
	if _, err := user.ExecContext(t.Context(), "INSERT INTO items VALUES (1)"); err == nil || !strings.Contains(err.Error(), "denied") {
		t.Errorf("writing: %v", err)
	}
}

// proveAbsent fails the test unless there is no such account.
func (l *Lab) proveAbsent(t *testing.T) {
	t.Helper()
	drifts, err := provision.Check(t.Context(), l.Open(t, Runner), l.Account)
	if err != nil || len(drifts) == 0 || drifts[0].Kind != provision.NoAccount {
		t.Errorf("drift: %v, error: %v", drifts, err)
	}
	var refused *rdsiam.LoginError
	if err := l.Open(t, l.Account.Name).PingContext(t.Context()); !errors.As(err, &refused) {
		t.Errorf("logging in: %v", err)
	}
}
