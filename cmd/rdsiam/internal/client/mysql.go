package client

import (
	"fmt"
	"strconv"
	"strings"
)

// MySQL returns the environment of the clients of MySQL and MariaDB. They take little from
// variables, and the rest from the option file in MYSQL_HOME, see [Login.MySQLOptions].
// https://dev.mysql.com/doc/refman/en/option-files.html
func (l Login) MySQL() Environment {
	e := Environment{
		Set: []Variable{{"MYSQL_HOME", l.Directory}},
		// With the plugin, a client would send passwords in clear to whoever asks.
		Unset: []string{"MARIADB_HOME", "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN"},
	}
	host := ""
	if l.Socket == "" {
		host = loopback
	}
	e.setOrUnset("MYSQL_HOST", host)
	e.setOrUnset("MYSQL_UNIX_PORT", l.Socket)
	e.setOrUnset("MYSQL_TCP_PORT", strconv.Itoa(int(l.mysqlPort())))
	e.setOrUnset("MYSQL_PWD", l.Password)
	return e
}

// mysqlPort is never 0: without a port, mycli looks for another socket.
func (l Login) mysqlPort() uint16 {
	if l.Socket != "" {
		return 3306
	}
	return l.Port
}

// MySQLOptions returns the text of an option file.
func (l Login) MySQLOptions() (string, error) {
	options := []Variable{{"protocol", "socket"}, {"socket", l.Socket}}
	if l.Socket == "" {
		options = []Variable{{"protocol", "tcp"}, {"host", loopback}, {"port", strconv.Itoa(int(l.Port))}}
	}
	var text strings.Builder
	text.WriteString("[client]\n")
	if err := writeOptions(&text, append(options, Variable{"user", l.User})); err != nil {
		return "", err
	}
	if l.Database != "" {
		text.WriteString("[mysql]\n")
		if err := writeOptions(&text, []Variable{{"database", l.Database}}); err != nil {
			return "", err
		}
	}
	// From 11.4 on, MariaDB's clients want TLS of a socket as well. MySQL's do not read this.
	text.WriteString("[client-mariadb]\nskip-ssl\nskip-ssl-verify-server-cert\n")
	return text.String(), nil
}

func writeOptions(text *strings.Builder, options []Variable) error {
	for _, option := range options {
		value, err := quoteOption(option.Value)
		if err != nil {
			return fmt.Errorf("cannot write the %s %q into an option file: %w", option.Name, option.Value, err)
		}
		text.WriteString(option.Name + "=" + value + "\n")
	}
	return nil
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
