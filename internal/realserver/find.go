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

// programs are the paths of what a server is made of and administered with.
type programs struct {
	server, initialise, client string
}

// findPostgreSQL takes the server in PATH, or else the newest in the places
// where distributions put it. The programs of a server belong together, so the
// directory counts that a link in PATH leads to.
func findPostgreSQL() (programs, error) {
	if err := supported(); err != nil {
		return programs{}, err
	}
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	dirs = append(dirs, newestFirst("/usr/lib/postgresql/*/bin")...) // Debian
	dirs = append(dirs, newestFirst("/usr/pgsql-*/bin")...)          // PostgreSQL's own RPMs
	dirs = append(dirs, "/usr/bin", "/usr/local/pgsql/bin")

	for _, dir := range dirs {
		p := programs{
			server:     look(dir, "postgres"),
			initialise: look(dir, "initdb"),
			client:     cmp.Or(look(dir, "psql"), lookPath("psql")),
		}
		// A script of that name may do anything, only the program will do.
		if p.complete() && isELF(p.server) {
			return p, nil
		}
	}
	return programs{}, &MissingError{What: "PostgreSQL server (postgres, initdb, psql)", Install: "postgresql"}
}

// findMariaDB looks for programs with MariaDB in their names: mysqld may be a
// MySQL, which cannot load the plugin.
func findMariaDB() (programs, error) {
	if err := supported(); err != nil {
		return programs{}, err
	}
	find := func(name string) string {
		return cmp.Or(lookPath(name), look("/usr/sbin", name), look("/usr/libexec", name), look("/usr/bin", name))
	}
	p := programs{
		server:     find("mariadbd"),
		initialise: find("mariadb-install-db"),
		client:     find("mariadb"),
	}
	if !p.complete() {
		return programs{}, &MissingError{
			What:    "MariaDB server (mariadbd, mariadb-install-db, mariadb)",
			Install: "mariadb-server",
		}
	}
	return p, nil
}

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

func (p programs) complete() bool { return p.server != "" && p.initialise != "" && p.client != "" }

func look(dir, name string) string { return lookPath(filepath.Join(dir, name)) }

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

func newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(pattern) // the pattern is well-formed
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
