package client

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Family is a kind of client program.
type Family int

// The families.
const (
	libpq   Family = iota // reads its environment
	mySQL                 // Oracle's
	mariaDB               // other options of TLS
	mycli
)

// Names of the programs for each protocol, the one to take first.
var (
	ForPostgreSQL = []string{"psql", "pgcli"}
	ForMySQL      = []string{"mysql", "mariadb", "mycli"}
	ForMariaDB    = []string{"mariadb", "mysql", "mycli"}
)

// libpqPrograms are those of PostgreSQL that are not called pg….
var libpqPrograms = []string{"psql", "createdb", "createuser", "dropdb", "dropuser", "clusterdb", "reindexdb", "vacuumdb", "vacuumlo"}

// Program is a client that was found.
type Program struct {
	Path   string
	Family Family
	// takesDatabase is false for mysqldump and the like, which have no option for it.
	takesDatabase bool
}

// Find looks for a program: the one that is named, or else the first of names. An error that
// is [exec.ErrNotFound] means that there is none.
func Find(named string, names []string) (Program, error) {
	if named == "" {
		for _, name := range names {
			if program, err := Find(name, names); err == nil {
				return program, nil
			}
		}
		return Program{}, fmt.Errorf("none of %s is installed: %w", strings.Join(names, ", "), exec.ErrNotFound)
	}
	base := strings.TrimSuffix(filepath.Base(named), ".exe")
	family, ok := familyOf(base, names[0] == ForPostgreSQL[0])
	if !ok {
		return Program{}, fmt.Errorf("client %q is none of %s and their relatives; run others with rdsiam exec", named, strings.Join(names, ", "))
	}
	path, err := exec.LookPath(named)
	if err != nil {
		return Program{}, err
	}
	if family == mySQL && isMariaDB(path) {
		family = mariaDB
	}
	return Program{path, family, base == "mysql" || base == "mariadb" || base == "mycli"}, nil
}

// familyOf returns the family of the program called base, if it is one of the protocol.
func familyOf(base string, postgreSQL bool) (Family, bool) {
	if postgreSQL {
		return libpq, strings.HasPrefix(base, "pg") || slices.Contains(libpqPrograms, base)
	}
	switch {
	case base == "mycli":
		return mycli, true
	case strings.HasPrefix(base, "mariadb"):
		return mariaDB, true
	}
	return mySQL, strings.HasPrefix(base, "mysql")
}

// isMariaDB reports whether a program called mysql… is MariaDB's, as on Debian.
func isMariaDB(path string) bool {
	version, err := exec.Command(path, "--version").Output()
	return err == nil && strings.Contains(string(version), "MariaDB")
}

// ErrNoDatabase means that the program takes a database among its own arguments only.
var ErrNoDatabase = errors.New("has no option for a database; name it in its arguments, after --")

// Arguments returns the arguments that make the program log in, with callers after them.
// They take precedence over the user's option files.
func (p Program) Arguments(l Login, callers []string) ([]string, error) {
	if p.Family == libpq {
		return callers, nil
	}
	if l.Database != "" && !p.takesDatabase {
		return nil, fmt.Errorf("%s %w", filepath.Base(p.Path), ErrNoDatabase)
	}
	if p.Family == mycli {
		return append(l.mycli(), callers...), nil
	}
	// Options that say which files to read must come first.
	first := 0
	for first < len(callers) && choosesFiles(callers[first]) {
		first++
	}
	arguments := append(slices.Clone(callers[:first]), "--user="+l.User)
	if l.Socket != "" {
		arguments = append(arguments, "--host=localhost", "--protocol=socket", "--socket="+l.Socket)
	} else {
		arguments = append(arguments, "--protocol=tcp", "--host="+loopback, "--port="+strconv.Itoa(int(l.Port)))
	}
	if p.Family == mySQL {
		arguments = append(arguments, "--ssl-mode=DISABLED")
	} else {
		arguments = append(arguments, "--skip-ssl", "--skip-ssl-verify-server-cert")
	}
	if l.Database != "" {
		arguments = append(arguments, "--database="+l.Database)
	}
	return append(arguments, callers[first:]...), nil
}

func (l Login) mycli() []string {
	arguments := []string{"--port", strconv.Itoa(int(l.mysqlPort())), "--user", l.User}
	if l.Socket != "" {
		arguments = append(arguments, "--socket", l.Socket)
	} else {
		arguments = append(arguments, "--host", loopback)
	}
	if l.Database != "" {
		arguments = append(arguments, "--database", l.Database)
	}
	return arguments
}

// choosesFiles reports whether an option says which option files a client reads.
func choosesFiles(argument string) bool {
	return slices.ContainsFunc([]string{"--defaults-", "--no-defaults", "--print-defaults", "--login-path", "--no-login-paths"},
		func(option string) bool { return strings.HasPrefix(argument, option) })
}
