package proxy_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

var engines = map[string]proxy.Engine{".s.PGSQL.5432": new(proxy.PostgreSQL), "mysql.sock": new(proxy.MySQL)}

func TestListenSocket(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			directory := socketDirectory(t)
			listener, err := proxy.Listen(directory, engine, false)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(directory, name)
			if got := listener.Addr().String(); got != path {
				t.Errorf("listening on %s, want %s", got, path)
			}
			for path, want := range map[string]os.FileMode{directory: os.ModeDir | 0o700, path: os.ModeSocket | 0o600} {
				if info, err := os.Stat(path); err != nil || info.Mode() != want {
					t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, want)
				}
			}
			if _, err := proxy.Listen(directory, engine, false); err == nil || !strings.Contains(err.Error(), "another program does") {
				t.Errorf("a second time: %v", err)
			}
			if conn, err := net.Dial("unix", path); err != nil {
				t.Errorf("the first no longer listens: %v", err)
			} else {
				conn.Close()
			}
			listener.Close()
			if _, err := os.Lstat(path); err == nil {
				t.Error("the socket stays")
			}
		})
	}
}

// A socket that a killed proxy has left is replaced.
func TestListenStaleSocket(t *testing.T) {
	listener, err := proxy.Listen(staleSocket(t), engines["mysql.sock"], false)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

// Of several proxies that find it at the same time one gets it, and the others are told.
func TestListenStaleSocketTogether(t *testing.T) {
	for range 50 {
		directory := staleSocket(t)
		listeners := make(chan net.Listener, 8)
		var all sync.WaitGroup
		for range cap(listeners) {
			all.Go(func() {
				listener, err := proxy.Listen(directory, engines["mysql.sock"], false)
				if err == nil {
					listeners <- listener
				} else if !strings.Contains(err.Error(), "another program does") {
					t.Error(err)
				}
			})
		}
		all.Wait()
		close(listeners)
		if len(listeners) != 1 {
			t.Errorf("%d proxies listen on one socket", len(listeners))
		}
		for listener := range listeners {
			listener.Close()
		}
		if t.Failed() {
			return
		}
	}
}

// staleSocket is a directory with the socket of a process that is gone.
func staleSocket(t *testing.T) (directory string) {
	t.Helper()
	directory = socketDirectory(t)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(directory, "mysql.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	return directory
}

func TestListenRefuses(t *testing.T) {
	base := t.TempDir()
	make := func(name string, mode os.FileMode) string {
		path := filepath.Join(base, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Chmod(base, 0o700); err != nil {
		t.Fatal(err)
	}
	private := make("private", 0o700)
	link := filepath.Join(base, "link")
	if err := os.Symlink(private, link); err != nil {
		t.Fatal(err)
	}
	occupied := make("occupied", 0o700)
	if err := os.WriteFile(filepath.Join(occupied, "mysql.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	shared := make("shared", 0o777)
	datagrams := make("datagrams", 0o700)
	datagram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(datagrams, "mysql.sock"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	tests := []struct{ name, address, want string }{
		{"open to others", make("open", 0o755), "can be entered by others"},
		{"link", link, "is not a directory"},
		{"in one open to others", filepath.Join(shared, "s"), "can be written to by others"},
		{"file", filepath.Join(occupied, "mysql.sock"), "not a directory"},
		{"file in place of the socket", occupied, "is no socket"},
		{"socket of another kind", datagrams, "wrong type for socket"},
		{"through a link", filepath.Join(link, "s"), "is a symbolic link"},
		{"long", filepath.Join(base, strings.Repeat("long", 30)), "bytes long"},
		{"all interfaces", ":0", "--expose"},
		{"all interfaces, written out", "0.0.0.0:0", "--expose"},
		{"all of IPv6", "[::]:0", "--expose"},
		{"other host", "example.com:0", "--expose"},
		{"IPv6 of the network", "[fe80::1]:0", "--expose"},
		{"port that is none", "127.0.0.1:65536", "neither host:port nor a path"},
		{"port by name", "127.0.0.1:mysql", "neither host:port nor a path"},
		{"no port", "127.0.0.1", "neither host:port nor a path"},
	}
	if os.Geteuid() == 0 { // who alone can give directories away
		const nobody = 65534
		foreign, parent := make("foreign", 0o700), make("parent", 0o755)
		for _, path := range []string{foreign, parent} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		tests = append(tests, []struct{ name, address, want string }{
			{"of another user", foreign, "who could put another socket there"},
			{"in one of another user", filepath.Join(parent, "s"), "who could put another directory there"},
		}...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := proxy.Listen(tt.address, engines["mysql.sock"], false)
			if err == nil {
				listener.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// In /tmp nobody can put another directory in the place of one's own.
func TestListenInStickyDirectory(t *testing.T) {
	parent, err := os.MkdirTemp("", "sticky")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	if err := os.Chmod(parent, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	listener, err := proxy.Listen(filepath.Join(parent, "s"), engines["mysql.sock"], false)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

func TestListenTCP(t *testing.T) {
	for _, tt := range []struct {
		address string
		exposed bool
	}{{"127.0.0.1:0", false}, {"localhost:0", false}, {"127.7.7.7:0", false}, {"[::1]:0", false}, {":0", true}, {"0.0.0.0:0", true}} {
		listener, err := proxy.Listen(tt.address, engines["mysql.sock"], tt.exposed)
		if err != nil {
			t.Errorf("%s: %v", tt.address, err)
			continue
		}
		if _, err := proxy.Listen(listener.Addr().String(), engines["mysql.sock"], tt.exposed); err == nil || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("%s a second time: %v", tt.address, err)
		}
		listener.Close()
	}
}

func loginAt(t *testing.T, address, user string) rdsiam.Login {
	t.Helper()
	resolved, err := rdsiam.ResolveEndpoint(address, 5432)
	if err != nil {
		t.Fatal(err)
	}
	return rdsiam.Login{Endpoint: resolved, User: user}
}

func TestDefaultDirectory(t *testing.T) {
	here := loginAt(t, "prod.abc123.eu-central-1.rds.amazonaws.com", app)
	runtime := "/run/user/1000"
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	got := proxy.DefaultDirectory(here)
	if filepath.Dir(got) != runtime+"/rdsiam" || !strings.HasPrefix(filepath.Base(got), "prod-") {
		t.Errorf("%s, want it in %s/rdsiam", got, runtime)
	}
	if again := proxy.DefaultDirectory(here); again != got {
		t.Errorf("%s, then %s", got, again)
	}
	for _, other := range []rdsiam.Login{
		loginAt(t, "prod.abc123.us-east-1.rds.amazonaws.com", app),
		loginAt(t, "prod.abc123.eu-central-1.rds.amazonaws.com:5433", app),
		loginAt(t, "prod.abc123.eu-central-1.rds.amazonaws.com", "reports"),
	} {
		if proxy.DefaultDirectory(other) == got {
			t.Errorf("%v and %v have one directory", other, here)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", "/var/tmp")
	if got := proxy.DefaultDirectory(here); !strings.HasPrefix(got, "/var/tmp/rdsiam-") {
		t.Errorf("%s, want it in /var/tmp", got)
	}
	t.Setenv("TMPDIR", "/var/"+strings.Repeat("long", 20))
	long := loginAt(t, strings.Repeat("l", 63)+".abc123.eu-central-1.rds.amazonaws.com", app)
	if got := filepath.Join(proxy.DefaultDirectory(long), ".s.PGSQL.5432"); !strings.HasPrefix(got, "/tmp/rdsiam-") || len(got) > 103 {
		t.Errorf("%s has %d bytes", got, len(got))
	}
}

// Directories that were made for a socket go with it; others stay.
func TestListenLeavesNothing(t *testing.T) {
	runtime := filepath.Dir(socketDirectory(t))
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	byDefault := proxy.DefaultDirectory(loginAt(t, endpoint, app))
	there := filepath.Join(runtime, "there")
	for path, stays := range map[string]string{
		byDefault:                             runtime,
		filepath.Join(runtime, "new", "deep"): runtime,
		there:                                 there,
	} {
		if path != filepath.Join(runtime, "new", "deep") { // as a proxy that was killed leaves it
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		listener, err := proxy.Listen(path, engines["mysql.sock"], false)
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		for gone := path; gone != stays; gone = filepath.Dir(gone) {
			if _, err := os.Lstat(gone); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s stays: %v", gone, err)
			}
		}
		if _, err := os.Lstat(stays); err != nil {
			t.Errorf("%s is gone", stays)
		}
	}
}

// One proxy ends while another starts in the same directory.
func TestListenWhileAnotherEnds(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", filepath.Dir(socketDirectory(t)))
	directory := proxy.DefaultDirectory(loginAt(t, endpoint, app))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				listener, err := proxy.Listen(directory, engines["mysql.sock"], false)
				if err == nil {
					listener.Close()
				} else if !strings.Contains(err.Error(), "another program does") {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := os.Lstat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory stays: %v", err)
	}
}

func TestParsePassword(t *testing.T) {
	tests := []struct{ name, content, want, fails string }{
		{"line", "eight ch\n", "eight ch", ""},
		{"without an end", "eight ch", "eight ch", ""},
		{"of Windows", "eight ch\r\n", "eight ch", ""},
		{"short", "1234567\n", "", "7 characters"},
		{"empty", "", "", "0 characters"},
		{"two lines", "eight ch\nmore\n", "", "more than one line"},
		{"outside ASCII", "pässwörter\n", "", "ASCII"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := proxy.ParsePassword("file", []byte(tt.content))
			if got != tt.want || tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && tt.content != "" && strings.Contains(err.Error(), strings.TrimSpace(tt.content)) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	d := emulatedPostgreSQL(t)
	good := d.proxy(t, "unix", proxy.Settings{MaxConnections: 7})
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/": 404} {
		if code, body := good.get(t, path); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, body, want)
		}
	}
	connectPostgreSQL(t, pgxConfig(t, good, app, ""))
	good.waitFor(t, "rdsiam_proxy_connections 1")
	metrics := good.metrics(t)
	for _, line := range []string{"rdsiam_proxy_connections_limit 7", "rdsiam_proxy_accepted_total 1",
		`rdsiam_login_duration_seconds_count{db_response_status_code="",error_type=""} 1`, `rdsiam_proxy_refused_total{reason="password"} 0`} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %q in\n%s", line, metrics)
		}
	}
	bad := d.proxy(t, "unix", proxy.Settings{}, noCredentials)
	if code, body := bad.get(t, "/readyz"); code != 503 || strings.Contains(body, "vault") {
		t.Errorf("/readyz without a token: %d %s", code, body)
	}
	if code, _ := bad.get(t, "/livez"); code != 200 {
		t.Errorf("/livez without a token: %d", code)
	}
	if !strings.Contains(bad.log.String(), "the vault is closed") {
		t.Errorf("the log does not say why: %s", bad.log)
	}
}
