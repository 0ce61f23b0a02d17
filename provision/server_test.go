package provision_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/provision"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// The runner creates accounts. As the master user of RDS it is no superuser, may create
// roles, and has no RELOAD in MariaDB.
const (
	runner         = "runner"
	runnerPassword = "a runner's password"
)

// testServer is a real server whose tokens rdsiamtest verifies.
type testServer struct {
	engine     provision.Engine
	name       string // for the summary of the tests
	addr, host string // where it listens, and what its certificate is for
	roots      *x509.CertPool
	real       *realserver.Server
	verifier   *rdsiamtest.Server
}

// ran are the tests that used the servers, which they change.
var ran = make(map[string]bool)

// One server of each installation serves all tests of the package; each test has
// databases and accounts of its own.
var servers = make(map[string]func() (*testServer, error))

// atExit ends what the package's tests share.
var atExit cleanups

func TestMain(m *testing.M) { goleak.VerifyTestMain(packageTests{m}) }

type packageTests struct{ m *testing.M }

func (t packageTests) Run() int {
	defer atExit.run()
	return t.m.Run()
}

// cleanups is a rdsiamtest.TB that lives as long as the package's tests.
type cleanups []func()

func (*cleanups) Helper()                           {}
func (*cleanups) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (c *cleanups) Cleanup(f func())                { *c = append(*c, f) }
func (c *cleanups) run() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
}

// onPostgreSQL runs a test on each PostgreSQL that is to be tested.
func onPostgreSQL(t *testing.T, test func(*testing.T, *testServer)) {
	onEach(t, realserver.PostgreSQLs(), startPostgreSQL, test)
}

// onMySQL runs a test on each MariaDB and MySQL that is to be tested.
func onMySQL(t *testing.T, test func(*testing.T, *testServer)) {
	onEach(t, realserver.MySQLs(), startMySQL, test)
}

type startFunc func(realserver.Installation) (*testServer, error)

// onEach skips what the machine lacks.
func onEach(t *testing.T, installations []realserver.Installation, start startFunc, test func(*testing.T, *testServer)) {
	for _, installation := range installations {
		t.Run(installation.String(), func(t *testing.T) {
			if ran[t.Name()] { // by -count: what the tests made is there
				clear(servers)
				clear(ran)
			}
			ran[t.Name()] = true
			s, err := startOnce(installation, start)
			var missing *realserver.MissingError
			if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("server: %s", s.name)
			test(t, s)
		})
	}
}

func startOnce(installation realserver.Installation, start startFunc) (*testServer, error) {
	name := installation.String()
	if servers[name] == nil {
		servers[name] = sync.OnceValues(func() (*testServer, error) { return start(installation) })
	}
	return servers[name]()
}

