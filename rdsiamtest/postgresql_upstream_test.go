package rdsiamtest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// skipWithoutServer ends a test that needs a real server.
func skipWithoutServer(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// postgresCommand finds a program of a PostgreSQL server.
func postgresCommand(t *testing.T, name string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		skipWithoutServer(t, "no PostgreSQL server in /usr/lib/postgresql: apt-get install postgresql")
	}
	return slices.Max(found)
}

// realPostgreSQL starts a server on a unix socket with the superuser "app" and
// returns how to log in to it.
func realPostgreSQL(t *testing.T) rdsiamtest.Upstream {
	t.Helper()
	return realPostgreSQLWith(t, "")
}

// realPostgreSQLWith is realPostgreSQL with an empty file in the data directory.
func realPostgreSQLWith(t *testing.T, signal string) rdsiamtest.Upstream {
	t.Helper()
	initdb, control := postgresCommand(t, "initdb"), postgresCommand(t, "pg_ctl")
	// Shorter than t.TempDir, for the path of the socket, and open to its owner.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	asOwner := unprivileged(t, dir)
	run := func(name string, arguments ...string) {
		t.Helper()
		command := exec.Command(name, arguments...)
		command.Dir = dir
		command.SysProcAttr = asOwner
		var output bytes.Buffer
		command.Stdout = &output // a file would be inherited by the server and keep Run waiting
		if strings.HasSuffix(name, "pg_ctl") {
			command.Stdout = nil
		}
		if err := command.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, &output)
		}
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("upstream secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	run(initdb, "--pgdata", data, "--username", "app", "--pwfile", password, "--auth", "scram-sha-256",
		"--no-sync", "--no-locale", "--encoding", "UTF8")
	if signal != "" {
		if err := os.WriteFile(filepath.Join(data, signal), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(control, "start", "--wait", "--pgdata", data, "--log", filepath.Join(dir, "log"),
		"--options", "-c listen_addresses= -c fsync=off -c unix_socket_directories="+dir)
	t.Cleanup(func() { run(control, "stop", "--wait", "--pgdata", data, "--mode", "immediate") })
	return rdsiamtest.Upstream{
		Network:  "unix",
		Address:  filepath.Join(dir, ".s.PGSQL.5432"),
		Password: "upstream secret",
	}
}

func TestPostgreSQLUpstream(t *testing.T) {
	upstream := realPostgreSQL(t)
	// None of this may reach the login upstream.
	for _, name := range []string{
		"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSSLNEGOTIATION", "PGSSLCERTMODE",
		"PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGTARGETSESSIONATTRS", "PGCONNECT_TIMEOUT", "PGREQUIREAUTH",
		"PGCHANNELBINDING", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION", "PGOPTIONS", "PGTZ", "PGPASSFILE",
	} {
		t.Setenv(name, "nonsense")
	}
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(upstream))
	connect := func(t *testing.T, database string) (*pgx.Conn, error) {
		t.Helper()
		config := pgxConfigFrom(t, server, "host=x user=x password=x sslmode=verify-full sslnegotiation=postgres "+
			"sslcertmode=allow target_session_attrs=any connect_timeout=0 require_auth='' channel_binding=prefer "+
			"min_protocol_version=3.0 max_protocol_version=3.0 sslrootcert='' sslcert='' sslkey='' port=1")
		config.Database, config.User, config.Password = database, "app", tokenFor(t, server, "app")
		config.RuntimeParams = map[string]string{"application_name": "splice test"}
		return pgx.ConnectConfig(t.Context(), config)
	}
	conn, err := connect(t, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())

	t.Run("session", func(t *testing.T) {
		var user, application, database string
		err := conn.QueryRow(t.Context(), "select current_user, current_setting('application_name'), current_database()").
			Scan(&user, &application, &database)
		if err != nil || user != "app" || application != "splice test" || database != "postgres" {
			t.Errorf("got %q, %q, %q, %v", user, application, database, err)
		}
	})
	t.Run("many rows", func(t *testing.T) {
		const rows = 20_000
		if _, err := conn.Exec(t.Context(), "create table copied (n int)"); err != nil {
			t.Fatal(err)
		}
		source := pgx.CopyFromSlice(rows, func(i int) ([]any, error) { return []any{i}, nil })
		if n, err := conn.CopyFrom(t.Context(), pgx.Identifier{"copied"}, []string{"n"}, source); n != rows || err != nil {
			t.Fatalf("copied %d rows, %v", n, err)
		}
		var sum int
		if err := conn.QueryRow(t.Context(), "select sum(n) from copied").Scan(&sum); err != nil || sum != rows*(rows-1)/2 {
			t.Errorf("sum = %d, %v", sum, err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		watcher, err := connect(t, "postgres")
		if err != nil {
			t.Fatal(err)
		}
		defer watcher.Close(context.Background())
		sleeping := func() bool {
			t.Helper()
			var n int
			err := watcher.QueryRow(t.Context(),
				"select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'").Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			return n == 1
		}
		running := make(chan error)
		go func() {
			_, err := conn.Exec(context.Background(), "select pg_sleep(60)", pgx.QueryExecModeSimpleProtocol)
			running <- err
		}()
		for !sleeping() {
		}
		forged, _ := dialRaw(t, server)
		writeAll(t, forged, &pgproto3.CancelRequest{ProcessID: conn.PgConn().PID(), SecretKey: []byte{0, 0, 0, 0}})
		if _, err := forged.Read(make([]byte, 1)); err == nil {
			t.Error("the server answered a cancel request")
		}
		if !sleeping() {
			t.Error("a cancel request with another secret key was obeyed")
		}
		if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantPgError(t, <-running, "57014", "canceling statement due to user request")
	})
	t.Run("database missing", func(t *testing.T) {
		_, err := connect(t, "no such database")
		wantPgError(t, err, "3D000", `database "no such database" does not exist`)
		if l := lastLogin(t, server); !l.Accepted {
			t.Errorf("login = %+v, want it accepted: the token was good", l)
		}
	})
	t.Run("refused token", func(t *testing.T) {
		config := pgxConfigFrom(t, server, conn.Config().ConnString())
		config.User, config.Password = "app", "no token"
		_, err := pgx.ConnectConfig(t.Context(), config)
		wantPgError(t, err, "28000", `PAM authentication failed for user "app"`)
	})
	t.Run("close", func(t *testing.T) {
		server.Close()
		if _, err := conn.Exec(t.Context(), "select 1"); err == nil {
			t.Error("a session outlived Close")
		}
	})
}

// The upstream may ask for TLS and have accounts of its own.
func TestPostgreSQLUpstreamAccount(t *testing.T) {
	behind := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithPasswordUser("service", "upstream secret"))
	host, _, err := net.SplitHostPort(behind.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(rdsiamtest.Upstream{
		Address: behind.Addr().String(), User: "service", Password: "upstream secret", Database: "other",
		TLS: &tls.Config{RootCAs: behind.RootCAs(), ServerName: host},
	}))
	conn := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
	defer conn.Close(context.Background())
	var user, database string
	if err := conn.QueryRow(t.Context(), "select current_user, current_database()").Scan(&user, &database); err != nil {
		t.Fatal(err)
	}
	if user != "service" || database != "other" || !lastLogin(t, behind).TLS {
		t.Errorf("upstream session of %q in %q, %+v", user, database, lastLogin(t, behind))
	}
}

// libpq, which other languages' drivers are made of, logs in as Go's drivers do.
func TestPsql(t *testing.T) {
	psql := postgresCommand(t, "psql")
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithPasswordUser("old", "secret"))
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	host, _, err := net.SplitHostPort(server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	address, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for attrs, readOnly := range map[string]bool{"read-write": false, "primary": false, "read-only": true, "standby": true} {
		for _, now := range []bool{false, true} {
			server.SetFaults(rdsiamtest.Faults{ReadOnly: now})
			command := exec.CommandContext(t.Context(), psql, "--no-psqlrc", "--command", "select 1")
			command.Env = []string{
				"PGHOST=" + host, "PGHOSTADDR=" + address, "PGPORT=" + port, "PGDATABASE=postgres", "PGUSER=app",
				"PGPASSWORD=" + tokenFor(t, server, "app"), "PGSSLMODE=verify-full", "PGSSLROOTCERT=" + roots,
				"PGTARGETSESSIONATTRS=" + attrs,
			}
			if output, err := command.CombinedOutput(); (err == nil) != (readOnly == now) {
				t.Errorf("target_session_attrs=%s, read-only %v: %v, %s", attrs, now, err, output)
			}
		}
	}
	server.SetFaults(rdsiamtest.Faults{})
	tests := []struct{ name, user, password, want string }{
		{"token", "app", tokenFor(t, server, "app"), "app|7"},
		{"password", "old", "secret", "old|7"},
		{"no token", "app", "secret", `FATAL:  PAM authentication failed for user "app"`},
		{"token without rds_iam", "old", tokenFor(t, server, "old"), `FATAL:  password authentication failed for user "old"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), psql, "--no-psqlrc", "--tuples-only", "--no-align",
				"--command", "begin; select current_user, 7; commit")
			command.Env = []string{
				"PGHOST=" + host, "PGHOSTADDR=" + address, "PGPORT=" + port, "PGDATABASE=postgres", "PGUSER=" + test.user,
				"PGPASSWORD=" + test.password, "PGSSLMODE=verify-full", "PGSSLROOTCERT=" + roots, "LC_ALL=C",
			}
			output, _ := command.CombinedOutput()
			if !strings.Contains(string(output), test.want) {
				t.Errorf("psql said %q, want %q", output, test.want)
			}
		})
	}
}
