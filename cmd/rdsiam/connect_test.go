package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// endpointHost leads to this machine by --dial.
const endpointHost = "orders.abc123.eu-central-1.rds.amazonaws.com"

// TestConnectScripts runs other people's clients by connect and exec, logged in to real
// servers.
func TestConnectScripts(t *testing.T) {
	variables := append(startReal(t, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL, "CREATE DATABASE shop OWNER app"),
		startReal(t, "MARIADB", rdsiamtest.StartMySQL, realserver.StartMariaDB)...)
	variables = append(variables, connectVariables()...)
	for _, program := range []string{"psql", "pg_dump", "pg_restore", "pgbench", "pgcli", "mariadb", "mariadb-dump", "mycli"} {
		if _, err := exec.LookPath(program); err != nil {
			skipOrFail(t, "no "+program+" in PATH")
		}
	}
	runConnectScripts(t, "testdata/script-connect", variables)
}

// TestConnectMySQL does the same with what is in the matrix: MySQL and its own clients, and
// a newer MariaDB.
func TestConnectMySQL(t *testing.T) {
	for _, installation := range realserver.MySQLs() {
		if !strings.HasPrefix(installation.String(), "matrix ") {
			continue
		}
		t.Run(installation.Product, func(t *testing.T) {
			variables := startReal(t, "MYSQL", rdsiamtest.StartMySQL, installation.Start, "CREATE DATABASE shop", "CREATE TABLE shop.orders (n int)",
				"INSERT INTO shop.orders VALUES (42)", "GRANT SELECT ON shop.* TO app", "GRANT SELECT ON shop.* TO ordinary")
			product := strings.ToLower(installation.Product)
			variables = append(variables, "CLIENT="+matrixProgram(t, product, product), "DUMP="+matrixProgram(t, "mysql", "mysqldump"))
			runConnectScripts(t, "testdata/script-connect-"+product, append(variables, connectVariables()...))
		})
	}
}

// matrixProgram returns the path of a program that runs one of the matrix.
func matrixProgram(t *testing.T, product, program string) string {
	t.Helper()
	words, err := realserver.MatrixClient(product, program)
	if err != nil {
		skipOrFail(t, err.Error())
	}
	return programOf(t, program, words)
}

// programOf returns the path of a program that runs what words begin.
func programOf(t *testing.T, name string, words []string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec '"+strings.Join(words, "' '")+"' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func connectVariables() []string {
	return []string{"ENDPOINT=" + endpointHost, "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none", "LC_ALL=C.UTF-8"}
}

func runConnectScripts(t *testing.T, directory string, variables []string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 directory,
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, variables...)
			e.Vars = append(e.Vars, "HOME="+filepath.Join(e.WorkDir, "home"))
			return nil
		},
	})
}

