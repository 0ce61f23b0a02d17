package realserver

import (
	"cmp"
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// MissingError says what a server needs that this machine does not have.
type MissingError struct {
	What    string // what was looked for
	Install string // Debian packages that bring it, separated by spaces; "" if none does
}

// Error says what is missing and how to get it.
func (e *MissingError) Error() string {
	if e.Install == "" {
		return "realserver: " + e.What
	}
	return fmt.Sprintf("realserver: %s not found: on Debian or Ubuntu, apt-get install %s", e.What, e.Install)
}

// programs are the paths, in the root of the server, of what it is made of and
// administered with.
type programs struct {
	server, initialize, client string
}

// findPostgreSQL takes the server in PATH, or else the newest in the places
// where distributions put it. The programs of a server belong together, so the
// directory counts that a link in PATH leads to.
func findPostgreSQL(r root) (programs, error) {
	if err := r.supported(); err != nil {
		return programs{}, err
	}
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil && r == "" {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	dirs = append(dirs, r.newestFirst("/usr/lib/postgresql/*/bin")...) // Debian
	dirs = append(dirs, r.newestFirst("/usr/pgsql-*/bin")...)          // PostgreSQL's own RPMs
	dirs = append(dirs, "/usr/bin", "/usr/local/pgsql/bin")

	for _, dir := range dirs {
		p := programs{
			server:     r.look(dir, "postgres"),
			initialize: r.look(dir, "initdb"),
			client:     cmp.Or(r.look(dir, "psql"), r.find("psql")),
		}
		// A script of that name may do anything, only the program will do.
		if p.complete() && isELF(r.onMachine(p.server)) {
			return p, nil
		}
	}
	return programs{}, r.missing("PostgreSQL server (postgres, initdb, psql)", "postgresql")
}

// findMariaDB looks for programs with MariaDB in their names: mysqld may be a
// MySQL, which takes another plugin.
func findMariaDB(r root) (programs, error) {
	if err := r.supported(); err != nil {
		return programs{}, err
	}
	p := programs{
		server:     r.find("mariadbd", serverDirs...),
		initialize: r.find("mariadb-install-db", serverDirs...),
		client:     r.find("mariadb", serverDirs...),
	}
	if !p.complete() {
		return programs{}, r.missing("MariaDB server (mariadbd, mariadb-install-db, mariadb)", "mariadb-server")
	}
	return p, nil
}

// findMySQL takes a mysqld that is not a link to MariaDB's server.
func findMySQL(r root) (programs, error) {
	if err := r.supported(); err != nil {
		return programs{}, err
	}
	server := r.find("mysqld", serverDirs...)
	if server != "" {
		path, err := filepath.EvalSymlinks(r.onMachine(server))
		if err != nil || filepath.Base(path) != "mysqld" {
			server = ""
		}
	}
	p := programs{server: server, initialize: server, client: r.find("mysql", serverDirs...)}
	if !p.complete() {
		return programs{}, r.missing("MySQL server (mysqld, mysql)", "mysql-server")
	}
	return p, nil
}

// serverDirs are where distributions put MariaDB's and MySQL's programs.
var serverDirs = []string{"/usr/sbin", "/usr/libexec", "/usr/bin"}

func findCompiler() (string, error) {
	if cc := cmp.Or(lookPath("cc"), lookPath("gcc"), lookPath("clang")); cc != "" {
		return cc, nil
	}
	return "", &MissingError{What: "C compiler", Install: "gcc libc6-dev"}
}

func supported() error {
	if runtime.GOOS != "linux" {
		return &MissingError{What: "real servers are started on Linux only, this is " + runtime.GOOS}
	}
	return nil
}

func (p programs) complete() bool { return p.server != "" && p.initialize != "" && p.client != "" }

// lookPath returns an absolute path without links, or "". Programs are started
// in another directory and by another user.
func lookPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	if path, err = filepath.Abs(path); err != nil {
		return ""
	}
	return path
}

var versionInPath = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

func (r root) newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(r.onMachine(pattern)) // the pattern is well-formed
	for i := range dirs {
		dirs[i] = r.inside(dirs[i])
	}
	version := func(dir string) float64 {
		v, _ := strconv.ParseFloat(versionInPath.FindString(dir), 64) // 0 if there is none
		return v
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	return dirs
}

func isELF(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// links reports whether the program at path is linked to the shared library
// whose file name starts with name.
func links(path, name string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(l, name) })
}
