package realserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

var startFuncs = map[string]startFunc{
	"PostgreSQL": realserver.StartPostgreSQL,
	"MariaDB":    realserver.StartMariaDB,
	"MySQL":      realserver.StartMySQL,
}

// find finds what every machine with real servers has.
var find = map[string]func() (string, error){
	"PostgreSQL": realserver.FindPostgreSQL,
	"MariaDB":    realserver.FindMariaDB,
}

func skipWithout(t *testing.T, find func() (string, error)) {
	t.Helper()
	if os.Getenv("NO_SERVERS") == "1" {
		t.Skip("NO_SERVERS=1 is set: unset it to run this test")
	}
	if _, err := find(); err != nil {
		skipMissing(t, err)
		t.Fatal(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*realserver.Options)
		want   string
	}{
		{"no check", func(o *realserver.Options) { o.Check = nil }, "Options.Check is nil"},
		{"no certificate", func(o *realserver.Options) { o.Certificate = tls.Certificate{} }, "Options.Certificate needs"},
		{"no key", func(o *realserver.Options) { o.Certificate.PrivateKey = nil }, "Options.Certificate needs"},
		{"empty user", func(o *realserver.Options) { o.IAMUsers = []string{""} }, `user ""`},
		{"NUL in a user", func(o *realserver.Options) { o.IAMUsers = []string{"a\x00b"} }, `user "a\x00b"`},
		{"NUL in a password user", func(o *realserver.Options) { o.PasswordUsers = map[string]string{"\x00": "x"} }, `user "\x00"`},
		{"NUL in a password", func(o *realserver.Options) { o.PasswordUsers = map[string]string{"u": "p\x00"} }, `password of user "u"`},
	}
	for _, tt := range tests {
		for server, start := range startFuncs {
			t.Run(tt.name+"/"+server, func(t *testing.T) {
				dir := tempDir(t)
				o, _ := options(t, (&checker{}).check)
				tt.change(&o)
				s, err := start(t.Context(), o)
				if err == nil {
					s.Close()
					t.Fatal("started")
				}
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %q, want %q in it", err, tt.want)
				}
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("files left: %v", left)
				}
			})
		}
	}
}

func TestPostgreSQLHasNoPlugin(t *testing.T) {
	skipWithout(t, realserver.FindPostgreSQL)
	o, _ := options(t, (&checker{}).check)
	o.Method = realserver.MethodPlugin
	if s, err := realserver.StartPostgreSQL(t.Context(), o); err == nil {
		s.Close()
		t.Errorf("started with method %q", s.Method())
	} else if !strings.Contains(err.Error(), `Options.Method is "plugin"`) {
		t.Error(err)
	}
}

