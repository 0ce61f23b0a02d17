package realserver_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// The mysqld of a system with MariaDB is a link to its server, which takes
// another plugin.
func TestMySQLIsNotMariaDB(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"mariadbd", "mysqld", "mysql"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	server := filepath.Join(bin, "mysqld")
	if got, err := realserver.FindMySQL(); got != server {
		t.Errorf("found %q, error %v", got, err)
	}
	if err := errors.Join(os.Remove(server), os.Symlink("mariadbd", server)); err != nil {
		t.Fatal(err)
	}
	if got, _ := realserver.FindMySQL(); got == server {
		t.Error("a link to mariadbd was taken for MySQL")
	}
}

// What is missing in a folder is not installed by this machine's apt-get.
func TestMissingInRoot(t *testing.T) {
	for server, start := range startFuncs {
		t.Run(server, func(t *testing.T) {
			o, _ := options(t, (&checker{}).check)
			o.Root = t.TempDir()
			_, err := start(t.Context(), o)
			var missing *realserver.MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("error %v, want a MissingError", err)
			}
			want := "scripts/install-matrix.sh"
			if os.Geteuid() != 0 {
				want = "only root"
			}
			if text := err.Error(); !strings.Contains(text, o.Root) || !strings.Contains(text, want) || strings.Contains(text, "apt-get") {
				t.Error(err)
			}
		})
	}
}

// The programs of a root are looked for in it alone, whatever this machine has.
func TestRootHasItsOwnPrograms(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root only: others may not chroot")
	}
	folder, bin := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(folder, "usr/sbin/mysqld"), filepath.Join(folder, "usr/bin/mysql"), filepath.Join(bin, "mysql")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	if got, err := realserver.FindMySQLIn(folder); got != "/usr/sbin/mysqld" {
		t.Errorf("found %q, error %v", got, err)
	}
	if err := os.Remove(filepath.Join(folder, "usr/bin/mysql")); err != nil {
		t.Fatal(err)
	}
	if got, err := realserver.FindMySQLIn(folder); err == nil {
		t.Errorf("found %q with the client of this machine", got)
	}
}

// A socket in the workspace has its path on this machine too.
func TestRootWithLongPath(t *testing.T) {
	for _, tt := range []struct {
		length int
		ok     bool
	}{{1, true}, {60, false}} {
		folder := filepath.Join(tempDir(t), strings.Repeat("x", tt.length))
		tmp := filepath.Join(folder, "tmp")
		if err := errors.Join(os.MkdirAll(tmp, 0o777), os.Chmod(tmp, 0o777)); err != nil {
			t.Fatal(err)
		}
		err := realserver.NewWorkspace(folder)
		if tt.ok && err != nil {
			t.Error(err)
		}
		if !tt.ok && (err == nil || !strings.Contains(err.Error(), "move "+folder)) {
			t.Errorf("error %v", err)
		}
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			t.Errorf("files left: %v", left)
		}
	}
}

func TestInstallations(t *testing.T) {
	names := func() (names []string) {
		for _, i := range realserver.PostgreSQLs() {
			names = append(names, i.String())
		}
		for _, i := range realserver.MySQLs() {
			names = append(names, i.String())
		}
		return names
	}
	t.Setenv(realserver.MatrixVariable, "")
	if got := strings.Join(names(), ", "); got != "PostgreSQL, MariaDB" {
		t.Errorf("without a matrix: %s", got)
	}
	folder := t.TempDir()
	t.Setenv(realserver.MatrixVariable, folder)
	if got := strings.Join(names(), ", "); got != "PostgreSQL, matrix PostgreSQL, MariaDB, matrix MariaDB, matrix MySQL" {
		t.Errorf("with a matrix: %s", got)
	}
	o, _ := options(t, (&checker{}).check)
	if _, err := realserver.MySQLs()[2].Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), filepath.Join(folder, "mysql")) {
		t.Errorf("error %v", err)
	}
}
