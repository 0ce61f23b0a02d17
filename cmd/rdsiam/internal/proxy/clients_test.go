package proxy_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// run runs a client with nothing of the caller's environment but PATH, and returns what it
// prints.
func run(t *testing.T, environment []string, program string, arguments ...string) (output string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skip(t, "no "+program+" in PATH")
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}, environment...)
	var text bytes.Buffer
	command.Stdout, command.Stderr = &text, &text
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.TrimSpace(text.String()), err == nil
}

func wantOutput(t *testing.T, want, output string, ok bool) {
	t.Helper()
	if !ok || !strings.Contains(output, want) {
		t.Errorf("the client says %q, want %q", output, want)
	}
}

// at is where a client connects: a socket, or host and port.
type at struct{ socket, host, port string }

func (r *running) at(t *testing.T) at {
	t.Helper()
	if proxy.IsSocket(r.address) {
		return at{socket: r.address}
	}
	host, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	return at{host: host, port: port}
}

// On TCP with a password, on a unix socket without one.
func onBoth(t *testing.T, d *database, test func(*testing.T, *running, string)) {
	for listen, password := range map[string]string{"tcp": password, "unix": ""} {
		t.Run(listen, func(t *testing.T) { test(t, d.proxy(t, listen, proxy.Settings{Password: password}), password) })
	}
}

func TestPostgreSQLClients(t *testing.T) {
	onPostgreSQLs(t, func(t *testing.T, d *database) {
		onBoth(t, d, func(t *testing.T, r *running, password string) {
			at := r.at(t)
			environment := []string{"PGHOST=" + at.host, "PGPORT=" + at.port, "PGUSER=" + app, "PGDATABASE=postgres", "PGPASSWORD=" + password}
			if at.socket != "" {
				environment[0], environment[1] = "PGHOST="+filepath.Dir(at.socket), "PGPORT=5432"
			}
			t.Run("psql", func(t *testing.T) {
				output, ok := run(t, environment, "psql", "--no-psqlrc", "--no-password", "-At", "-c", "select current_user",
					"-c", "create temporary table t (n int)", "-c", `\copy t from program 'seq 100000'`, "-c", "select count(*) from t")
				wantOutput(t, "app\nCREATE TABLE\nCOPY 100000\n100000", output, ok)
			})
			t.Run("psql as another user", func(t *testing.T) {
				output, ok := run(t, environment, "psql", "--no-psqlrc", "--no-password", "-U", "postgres", "-c", "select 1")
				if ok || !strings.Contains(output, `as "app" only`) {
					t.Errorf("psql says %q", output)
				}
			})
			t.Run("pgbench", func(t *testing.T) {
				script := filepath.Join(t.TempDir(), "script.sql")
				if err := os.WriteFile(script, []byte("begin;\nselect 1;\nend;\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				for _, more := range [][]string{{"-M", "simple"}, {"-M", "prepared"}, {"-C"}} {
					arguments := append([]string{"-n", "-c", "4", "-t", "20", "-f", script}, more...)
					output, ok := run(t, environment, pgbench(t), arguments...)
					wantOutput(t, "number of transactions actually processed: 80/80", output, ok)
				}
			})
			t.Run("node pg", func(t *testing.T) {
				settings := map[string]any{"driver": "pg", "host": at.host, "user": app, "password": password, "connections": 4}
				if at.socket != "" {
					settings["host"], settings["port"] = filepath.Dir(at.socket), 5432
				} else {
					settings["port"] = number(t, at.port)
				}
				output, ok := runNode(t, settings)
				wantOutput(t, strings.TrimSpace(strings.Repeat("app bound\n", 4)), output, ok)
			})
		})
	})
}

// pgbench is in PATH on some systems and beside the server on others.
func pgbench(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("pgbench"); err == nil {
		return "pgbench"
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err != nil || len(found) == 0 {
		skip(t, "no pgbench: on Debian or Ubuntu, apt-get install postgresql")
	}
	return found[len(found)-1]
}

func TestMySQLClients(t *testing.T) {
	onMySQLs(t, func(t *testing.T, d *database) {
		onBoth(t, d, func(t *testing.T, r *running, password string) {
			at := r.at(t)
			arguments := []string{"--no-defaults", "--user=" + app}
			if at.socket != "" {
				arguments = append(arguments, "--socket="+at.socket)
			} else {
				arguments = append(arguments, "--protocol=tcp", "--host="+at.host, "--port="+at.port)
			}
			environment := []string{"MYSQL_PWD=" + password}
			t.Run("mariadb", func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "lines")
				if err := os.WriteFile(file, []byte(strings.Repeat("line\n", 100_000)), 0o600); err != nil {
					t.Fatal(err)
				}
				output, ok := run(t, environment, "mariadb", append(arguments, "--batch", "--skip-column-names", "--local-infile=1", "shop",
					"--execute=select current_user(); create temporary table t (l text); load data local infile '"+file+"' into table t; select count(*) from t")...)
				wantOutput(t, "app@%\n100000", output, ok)
			})
			t.Run("mariadb that knows only its own plugins", func(t *testing.T) {
				output, ok := run(t, environment, "mariadb", append(arguments, "--plugin-dir="+t.TempDir(), "--batch", "--skip-column-names", "--execute=select current_user()")...)
				wantOutput(t, "app@%", output, ok)
			})
			t.Run("mariadb as another user", func(t *testing.T) {
				output, ok := run(t, environment, "mariadb", append(arguments, "--user=root", "--execute=select 1")...)
				if ok || !strings.Contains(output, `as "app" only`) {
					t.Errorf("mariadb says %q", output)
				}
			})
			t.Run("mariadb, Ctrl-C", func(t *testing.T) {
				interruptsMySQLClient(t, r, password, append([]string{"mariadb"}, arguments...), environment)
			})
			if client, err := realserver.MatrixClient("mysql", "mysql"); err == nil {
				t.Run("mysql", func(t *testing.T) { runsMySQLClient(t, client, arguments, environment) })
				t.Run("mysql, Ctrl-C", func(t *testing.T) {
					interruptsMySQLClient(t, r, password, slices.Concat(client, arguments), environment)
				})
			}
			t.Run("mariadb-slap", func(t *testing.T) {
				output, ok := run(t, environment, "mariadb-slap", append(arguments, "--create-schema=shop", "--concurrency=4", "--number-of-queries=200",
					"--detach=10", "--query=select 1")...)
				wantOutput(t, "Number of clients running queries: 4", output, ok)
			})
			t.Run("node mysql2", func(t *testing.T) {
				settings := map[string]any{"driver": "mysql2", "user": app, "password": password, "connections": 4}
				if at.socket != "" {
					settings["socketPath"] = at.socket
				} else {
					settings["host"], settings["port"] = at.host, number(t, at.port)
				}
				output, ok := runNode(t, settings)
				wantOutput(t, strings.TrimSpace(strings.Repeat("app bound\n", 4)), output, ok)
			})
		})
	})
}