// Without a C compiler, PostgreSQL falls back to ldap, and the rest says what to
// install.
func TestNoCompiler(t *testing.T) {
	dir := tempDir(t)
	o, verified := options(t, (&checker{}).check)
	t.Run("ldap", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		s := start(t, realserver.StartPostgreSQL, o)
		if s.Method() != realserver.MethodLDAP {
			t.Errorf("method %q", s.Method())
		}
		if _, err := pgLogin(t.Context(), s, verified, iamUser, goodToken); err != nil {
			t.Error(err)
		}
	})
	for server, find := range find {
		t.Run(server, func(t *testing.T) {
			o.Method = realserver.MethodPAM
			t.Setenv("PATH", t.TempDir())
			skipWithout(t, find)
			_, err := startFuncs[server](t.Context(), o)
			var missing *realserver.MissingError
			if !errors.As(err, &missing) || missing.Install != "gcc libc6-dev" {
				t.Errorf("error %v", err)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
}

// A compiler without the C library's headers is as good as none.
func TestBrokenCompiler(t *testing.T) {
	tempDir(t)
	bin := t.TempDir()
	cc := filepath.Join(bin, "cc")
	if err := os.WriteFile(cc, []byte("#!/bin/sh\necho 'sys/socket.h: No such file' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{cc, bin, filepath.Dir(bin)} { // the server's user runs it
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o, _ := options(t, (&checker{}).check)
	skipWithout(t, realserver.FindMariaDB)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	_, err := realserver.StartMariaDB(t.Context(), o)
	var missing *realserver.MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "sys/socket.h") || !strings.Contains(err.Error(), "libc6-dev") {
		t.Errorf("error %v", err)
	}
}

func TestMissingServer(t *testing.T) {
	tests := []struct {
		err  realserver.MissingError
		want string
	}{
		{realserver.MissingError{What: "C compiler", Install: "gcc libc6-dev"},
			"realserver: C compiler not found: on Debian or Ubuntu, apt-get install gcc libc6-dev"},
		{realserver.MissingError{What: "real servers are started on Linux only, this is plan9"},
			"realserver: real servers are started on Linux only, this is plan9"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// The postgres in PATH is often a link to one that has its programs beside it, or
// a script that does something else.
func TestPostgreSQLInPath(t *testing.T) {
	installed, bin := t.TempDir(), t.TempDir()
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"postgres", "initdb", "psql"} {
		if err := os.WriteFile(filepath.Join(installed, name), program, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	script := filepath.Join(bin, "postgres")
	if got, err := realserver.FindPostgreSQL(); got == script {
		t.Errorf("a script was taken for the server: %q, error %v", got, err)
	}
	want := filepath.Join(installed, "postgres")
	if err := errors.Join(os.Remove(script), os.Symlink(want, script)); err != nil {
		t.Fatal(err)
	}
	if got, err := realserver.FindPostgreSQL(); got != want {
		t.Errorf("found %q, error %v, want what the link leads to, %q", got, err, want)
	}
}

func TestTemporaryDirectory(t *testing.T) {
	tests := []struct {
		name, dir string
		mode      os.FileMode
		rootOnly  bool
	}{
		{"space", "with space", 0o777, false},
		{"long", strings.Repeat("x", 100), 0o777, false},
		{"closed to others", "private", 0o700, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.rootOnly && os.Geteuid() != 0 {
				t.Skip("root only: another user runs the server as itself")
			}
			dir := filepath.Join(tempDir(t), tt.dir)
			if err := os.Mkdir(dir, tt.mode); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", dir)
			o, _ := options(t, (&checker{}).check)
			for server, start := range startFuncs {
				s, err := start(t.Context(), o)
				var missing *realserver.MissingError
				switch {
				case errors.As(err, &missing):
					t.Log(err)
				case err == nil:
					s.Close()
					t.Errorf("%s started", server)
				case !strings.Contains(err.Error(), "set TMPDIR") || !strings.Contains(err.Error(), dir):
					t.Errorf("%s: error %q", server, err)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("files left: %v", left)
			}
		})
	}
}

func TestStartIsBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are started on Linux only")
	}
	tempDir(t)
	t.Run("ends early", func(t *testing.T) {
		err := realserver.StartProgram(t.Context(), "ready", "/bin/sh", "-c", "echo no disk left >&2; exit 3")
		if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no disk left") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("never ready", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log := cancelOn{"starting", cancel}
		err := realserver.StartProgramLogging(ctx, log, "ready", "/bin/sh", "-c", "echo starting; exec sleep 1000")
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "starting") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("cannot be started", func(t *testing.T) {
		if err := realserver.StartProgram(t.Context(), "ready", "/nonexistent/server"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

// A program that is stopped takes along what it has started: mariadb-install-db
// is a script.
func TestRunIsBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are started on Linux only")
	}
	dir := tempDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := realserver.RunProgram(ctx, "/bin/sh", "-c", "echo working >&2; sleep 1000 & wait")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "working") {
		t.Errorf("error %v", err)
	}
	if left := processesIn(t, dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}

// cancelOn is a log that cancels a context when it has the given text.
type cancelOn struct {
	text   string
	cancel context.CancelFunc
}

func (c cancelOn) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.text) {
		c.cancel()
	}
	return len(p), errors.New("the log is full")
}

func TestLog(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	tests := []struct {
		name   string
		chunks []string
		seen   int
		end    string
	}{
		{"one line", []string{"starting\n", "all ready\n"}, 1, "starting\nall ready"},
		{"cut in two", []string{"all re", "ady", "more"}, 1, "all readymore"},
		{"before a long text", []string{"ready" + long}, 0, long[:4096]},
		{"after a long text", []string{long + "rea", "dy"}, 1, long[:4091] + "ready"},
		{"never", []string{"rea", "d"}, -1, "read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen, end := realserver.WriteLog("ready", tt.chunks...)
			if seen != tt.seen || end != tt.end {
				t.Errorf("seen at %d, end %.50q (%d bytes); want %d, %.50q (%d bytes)", seen, end, len(end), tt.seen, tt.end, len(tt.end))
			}
		})
	}
}
