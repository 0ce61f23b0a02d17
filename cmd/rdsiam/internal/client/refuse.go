package client

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// settled are the options of the programs that say where to log in, as which user and with which
// TLS. Given once more they would send the token elsewhere, or unverified.
var settled = map[Family][]string{
	Psql:  {"-h", "--host", "-p", "--port", "-U", "--username", "-W", "--password"},
	Pgcli: {"-h", "--host", "-p", "--port", "-U", "-u", "--username", "--user", "-W", "--password", "-D", "--dsn", "--ssh-tunnel"},
	MySQL: {"-h", "--host", "-P", "--port", "-u", "--user", "-p", "--password", "-S", "--socket", "--protocol", "--login-path",
		"--ssl", "--ssl-*", "--skip-ssl*", "--disable-ssl*", "--tls-*", "--plugin-dir", "--default-auth", "--proxy-*"},
	Mycli: {"-h", "--host", "-P", "--port", "-u", "--user", "-p", "--password", "--pass", "-S", "--socket", "--ssl", "--no-ssl", "--ssl-*",
		"--tls-*", "-d", "--dsn", "--ssh-*", "-g", "--login-path"},
}

func (p Program) refuse(arguments []string) error {
	family := p.Family
	if family == MariaDB {
		family = MySQL
	}
	for _, argument := range arguments {
		if argument == "--" {
			break
		}
		if slices.ContainsFunc(settled[family], func(option string) bool { return matches(argument, option) }) {
			return fmt.Errorf("the option %s of %s is settled by rdsiam; leave it out", optionName(argument), p.Family)
		}
	}
	if family == Psql || family == Pgcli {
		if i := slices.IndexFunc(arguments, namesConnection); i >= 0 {
			return fmt.Errorf("%s would read from its argument %d where to connect, which is settled by rdsiam; name the database alone", p.Family, i+1)
		}
	}
	return nil
}

// connection matches what libpq takes for a whole connection where a database is named. No
// statement of SQL begins like this, and few variables of psql are called so.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
var connection = regexp.MustCompile(`^(-d|--dbname=)?(postgres(ql)?://|\s*(host|hostaddr|port|user|password|passfile|dbname|service|ssl\w+|gssencmode|require_auth)\s*=)`)

func namesConnection(argument string) bool { return connection.MatchString(argument) }

// matches reports whether argument gives option. Clients take "-hHOST" for "-h HOST", and
// abbreviated long options, which are refused from five letters on: fewer are ambiguous or
// other options.
func matches(argument, option string) bool {
	long := strings.HasPrefix(option, "--")
	if !strings.HasPrefix(argument, "-") || long != strings.HasPrefix(argument, "--") {
		return false
	}
	if !long {
		return strings.HasPrefix(argument, option)
	}
	name := strings.ReplaceAll(optionName(argument), "_", "-")
	if prefix, ok := strings.CutSuffix(option, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == option || len(name) >= 5 && strings.HasPrefix(option, name)
}

func optionName(argument string) string {
	if !strings.HasPrefix(argument, "--") {
		return argument[:min(2, len(argument))]
	}
	name, _, _ := strings.Cut(argument, "=")
	return name
}
