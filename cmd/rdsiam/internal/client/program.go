package client

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Family is a kind of client program.
type Family string

// The families.
const (
	Psql    Family = "psql"
	Pgcli   Family = "pgcli"
	MySQL   Family = "mysql" // Oracle's
	MariaDB Family = "mariadb"
	Mycli   Family = "mycli"
)

// The programs for each protocol, the one to take first.
var (
	ForPostgreSQL = []Family{Psql, Pgcli}
	ForMySQL      = []Family{MySQL, MariaDB, Mycli}
	ForMariaDB    = []Family{MariaDB, MySQL, Mycli}
)

// Program is a client that was found.
type Program struct {
	Path   string
	Family Family
}

// Find looks for a program: the one that is named, or else the first of the families. An
// error that is [exec.ErrNotFound] tells that there is none.
func Find(named string, families []Family) (Program, error) {
	if named == "" {
		for _, family := range families {
			if program, err := Find(string(family), families); err == nil {
				return program, nil
			}
		}
		return Program{}, fmt.Errorf("none of %s is installed: %w", list(families), exec.ErrNotFound)
	}
	family, ok := familyOf(named, families)
	if !ok {
		return Program{}, fmt.Errorf("client %q is none of %s; run others with rdsiam exec", named, list(families))
	}
	path, err := exec.LookPath(named)
	if err != nil {
		return Program{}, err
	}
	if family == MySQL && isMariaDB(path) {
		family = MariaDB
	}
	return Program{path, family}, nil
}

func familyOf(named string, families []Family) (Family, bool) {
	base := strings.TrimSuffix(filepath.Base(named), ".exe")
	for _, family := range families {
		if base == string(family) {
			return family, true
		}
	}
	return "", false
}

// isMariaDB tells whether a program called mysql is that of MariaDB, as on Debian: it has
// other options.
func isMariaDB(path string) bool {
	version, err := exec.Command(path, "--version").Output()
	return err == nil && strings.Contains(string(version), "MariaDB")
}

func list(families []Family) string {
	names := make([]string, len(families))
	for i, family := range families {
		names[i] = string(family)
	}
	return strings.Join(names, ", ")
}

// ErrAddress means that a client verifies the name that it dials and no other.
var ErrAddress = errors.New("cannot dial one address and verify the name of another")

// Arguments returns the arguments that make the program log in, the caller's after them.
// The caller's must not say once more where to log in, as which user, or with which TLS.
func (p Program) Arguments(l Login, callers []string) ([]string, error) {
	if err := p.refuse(callers); err != nil {
		return nil, err
	}
	if p.Family == Psql || p.Family == Pgcli {
		return callers, nil // their environment says it all
	}
	if l.Address != "" {
		return nil, fmt.Errorf("%s %w", p.Family, ErrAddress)
	}
	port := strconv.Itoa(int(l.Port))
	if p.Family == Mycli {
		arguments := []string{"--host", l.Host, "--port", port, "--user", l.User, "--ssl-ca", l.RootsFile, "--ssl-verify-server-cert"}
		if l.Database != "" {
			arguments = append(arguments, "--database", l.Database)
		}
		return append(arguments, callers...), nil
	}
	// A password in an option file would go before the token. Options that say which
	// file to read must come first.
	arguments := []string{"--no-defaults"}
	if len(callers) > 0 && strings.HasPrefix(callers[0], "--defaults-") {
		arguments, callers = callers[:1:1], callers[1:]
	}
	arguments = append(arguments, "--protocol=tcp", "--host="+l.Host, "--port="+port, "--user="+l.User, "--ssl-ca="+l.RootsFile)
	if p.Family == MySQL {
		arguments = append(arguments, "--ssl-mode=VERIFY_IDENTITY", "--enable-cleartext-plugin")
	} else {
		arguments = append(arguments, "--ssl-verify-server-cert")
	}
	if l.Database != "" {
		arguments = append(arguments, "--database="+l.Database)
	}
	return append(arguments, callers...), nil
}
