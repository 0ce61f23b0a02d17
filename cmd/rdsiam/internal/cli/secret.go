package cli

import (
	"regexp"
	"strings"
)

// passwordInDSN is how DSNs have a password: as a URL, as go-sql-driver/mysql writes them, or
// in the keywords of libpq.
var passwordInDSN = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#@]*:[^@]+@|^[^@/]*:.+@(tcp|unix)?\(|(^|[\s?&])password\s*=\s*[^\s&]`)

// refusePasswords refuses a DSN with a password among the arguments. Every user of the
// machine can read those, and errors would repeat them. What stands after -- is for another
// program, and rdsiam local takes one for databases of developers.
func refusePasswords(args []string) error {
	for i, arg := range args {
		if arg == "--" {
			return nil
		}
		name, value, joined := strings.Cut(arg, "=")
		if !joined || !strings.HasPrefix(name, "--") {
			value = arg
			name = args[max(0, i-1)]
		}
		if args[0] == "local" && (name == "--postgres" || name == "--mysql") {
			continue
		}
		if passwordInDSN.MatchString(value) {
			fix := "ENDPOINT is HOST or HOST:PORT, and rdsiam needs no password"
			if args[0] == "provision" {
				fix = "put the DSN into $" + dsnVariable + " or the file of --dsn-file"
			}
			err := usagef("there is a password in the arguments, where every user of this machine can read it: change it; %s", fix)
			if args[0] == "connect" || args[0] == "exec" {
				err = notStarted(err)
			}
			return err
		}
	}
	return nil
}
