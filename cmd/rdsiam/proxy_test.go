package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// proxyProcess is a running rdsiam proxy in front of a server of rdsiamtest.
type proxyProcess struct {
	server  *rdsiamtest.Server
	command *exec.Cmd
	stdout  *bufio.Reader
	stderr  bytes.Buffer // to be read when the process has ended
}

func startProxy(t testing.TB, arguments ...string) *proxyProcess {
	t.Helper()
	p := newProxy(t, rdsiamtest.StartPostgreSQL, arguments...)
	p.start(t)
	return p
}

// newProxy returns one that is not yet running.
func newProxy(t testing.TB, startServer func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server, arguments ...string) *proxyProcess {
	t.Helper()
	server := startServer(t, rdsiamtest.WithEndpoint(endpointHost), rdsiamtest.WithIAMUser("app"))
	directory := t.TempDir()
	roots := filepath.Join(directory, "roots.pem")
	if err := os.WriteFile(roots, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments = append([]string{"proxy", server.Endpoint(), "--user", "app", "--dial", server.Addr().String(), "--root-cas", roots}, arguments...)
	p := &proxyProcess{server: server, command: exec.CommandContext(t.Context(), "rdsiam", arguments...)}
	credentials := server.Identities()[0].Credentials
	p.command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + directory, "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none",
		"AWS_ACCESS_KEY_ID=" + credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + credentials.SecretAccessKey, "AWS_SESSION_TOKEN=" + credentials.SessionToken,
		"XDG_RUNTIME_DIR=" + shortDirectory(t)}
	p.command.Stderr = &p.stderr
	return p
}

func (p *proxyProcess) start(t testing.TB) {
	t.Helper()
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	t.Cleanup(func() { _ = p.command.Process.Kill() })
}

// shortDirectory leaves room for the name of a socket.
func shortDirectory(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// line reads a line of the output and returns what follows a beginning.
func (p *proxyProcess) line(t testing.TB, beginning string) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), beginning)
	if err != nil || !ok {
		t.Fatalf("the proxy prints %q, %v, want %q; it says %s", line, err, beginning, p.wait())
	}
	return rest
}

// wait returns how the process ended, with what it said. One that does not end is killed.
func (p *proxyProcess) wait() (said string) {
	defer time.AfterFunc(time.Minute, func() { _ = p.command.Process.Kill() }).Stop()
	_, _ = io.Copy(io.Discard, p.stdout)
	_ = p.command.Wait()
	return fmt.Sprintf("exit code %d: %s", p.command.ProcessState.ExitCode(), p.stderr.String())
}

func (p *proxyProcess) signal(t testing.TB, with os.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(with); err != nil {
		t.Fatal(err)
	}
}

func connectTo(t testing.TB, address, password string) *pgx.Conn {
	t.Helper()
	host, port := filepath.Dir(address), "5432"
	if !strings.Contains(address, "/") {
		var err error
		if host, port, err = net.SplitHostPort(address); err != nil {
			t.Fatal(err)
		}
	}
	config, err := pgx.ParseConfig("user=app dbname=postgres sslmode=disable host=" + host + " port=" + port)
	if err != nil {
		t.Fatal(err)
	}
	config.Password = password
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestProxyOverTCP(t *testing.T) {
	p := startProxy(t, "--listen", "127.0.0.1:0")
	address := p.line(t, "listening on ")
	password := p.line(t, "password: ")
	if example := p.line(t, "connect with: "); !strings.HasPrefix(example, "psql -h 127.0.0.1 -p ") || strings.Contains(example, password) {
		t.Errorf("example %q", example)
	}
	conn := connectTo(t, address, password)
	if _, err := pgx.Connect(t.Context(), "postgres://app:wrong@"+address+"/postgres?sslmode=disable"); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("with a wrong password: %v", err)
	}
	p.signal(t, syscall.SIGTERM)
	said := p.wait()
	if !strings.HasPrefix(said, "exit code 0: ") || !strings.Contains(said, "wrong password") || strings.Contains(said, password) {
		t.Error(said)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the session goes on")
	}
}

func TestProxyOverSocket(t *testing.T) {
	// A signal that is ignored here, as by nohup make test, is so in the proxy too. One that
	// is handled is not.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	defer signal.Stop(handled)
	for _, end := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		t.Run(end.String(), func(t *testing.T) {
			p := startProxy(t, "--output", "json")
			var started struct{ Address, User, Password string }
			if err := json.NewDecoder(p.stdout).Decode(&started); err != nil || started.User != "app" || started.Password != "" {
				t.Fatalf("%+v, %v", started, err)
			}
			if filepath.Base(started.Address) != ".s.PGSQL.5432" {
				t.Errorf("address %s", started.Address)
			}
			connectTo(t, started.Address, "")
			p.signal(t, end)
			if said := p.wait(); said != "exit code 0: " {
				t.Error(said)
			}
			if _, err := os.Lstat(filepath.Dir(filepath.Dir(started.Address))); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directories of the socket stay: %v", err)
			}
		})
	}
}

// nohup has the signal of a closed terminal ignored, and the proxy leaves it at that.
func TestProxyNohup(t *testing.T) {
	p := newProxy(t, rdsiamtest.StartPostgreSQL)
	program := p.command.Path
	p.command.Path, p.command.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, program}, p.command.Args[1:]...)
	p.start(t)
	address := p.line(t, "listening on ")
	p.signal(t, syscall.SIGHUP)
	connectTo(t, address, "")
	p.signal(t, syscall.SIGTERM)
	if said := p.wait(); said != "exit code 0: " {
		t.Error(said)
	}
}