// interruptsMySQLClient has a client kill its statement, as it does for Ctrl-C: by a second
// connection, with the id that it was greeted with on the first.
func interruptsMySQLClient(t *testing.T, r *running, password string, client, environment []string) {
	path, err := exec.LookPath(client[0])
	if err != nil {
		skip(t, "no "+client[0]+" in PATH")
	}
	command := exec.CommandContext(t.Context(), path, append(client[1:], "--execute=select sleep(300)")...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, environment...)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	db := openMySQL(t, mysqlConfig(r, app, password))
	running := func() bool {
		return queryMySQL(t, db, "select count(*) from information_schema.processlist where info = 'select sleep(300)'") != "0"
	}
	waitUntil(t, running)
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return !running() })
	_ = command.Wait()
	if !strings.Contains(strings.ToLower(said.String()), "ctrl-c") && !strings.Contains(said.String(), "^C") {
		t.Errorf("the client says %q", said.String())
	}
}

// runsMySQLClient has MySQL's own client, which proves the password by caching_sha2_password,
// move a file, and be refused.
func runsMySQLClient(t *testing.T, client, arguments, environment []string) {
	arguments = append(slices.Clone(client[1:]), arguments...)
	file := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(file, []byte(strings.Repeat("line\n", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	output, ok := run(t, environment, client[0], append(arguments, "--batch", "--skip-column-names", "--local-infile=1", "shop",
		"--execute=select current_user(); create temporary table t (l text); load data local infile '"+file+"' into table t; select count(*) from t")...)
	wantOutput(t, "app@%\n100000", output, ok)
	output, ok = run(t, environment, client[0], append(arguments, "--user=root", "--execute=select 1")...)
	if ok || !strings.Contains(output, `as "app" only`) {
		t.Errorf("mysql as another user says %q", output)
	}
	if environment[0] == "MYSQL_PWD=" {
		return
	}
	output, ok = run(t, []string{"MYSQL_PWD=wrong"}, client[0], append(arguments, "--execute=select 1")...)
	if ok || !strings.Contains(output, "ERROR 1045 (28000)") || !strings.Contains(output, "--password-file") {
		t.Errorf("mysql with a wrong password says %q", output)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func runNode(t *testing.T, settings map[string]any) (output string, ok bool) {
	t.Helper()
	settings["modules"] = nodeModules(t)
	encoded, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, nil, "node", filepath.Join("testdata", "client.js"), string(encoded))
}

// nodeModules returns the folder with the drivers for Node, which the tests of
// internal/test/vectors/clients keep in the user's cache, or installs them for this test.
func nodeModules(t *testing.T) string {
	t.Helper()
	const source = "../../../../internal/test/vectors/clients/testdata/node"
	lock, err := os.ReadFile(filepath.Join(source, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(lock)
	folder := filepath.Join(cache, "rdsiam", "node-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	folder = t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	if output, ok := run(t, nil, "npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"); !ok {
		skip(t, "npm ci of the drivers for Node: "+output)
	}
	return folder
}
