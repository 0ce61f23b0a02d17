package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CheckMySQLOptionFile looks into ~/.my.cnf, which clients of MySQL and MariaDB read after
// what [Login.MySQL] gives them, and refuses one that turns the verification of the server
// off: the token would be sent to whoever answers.
func CheckMySQLOptionFile() error {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil // clients find none either
	}
	name := filepath.Join(home, ".my.cnf")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look whether it turns verified TLS off: %w", err)
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if weakensTLS(line) {
			return fmt.Errorf("%s, line %d: %s lets clients send the token to a server that is not verified; take it out, or run the client by rdsiam connect",
				name, number, strings.TrimSpace(line))
		}
	}
	return nil
}

// weakensTLS reports whether a line of an option file turns the verification of the server
// off, or may do so in another file.
// https://dev.mysql.com/doc/refman/en/option-files.html
func weakensTLS(line string) bool {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "!include") {
		return true
	}
	option, value, _ := strings.Cut(line, "=")
	option = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(option)), "_", "-")
	option = strings.TrimPrefix(option, "loose-")
	value, _, _ = strings.Cut(value, "#")
	value = strings.ToLower(strings.Trim(strings.TrimSpace(value), `"'`))
	switch option {
	case "skip-ssl", "disable-ssl", "skip-ssl-verify-server-cert", "disable-ssl-verify-server-cert":
		return true
	case "ssl-mode":
		return value != "verify_identity"
	case "ssl", "ssl-verify-server-cert":
		return slices.Contains([]string{"0", "off", "false"}, value)
	}
	return false
}
