package rdsiamtest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// startupTests are parameters of a start-up message and what PostgreSQL says of them.
var startupTests = []struct {
	name       string
	parameters map[string]string
	code       string // "": the client is let in
	message    string
}{
	{"pool setting", map[string]string{"pool_max_conns": "4"}, "42704", `unrecognized configuration parameter "pool_max_conns"`},
	{"hostaddr", map[string]string{"hostaddr": "10.0.0.1"}, "42704", `unrecognized configuration parameter "hostaddr"`},
	{"gssencmode", map[string]string{"gssencmode": "disable"}, "42704", `unrecognized configuration parameter "gssencmode"`},
	{"typo", map[string]string{"application_nam": "x"}, "42704", `unrecognized configuration parameter "application_nam"`},
	{"case", map[string]string{"STATEMENT_timeout": "1s", "timezone": "UTC"}, "", ""},
	{"of another context", map[string]string{"log_statement": "all"}, "42501", `permission denied to set parameter "log_statement"`},
	{"at reload", map[string]string{"fsync": "on"}, "55P02", `parameter "fsync" cannot be changed now`},
	{"at restart", map[string]string{"port": "1"}, "55P02", `parameter "port" cannot be changed without restarting the server`},
	{"never", map[string]string{"in_hot_standby": "on"}, "55P02", `parameter "in_hot_standby" cannot be changed`},
	{"custom", map[string]string{"app.user_id": "1", "a.b.c$1": "x", "rds.x": "y"}, "", ""},
	{"bad custom", map[string]string{"a..b": "1"}, "42602", `invalid configuration parameter name "a..b"`},
	{"custom with a digit", map[string]string{"1a.b": "1"}, "42602", `invalid configuration parameter name "1a.b"`},
	{"custom with a dash", map[string]string{"a.-b": "1"}, "42602", `invalid configuration parameter name "a.-b"`},
	{"Boolean", map[string]string{"default_transaction_read_only": "maybe"}, "22023", `parameter "default_transaction_read_only" requires a Boolean value`},
	{"Boolean cut", map[string]string{"default_transaction_read_only": "tr", "jit": "of", "geqo": "Y"}, "", ""},
	{"options", map[string]string{"options": `-c statement_timeout=1s --work-mem=1MB -c application_name=a\ b -csearch_path=c -E -S 64`}, "", ""},
	{"options, unknown", map[string]string{"options": "-c pool_max_conns=4"}, "42704", `unrecognized configuration parameter "pool_max_conns"`},
	{"options come first", map[string]string{"options": "-c one=4", "another": "1"}, "42704", `unrecognized configuration parameter "one"`},
	{"options without a value", map[string]string{"options": "-c statement_timeout"}, "42601", "-c statement_timeout requires a value"},
	{"long option without a value", map[string]string{"options": "--statement-timeout"}, "42601", "--statement-timeout requires a value"},
	{"options, junk", map[string]string{"options": "junk"}, "42601", "invalid command-line argument for server process: junk"},
	{"replication", map[string]string{"replication": "maybe"}, "22023", `invalid value for parameter "replication": "maybe"`},
	{"no replication", map[string]string{"replication": "false"}, "", ""},
}

// startUpAs logs in with nothing but parameters to start with.
func startUpAs(ctx context.Context, config *pgconn.Config, parameters map[string]string) (code, message string, err error) {
	config = config.Copy()
	config.RuntimeParams = maps.Clone(parameters)
	conn, err := pgconn.ConnectConfig(ctx, config)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code, said.Message, nil
	}
	if err != nil {
		return "", "", err
	}
	return "", "", conn.Close(ctx)
}

