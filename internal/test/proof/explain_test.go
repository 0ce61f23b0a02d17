package proof_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// explained is a login, or a statement after it, that a real server refuses, and what that
// must be explained with.
type explained struct {
	query string // of the DSN
	cause string
	fix   string // in the fix, "" where any will do
}

const writes = "INSERT INTO explained VALUES (1)"

// check asks for the cause of err.
func (e explained) check(t *testing.T, err error) {
	t.Helper()
	found := rdsiam.Explain(err).Causes
	if len(found) == 0 || found[0].Code != e.cause || !strings.Contains(found[0].Fix, e.fix) {
		t.Errorf("%s: explained as %+v, want %s with %q; of %+v", e.query, found, e.cause, e.fix, err)
	}
}

func TestExplainRealPostgreSQL(t *testing.T) {
	for _, installation := range realserver.PostgreSQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			l := newLab(t, installation, rdsiamtest.StartPostgreSQL, realserver.Options{})
			t.Logf("server: %s", l.name)
			l.mustExec(t, "CREATE ROLE reporting", "CREATE TABLE public.explained(i int)", "GRANT ALL ON public.explained TO app",
				"CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
				"CREATE DATABASE shut ALLOW_CONNECTIONS false", "CREATE DATABASE small CONNECTION LIMIT 0")
			for _, test := range []explained{
				{"pool_max_conns=4", causes.UnknownParameter, "pgxpool"},
				{"hostaddr=127.0.0.1", causes.UnknownParameter, "WithEndpoint"},
				{"gssencmode=disable", causes.UnknownParameter, "libpq"},
				{"aplikation_name=x", causes.UnknownParameter, "spelling"},
				{"role=reporting", causes.RoleParameter, `GRANT "reporting" TO "app"`},
				{"role=nobody", causes.RoleParameter, `GRANT "nobody" TO "app"`},
				{"options=-c%20role%3Dreporting", causes.RoleParameter, `GRANT "reporting" TO "app"`},
				{"session_authorization=reporting", causes.RoleParameter, ""},
				{"log_statement=none", causes.RefusedParameter, ""},
				{"work_mem=lots", causes.RefusedParameter, ""},
				{"shared_buffers=1", causes.RefusedParameter, ""},
				{"replication=1", causes.ReplicationOff, "rds.logical_replication"},
				{"replication=database", causes.ReplicationOff, "rds.logical_replication"},
				{"dbname=closed", causes.NoConnectPrivilege, `ON DATABASE "closed" TO "app"`},
				{"dbname=shut", causes.DatabaseClosed, ""},
				{"dbname=small", causes.DatabaseLimit, `ALTER DATABASE "small"`},
				{"dbname=nothing", causes.NoDatabase, ""},
				{"default_transaction_read_only=on", causes.ReadOnly, ""},
			} {
				test.check(t, l.execPostgreSQL(t, test.query))
			}
		})
	}
}

// With replication on, it is the role that may not.
func TestExplainRealReplication(t *testing.T) {
	for _, installation := range realserver.PostgreSQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			l := newLab(t, installation, rdsiamtest.StartPostgreSQL,
				realserver.Options{Settings: []string{"wal_level=replica", "max_wal_senders=1"}})
			t.Logf("server: %s", l.name)
			test := explained{"replication=database", causes.ReplicationPrivilege, `GRANT rds_replication TO "app"`}
			test.check(t, l.execPostgreSQL(t, test.query))
		})
	}
}

func (l *lab) execPostgreSQL(t *testing.T, query string) error {
	t.Helper()
	config, err := pgx.ParseConfig(l.verifier.DSN(allowed) + "?" + query)
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = l.dial, l.verifier.LookupHost
	driver, err := rdspgx.New(config, l.roots())
	if err != nil {
		t.Fatal(err)
	}
	return execDB(t.Context(), sql.OpenDB(rdsiam.NewConnector(driver, l.tokens)))
}

func execDB(ctx context.Context, db *sql.DB) error {
	defer db.Close()
	_, err := db.ExecContext(ctx, writes)
	return err
}

func (l *lab) mustExec(t *testing.T, statements ...string) {
	t.Helper()
	if err := l.server.Exec(t.Context(), statements...); err != nil {
		t.Fatal(err)
	}
}

func TestExplainRealMySQL(t *testing.T) {
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			l := newLab(t, installation, rdsiamtest.StartMySQL, realserver.Options{})
			t.Logf("server: %s", l.name)
			l.mustExec(t, "CREATE DATABASE d", "CREATE TABLE d.explained(i int)", "GRANT ALL ON d.* TO app")
			for _, test := range []explained{
				{"sslmode=require", causes.UnreadableParameter, "sslmode"},
				{"ssl-mode=REQUIRED", causes.UnreadableParameter, "sslmode"},
				{"ssl=true", causes.UnreadableParameter, "ssl"},
				{"sslmode=verify-full", causes.UnknownParameter, "verified TLS is set without it"},
				{"useSSL=true", causes.UnknownParameter, "verified TLS is set without it"},
				{"serverTimezone=UTC", causes.UnknownParameter, "spelling"},
				{"pool_max_conns=4", causes.UnknownParameter, "SetMaxOpenConns"},
				{"connect_timeout=5", causes.RefusedParameter, ""},
				{"hostname=a", causes.RefusedParameter, ""},
				{"time_zone=%27Nowhere%27", causes.RefusedParameter, ""},
				{"sql_mode=%27nonsense%27", causes.RefusedParameter, ""},
			} {
				test.check(t, l.execMySQL(t, test.query))
			}
			if installation.Product == "MySQL" { // MariaDB 10 has another name for it
				test := explained{"transaction_read_only=1", causes.ReadOnly, ""} // error 1792
				test.check(t, l.execMySQL(t, test.query))
			}
			l.mustExec(t, "SET GLOBAL read_only = 1")
			explained{"", causes.ReadOnly, ""}.check(t, l.execMySQL(t, ""))
			explained{"rejectReadOnly=true", causes.RejectedReadOnly, ""}.check(t, l.execMySQL(t, "rejectReadOnly=true"))
			if locked := l.lockAccount(t, installation); !slices.Contains(locked, "run ALTER USER 'app'@… ACCOUNT UNLOCK") {
				t.Errorf("a locked account is explained with %q", locked)
			}
		})
	}
}

// lockAccount returns the fixes of the error that a locked account gets.
func (l *lab) lockAccount(t *testing.T, installation realserver.Installation) (fixes []string) {
	t.Helper()
	l.mustExec(t, "SET GLOBAL read_only = 0", "ALTER USER app ACCOUNT LOCK")
	for _, cause := range rdsiam.Explain(l.execMySQL(t, "")).Causes {
		fixes = append(fixes, cause.Fix)
	}
	return fixes
}

func (l *lab) execMySQL(t *testing.T, query string) error {
	t.Helper()
	config, err := mysql.ParseDSN(l.verifier.DSN(allowed) + "?" + query)
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.DBName, config.Logger = l.dial, "d", &mysql.NopLogger{}
	driver, err := rdsmysql.New(config, l.roots())
	if err != nil {
		t.Fatal(err)
	}
	return execDB(t.Context(), sql.OpenDB(rdsiam.NewConnector(driver, l.tokens)))
}