// Nobody reads standard error any more: what ends the reader, such as Ctrl-C, must not cut
// the sessions.
func TestProxyWithoutReader(t *testing.T) {
	p := newProxy(t, rdsiamtest.StartPostgreSQL, "--drain-time", "1h", "--listen", "127.0.0.1:0")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.command.Stderr = writer
	p.start(t)
	writer.Close()
	address, password := p.line(t, "listening on "), p.line(t, "password: ")
	conn := connectTo(t, address, password)
	if _, err := conn.Exec(t.Context(), "begin"); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	if _, err := pgx.Connect(t.Context(), "postgres://app:wrong@"+address+"/postgres?sslmode=disable"); err == nil { // which is logged
		t.Error("a wrong password was accepted")
	}
	p.signal(t, syscall.SIGTERM)
	for _, statement := range []string{"select 1", "commit"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if said := p.wait(); said != "exit code 0: " {
		t.Error(said)
	}
}

// The first signal lets a transaction go on, the second one does not.
func TestProxySecondSignal(t *testing.T) {
	p := startProxy(t, "--drain-time", "1h")
	address := p.line(t, "listening on ")
	conn := connectTo(t, address, "")
	for _, statement := range []string{"begin", "select 1"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	p.signal(t, syscall.SIGTERM)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if probe, err := net.Dial("unix", address); err != nil {
			break
		} else if probe.Close(); time.Now().After(deadline) {
			t.Fatal("the proxy still listens")
		}
	}
	if _, err := conn.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("in the transaction: %v", err)
	}
	p.signal(t, syscall.SIGTERM)
	if said := p.wait(); !strings.HasPrefix(said, "exit code 1: ") || !strings.Contains(said, "1 connection was cut") {
		t.Error(said)
	}
}

func TestProxyHTTP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	p := startProxy(t, "--http", address)
	p.line(t, "listening on ")
	for path, want := range map[string]string{"/livez": "alive", "/readyz": "ready", "/metrics": `rdsiam_proxy_connections{server_address="` + endpointHost + `"} 0`} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s, %v", path, response.StatusCode, body, err)
		}
	}
	p.signal(t, syscall.SIGTERM)
	if said := p.wait(); said != "exit code 0: " {
		t.Error(said)
	}
}

// --check-login logs in before anything listens, and its exit code says how that went.
func TestProxyCheckLogin(t *testing.T) {
	for name, start := range map[string]func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server{
		"PostgreSQL": rdsiamtest.StartPostgreSQL, "MySQL": rdsiamtest.StartMySQL,
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, start, "--check-login")
			p.start(t)
			p.line(t, "listening on ")
			p.signal(t, syscall.SIGTERM)
			if said := p.wait(); said != "exit code 0: " {
				t.Error(said)
			}
			p = newProxy(t, start, "--check-login")
			if err := p.server.SetPolicies(`{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`); err != nil {
				t.Fatal(err)
			}
			p.start(t)
			if said := p.wait(); !strings.HasPrefix(said, `exit code 4: rdsiam: login as "app"`) {
				t.Error(said)
			}
			p = newProxy(t, start, "--check-login", "--dial", "127.0.0.1:1")
			p.start(t)
			if said := p.wait(); !strings.HasPrefix(said, `exit code 1: rdsiam: login as "app"`) {
				t.Error(said)
			}
		})
	}
}

// BenchmarkProxyIdle is the memory of a proxy with 500 idle connections: resident, above
// what it has at its start, in a process of its own.
func BenchmarkProxyIdle(b *testing.B) {
	const connections, most = 500, 50
	for _, engine := range []struct {
		name    string
		server  func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server
		connect func(b *testing.B, address string)
	}{
		{"PostgreSQL", rdsiamtest.StartPostgreSQL, func(b *testing.B, address string) { connectTo(b, address, "") }},
		{"MySQL", rdsiamtest.StartMySQL, connectToMySQL},
	} {
		b.Run(engine.name, func(b *testing.B) {
			var above []float64
			for b.Loop() {
				p := newProxy(b, engine.server, "--max-connections", strconv.Itoa(connections))
				p.start(b)
				address := p.line(b, "listening on ")
				start := resident(b, p.command.Process.Pid)
				for range connections {
					engine.connect(b, address)
				}
				above = append(above, resident(b, p.command.Process.Pid)-start)
				b.ReportMetric(start, "MB-start")
			}
			slices.Sort(above)
			b.ReportMetric(above[0], "MB-above-least")
			b.ReportMetric(above[len(above)-1], "MB-above-most")
			if largest := above[len(above)-1]; largest > most {
				b.Errorf("%.1f MB above the start, want %d at most", largest, most)
			}
		})
	}
}

// connectToMySQL makes a connection that stays.
func connectToMySQL(b *testing.B, address string) {
	b.Helper()
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Logger = "unix", address, "app", new(mysql.NopLogger)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := connector.Connect(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
}

// resident is the resident memory of a process in MB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Skip(err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		b.Fatal("no VmRSS")
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kilobytes) * 1024 / 1e6
}