func TestStartupParameters(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	config := &pgxConfig(t, server, "app", tokenFor(t, server, "app")).Config
	for _, test := range startupTests {
		t.Run(test.name, func(t *testing.T) {
			code, message, err := startUpAs(t.Context(), config, test.parameters)
			if err != nil || code != test.code || message != test.message {
				t.Errorf("got %s %q, %v; want %s %q", code, message, err, test.code, test.message)
			}
		})
	}
	t.Run("replication", func(t *testing.T) {
		code, message, _ := startUpAs(t.Context(), config, map[string]string{"replication": "database"})
		if code != "42501" || message != "permission denied to start WAL sender" {
			t.Errorf("got %s %q", code, message)
		}
	})
	t.Run("after the token", func(t *testing.T) {
		config := config.Copy()
		config.Password = "no token"
		code, _, err := startUpAs(t.Context(), config, map[string]string{"pool_max_conns": "4"})
		if code != "28000" {
			t.Errorf("got %s, %v; want the token refused first", code, err)
		}
	})
}

// What this package refuses is what a real server refuses, parameter by parameter.
func TestStartupParametersOfPostgreSQL(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	ours := &pgxConfig(t, server, "app", tokenFor(t, server, "app")).Config
	theirs := realPassword(t, server)
	for _, test := range startupTests {
		code, message, err := startUpAs(t.Context(), theirs, test.parameters)
		if err != nil || code != test.code || message != test.message {
			t.Errorf("%s: PostgreSQL says %s %q, %v; want %s %q", test.name, code, message, err, test.code, test.message)
		}
	}
	conn, err := pgconn.ConnectConfig(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.Exec(t.Context(), "select name, setting, context from pg_settings").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	settable := map[string]string{"seed": "0.5", "role": "none", "sort_mem": "64"}
	refused := make(map[string][]string) // by context
	for _, row := range results[0].Rows {
		name, value, context := string(row[0]), string(row[1]), string(row[2])
		switch {
		case name == "transaction_deferrable": // only before the first query, whatever the value
		case context == "user", context == "backend":
			settable[name] = value
		default:
			refused[context] = append(refused[context], name)
		}
	}
	for who, config := range map[string]*pgconn.Config{"rdsiamtest": ours, "PostgreSQL": theirs} {
		if code, message, err := startUpAs(t.Context(), config, settable); code != "" || err != nil {
			t.Errorf("%s refuses what a user may set: %s %s, %v", who, code, message, err)
		}
	}
	for context, names := range refused {
		// The text depends on the context alone, and a login on a busy machine takes a while.
		wantCode, text, err := startUpAs(t.Context(), theirs, map[string]string{names[0]: "1"})
		if err != nil || wantCode == "" {
			t.Fatalf("%s: PostgreSQL says %s %q, %v", names[0], wantCode, text, err)
		}
		for _, name := range names {
			want := strings.ReplaceAll(text, strconv.Quote(names[0]), strconv.Quote(name))
			code, message, err := startUpAs(t.Context(), ours, map[string]string{name: "1"})
			if err != nil || code != wantCode || message != want {
				t.Errorf("%s: got %s %q, %v; want %s %q", name, code, message, err, wantCode, want)
			}
		}
		t.Logf("%s: %d parameters", context, len(names))
	}
	if len(settable) < 100 || len(refused) != 5 {
		t.Errorf("%d parameters that a user may set, %d contexts of others", len(settable), len(refused))
	}
}

// realPassword starts a real server and returns how an ordinary user logs in to it.
func realPassword(t *testing.T, verifier *rdsiamtest.Server) *pgconn.Config {
	t.Helper()
	const user, password = "ordinary", "a password"
	server, err := realserver.StartPostgreSQL(t.Context(), realserver.Options{
		Check:         verifier.Verify,
		Certificate:   verifier.Certificate(),
		PasswordUsers: map[string]string{user: password},
	})
	if missing := (*realserver.MissingError)(nil); errors.As(err, &missing) {
		skipWithoutServer(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	host, _, err := net.SplitHostPort(verifier.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgconn.ParseConfig(fmt.Sprintf("host=%s user=%s password='%s' dbname=postgres sslmode=require", host, user, password))
	if err != nil {
		t.Fatal(err)
	}
	config.TLSConfig = &tls.Config{RootCAs: verifier.RootCAs(), ServerName: host}
	config.Fallbacks = nil
	config.LookupFunc = verifier.LookupHost
	config.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Addr())
	}
	return config
}
