package client

import (
	"fmt"
	"strconv"
	"strings"
)

// MySQL returns the environment of the clients of MySQL and MariaDB. They take little
// from variables, so that home is a folder with an option file, see [Login.MySQLOptions],
// which they read.
// https://dev.mysql.com/doc/refman/en/option-files.html
func (l Login) MySQL(home string) Environment {
	e := Environment{Set: []Variable{
		{"MYSQL_HOST", l.Host},
		{"MYSQL_TCP_PORT", strconv.Itoa(int(l.Port))},
		{"MYSQL_HOME", home},
		{"LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN", "1"},
		{"MYSQL_PWD", l.Token},
	}}
	e.Unset = []string{"MARIADB_HOME", "MYSQL_UNIX_PORT"}
	return e
}

// MySQLOptions returns the text of an option file, without the token. What only MySQL or
// only MariaDB knows is marked as "loose", which lets the other one pass over it with a
// warning.
func (l Login) MySQLOptions() (string, error) {
	var text strings.Builder
	text.WriteString("[client]\nprotocol=tcp\nloose-ssl-mode=VERIFY_IDENTITY\nloose-ssl-verify-server-cert\n")
	for _, option := range []Variable{{"host", l.Host}, {"port", strconv.Itoa(int(l.Port))}, {"user", l.User}, {"ssl-ca", l.RootsFile}} {
		value, err := quoteOption(option.Value)
		if err != nil {
			return "", fmt.Errorf("cannot write the %s %q into an option file: %w", option.Name, option.Value, err)
		}
		text.WriteString(option.Name + "=" + value + "\n")
	}
	return text.String(), nil
}

// quoteOption quotes a value for an option file: within double quotes, backslashes
// escape, and a quote in the middle stands for itself. A number sign would begin a comment
// elsewhere.
func quoteOption(value string) (string, error) {
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("line breaks cannot be written there")
	}
	return `"` + strings.ReplaceAll(value, `\`, `\\`) + `"`, nil
}