// startReal starts a real server with the accounts app (IAM) and ordinary (password), and
// returns the variables that scripts reach it with: PREFIX_PORT and PREFIX_ROOTS. The last
// one started has the AWS credentials, which are the same for all.
func startReal(t testing.TB, prefix string, startVerifier func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server,
	start func(context.Context, realserver.Options) (*realserver.Server, error), setUp ...string) []string {
	t.Helper()
	identity := rdsiamtest.Identity{
		Credentials: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "a secret access key"},
		Policies:    []string{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "*"}}`},
	}
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	verify := func(endpoint string) *rdsiamtest.Server {
		return startVerifier(t, rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser("app", "o'neil"),
			rdsiamtest.WithIdentity(identity), rdsiamtest.WithCertificateAuthority(authority))
	}
	// Its port is signed, and known only when the server runs.
	var verifier atomic.Pointer[rdsiamtest.Server]
	server, err := start(t.Context(), realserver.Options{
		Check:         func(ctx context.Context, user, token string) error { return verifier.Load().Verify(ctx, user, token) },
		Certificate:   verify(endpointHost).Certificate(),
		IAMUsers:      []string{"app", "o'neil"},
		PasswordUsers: map[string]string{"ordinary": "a password", "runner": "a runner's password"},
	})
	var missing *realserver.MissingError
	if errors.As(err, &missing) {
		skipOrFail(t, missing.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if err := server.Exec(t.Context(), setUp...); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	verifier.Store(verify(net.JoinHostPort(endpointHost, port)))
	t.Logf("server: %s %s", prefix, server.Version())
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, verifier.Load().CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{prefix + "_PORT=" + port, prefix + "_ROOTS=" + roots,
		"AWS_ACCESS_KEY_ID=" + identity.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + identity.Credentials.SecretAccessKey}
}

// skipOrFail skips a test for want of a program, unless the machine is said to have all.
func skipOrFail(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// TestConnectInTerminal types into the clients: their prompts want a terminal.
func TestConnectInTerminal(t *testing.T) {
	postgreSQL := startReal(t, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL)
	mariaDB := startReal(t, "MARIADB", rdsiamtest.StartMySQL, realserver.StartMariaDB)
	for _, test := range []struct {
		client, prompt, query, want, quit string
		variables                         []string
		arguments                         []string
	}{
		{"psql", "postgres=>", "select 'I am ' || current_user;\r", "I am app", "\\q\r", postgreSQL, []string{"--engine", "postgresql", "--db", "postgres"}},
		{"pgcli", "postgres>", "select 'I am ' || current_user;\r", "I am app", "\\q\r", postgreSQL, []string{"--engine", "postgresql", "--db", "postgres"}},
		{"mariadb", "]> ", "select concat('I am ', current_user());\r", "I am app", "exit\r", mariaDB, []string{"--engine", "mariadb"}},
		{"mycli", "(none)>", "select concat('I am ', current_user());\r", "I am app", "exit\r", mariaDB, []string{"--engine", "mariadb"}},
	} {
		t.Run(test.client, func(t *testing.T) {
			if _, err := exec.LookPath(test.client); err != nil {
				skipOrFail(t, "no "+test.client+" in PATH")
			}
			environment := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "TERM=xterm",
				"PAGER=cat", "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none"}, test.variables...)
			value := func(suffix string) string { return valueOf(t, test.variables, suffix) }
			arguments := append([]string{"connect", endpointHost + ":" + value("_PORT"), "--dial", "127.0.0.1:" + value("_PORT"),
				"--root-cas", value("_ROOTS"), "--user", "app", "--client", test.client}, test.arguments...)
			typeInto(t, environment, arguments, test.prompt, test.query, test.want, test.quit)
		})
	}
}

// valueOf returns the value of the variable whose name ends in suffix.
func valueOf(t testing.TB, variables []string, suffix string) string {
	t.Helper()
	for _, variable := range variables {
		if name, value, _ := strings.Cut(variable, "="); strings.HasSuffix(name, suffix) {
			return value
		}
	}
	t.Fatalf("no variable %s", suffix)
	return ""
}

// typeInto runs rdsiam in a pseudo-terminal, types a query at its prompt, waits for the
// answer, and quits.
func typeInto(t *testing.T, environment, arguments []string, prompt, query, want, quit string) {
	program, err := exec.LookPath("rdsiam") // testscript.Main has put it into PATH
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = environment
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 40, Cols: 160})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	typed, answered := false, false
	for {
		n, err := terminal.Read(buffer)
		seen.Write(buffer[:n])
		// A program that asks where the cursor is waits for the answer.
		if strings.Contains(string(buffer[:n]), "\x1b[6n") {
			_, _ = terminal.WriteString("\x1b[1;1R")
		}
		if !typed && strings.Contains(seen.String(), prompt) {
			typed = true
			_, _ = terminal.WriteString(query)
		}
		if !answered && strings.Contains(seen.String(), want) {
			answered = true
			_, _ = terminal.WriteString(quit)
		}
		if err != nil {
			break // the end of a terminal is an error
		}
	}
	if err := command.Wait(); err != nil || !answered {
		t.Errorf("ended with %v, answered: %v; the terminal showed:\n%s", err, answered, seen.String())
	}
	if strings.Contains(seen.String(), "X-Amz-Signature") {
		t.Error("the terminal shows a token")
	}
}
