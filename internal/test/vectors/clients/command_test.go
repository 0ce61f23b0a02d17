package clients_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// login is what a client is asked to do.
type login struct {
	user, token, statement string
	plaintext              bool // do without TLS
	noCleartext            bool // leave the driver's mysql_clear_password as it is by default
}

// client is a program that logs in.
type client struct {
	// logIn returns the first value of the statement's result, or what the program said
	// and false.
	logIn func(*testing.T, *lab, login) (output string, ok bool)
	says  func(code, text string) string // how it shows the error of a server
}

// findClient skips the test if the machine does not have the client.
type findClient func(*testing.T) client

func psql(t *testing.T) client {
	program := find(t, "psql", "postgresql-client")
	return client{func(t *testing.T, l *lab, in login) (string, bool) {
		mode := "verify-full"
		if in.plaintext {
			mode = "disable"
		}
		command := exec.CommandContext(t.Context(), program, "--no-psqlrc", "--no-password", "--tuples-only", "--no-align",
			"--command="+in.statement)
		command.Env = environment(t, "PGHOST="+endpointHost, "PGHOSTADDR=127.0.0.1", "PGPORT="+l.port, "PGUSER="+in.user,
			"PGDATABASE=postgres", "PGSSLMODE="+mode, "PGSSLROOTCERT="+l.authority, "PGGSSENCMODE=disable", "PGPASSWORD="+in.token)
		return run(t, command, in.token)
	}, func(_, text string) string { return "FATAL:  " + text }} // it shows no SQLSTATE
}

func mariadb(t *testing.T) client {
	program, resolver := find(t, "mariadb", "mariadb-client-core"), buildResolver(t)
	return client{func(t *testing.T, l *lab, in login) (string, bool) {
		arguments := []string{"--no-defaults", "--protocol=tcp", "--host=" + endpointHost, "--port=" + l.port, "--user=" + in.user,
			"--batch", "--skip-column-names", "--execute=" + in.statement}
		if in.plaintext {
			arguments = append(arguments, "--skip-ssl")
		} else {
			arguments = append(arguments, "--ssl-ca="+l.authority, "--ssl-verify-server-cert")
		}
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Env = environment(t, "LD_PRELOAD="+resolver, "RDSIAM_LOCAL_HOST="+endpointHost, "MYSQL_PWD="+in.token)
		return run(t, command, in.token)
	}, func(code, text string) string { return "ERROR 1045 (" + code + "): " + text }}
}

func pg(t *testing.T) client {
	return client{node(t, "pg"), func(code, text string) string { return code + "  " + text }}
}

func mysql2(t *testing.T) client {
	return client{node(t, "mysql2"), func(code, text string) string { return "ER_ACCESS_DENIED_ERROR " + code + " " + text }}
}

// node returns how to log in with a driver for Node.
func node(t *testing.T, driver string) func(*testing.T, *lab, login) (string, bool) {
	program := find(t, "node", "nodejs")
	find(t, "npm", "npm")
	modules, err := nodeModules()
	if err != nil {
		skip(t, err.Error())
	}
	script, err := filepath.Abs("testdata/node/client.js")
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, l *lab, in login) (string, bool) {
		port, err := strconv.Atoi(l.port)
		if err != nil {
			t.Fatal(err)
		}
		settings, err := json.Marshal(map[string]any{
			"driver": driver, "modules": modules, "host": endpointHost, "port": port, "user": in.user,
			"authority": l.authority, "tls": !in.plaintext, "cleartext": !in.noCleartext, "statement": in.statement,
		})
		if err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), program, script, string(settings))
		command.Env = environment(t)
		command.ExtraFiles = []*os.File{pipeWith(t, in.token)}
		return run(t, command, in.token)
	}
}

// pipeWith returns the end of a pipe to read text from. A token fits into its buffer.
func pipeWith(t *testing.T, text string) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	defer writer.Close()
	if _, err := writer.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return reader
}

// environment has nothing of the caller's but PATH: settings for databases and AWS stay out.
func environment(t *testing.T, variables ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}, variables...)
}

// run makes sure that the command line does not show the token, and that the client does
// not print it.
func run(t *testing.T, command *exec.Cmd, token string) (string, bool) {
	t.Helper()
	if strings.Contains(strings.Join(command.Args, "\n"), token) {
		t.Fatal("the token is on the command line")
	}
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text := strings.TrimSpace(output.String())
	if strings.Contains(text, token) {
		t.Error("the client prints the token")
	}
	return text, err == nil
}