func startPostgreSQL(installation realserver.Installation) (*testServer, error) {
	s, err := startServer(installation, rdsiamtest.StartPostgreSQL)
	if err != nil {
		return nil, err
	}
	s.engine = provision.PostgreSQL
	setUp := []string{"ALTER ROLE runner CREATEROLE CREATEDB", "GRANT CREATE ON DATABASE postgres TO runner"}
	if !s.isPostgreSQL15() {
		// As the master user has it. To PostgreSQL, unlike RDS, this makes the runner a
		// member of rds_iam, so that it logs in with what the check below takes for a token.
		setUp = append(setUp, "GRANT rds_iam TO runner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
	}
	return s, s.real.Exec(context.Background(), setUp...)
}

// isPostgreSQL15 reports whether it is a version in which who may create roles may grant them all.
func (s *testServer) isPostgreSQL15() bool { return strings.HasPrefix(s.real.Version(), "15") }

func startMySQL(installation realserver.Installation) (*testServer, error) {
	s, err := startServer(installation, rdsiamtest.StartMySQL)
	if err != nil {
		return nil, err
	}
	s.engine = provision.MariaDB
	if installation.Product == "MySQL" {
		s.engine = provision.MySQL
	}
	roles := "DO 0"
	if s.engine == provision.MySQL {
		roles = "GRANT ROLE_ADMIN ON *.* TO runner"
	}
	return s, s.real.Exec(context.Background(), roles,
		// The privileges of the master user that matter here.
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER ON *.* TO runner WITH GRANT OPTION",
		"SET GLOBAL log_bin_trust_function_creators = 1")
}

func startServer(installation realserver.Installation, verify func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server) (*testServer, error) {
	verifier := verify(&atExit, rdsiamtest.WithIAMUser(endToEndUser))
	real, err := installation.Start(context.Background(), realserver.Options{
		Check: func(ctx context.Context, user, token string) error {
			if user == runner && token == runnerPassword {
				return nil
			}
			return verifier.Verify(ctx, user, token)
		},
		Certificate:   verifier.Certificate(),
		PasswordUsers: map[string]string{runner: runnerPassword},
	})
	if err != nil {
		return nil, err
	}
	atExit.Cleanup(real.Close)
	host, _, _ := strings.Cut(verifier.Endpoint(), ":")
	return &testServer{real: real, verifier: verifier, addr: real.Addr(), host: host, roots: verifier.RootCAs(),
		name: fmt.Sprintf("%s %s (%s)", installation.Product, real.Version(), real.Method())}, nil
}

// admin executes statements as the server's superuser.
func (s *testServer) admin(t *testing.T, statements ...string) {
	t.Helper()
	if err := s.real.Exec(t.Context(), statements...); err != nil {
		t.Fatal(err)
	}
}

// open returns a pool that logs in with a password. parameters are set in each
// session.
func (s *testServer) open(t testing.TB, user, password, database string, parameters map[string]string, change ...func(*mysql.Config)) *sql.DB {
	t.Helper()
	db := s.pool(t, user, password, database, parameters, change...)
	t.Cleanup(func() { db.Close() })
	return db
}

// multiStatements is what golang-migrate asks for in the DSN.
func multiStatements(c *mysql.Config) { c.MultiStatements = true }

func (s *testServer) pool(t testing.TB, user, password, database string, parameters map[string]string, change ...func(*mysql.Config)) *sql.DB {
	t.Helper()
	if s.engine == provision.PostgreSQL {
		return stdlib.OpenDB(*s.pgConfig(t, user, password, database, parameters))
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName, c.TLS = "tcp", s.host+":3306", user, password, database, s.tlsConfig()
	c.DialFunc, c.Params = s.dial, parameters
	for _, f := range change {
		f(c)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	return sql.OpenDB(connector)
}

func (s *testServer) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: s.roots, ServerName: s.host}
}

func (s *testServer) pgConfig(t testing.TB, user, password, database string, parameters map[string]string) *pgx.ConnConfig {
	t.Helper()
	c, err := pgx.ParseConfig("postgres://" + s.host + "/?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	c.User, c.Password, c.Database, c.TLSConfig = user, password, database, s.tlsConfig()
	c.DialFunc = s.dial
	c.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
	for name, value := range parameters {
		c.RuntimeParams[name] = value
	}
	return c
}

// dial reaches the real server, whatever the address.
func (s *testServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
}

// runner returns a pool of the runner in a database.
func (s *testServer) runner(t *testing.T, database string) *sql.DB {
	t.Helper()
	return s.open(t, runner, runnerPassword, database, nil)
}

// query returns the rows of a query as lines, with | between columns.
func query(t *testing.T, db *sql.DB, text string, arguments ...any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		parts := make([]string, len(values))
		for i, value := range values {
			parts[i] = value.String
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func exec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// plan returns a plan that must be one.
func plan(t *testing.T, a provision.Account, o ...provision.Option) *provision.Plan {
	t.Helper()
	p, err := a.Plan(o...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// apply runs a plan that must succeed.
func apply[S provision.Session](t *testing.T, session S, p *provision.Plan) *provision.Report {
	t.Helper()
	report, err := provision.Apply(t.Context(), session, p)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// noDrift fails the test if the account differs from its description.
func noDrift(t *testing.T, db *sql.DB, a provision.Account) {
	t.Helper()
	drifts, err := provision.Check(t.Context(), db, a)
	if err != nil || len(drifts) > 0 {
		t.Errorf("drift %v, error %v", drifts, err)
	}
}

// warnings returns those of the server in a report.
func warnings(report *provision.Report) (all []string) {
	for _, step := range report.Steps {
		all = append(all, step.Warnings...)
	}
	return all
}

// withStatement returns a plan with one more statement.
func withStatement(p *provision.Plan, sql string) *provision.Plan {
	more := *p
	more.Statements = append(slices.Clone(p.Statements), provision.Statement{SQL: sql, Summary: "a test's", Kind: provision.KindGuard})
	return &more
}
