package client_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

var (
	onSocket = client.Login{Proxy: client.Proxy{Directory: "/run/d", Socket: "/run/d/s"}, User: "app"}
	onTCP    = client.Login{Proxy: client.Proxy{Directory: "/run/d", Port: 1234, Password: "pw"}, User: "app", Database: "shop"}
)

func TestApply(t *testing.T) {
	e := client.Environment{Set: []client.Variable{{Name: "PGHOST", Value: "db"}}, Unset: []string{"PGSERVICE"}}
	got := e.Apply([]string{"PATH=/bin", "PGHOST=elsewhere", "PGHOSTS=kept", "PGSERVICE=x", "PGSERVICEFILE=kept", "odd"})
	if want := []string{"PATH=/bin", "PGHOSTS=kept", "PGSERVICEFILE=kept", "odd", "PGHOST=db"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEnvironment(t *testing.T) {
	stale := []string{"PGPASSWORD=stale", "PGSERVICE=x", "PGSSLMODE=require", "PGDATABASE=x", "PGHOSTADDR=x", "PGOPTIONS=-c a=b",
		"MYSQL_PWD=stale", "MYSQL_HOST=x", "MYSQL_UNIX_PORT=x", "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN=1", "MARIADB_HOME=x"}
	for _, test := range []struct {
		name string
		of   client.Environment
		want string
	}{
		{"PostgreSQL", onSocket.PostgreSQL(), "PGGSSENCMODE=disable|PGHOST=/run/d|PGOPTIONS=-c a=b|PGPORT=5432|PGSSLMODE=disable|PGUSER=app"},
		{"PostgreSQL on TCP", onTCP.PostgreSQL(), "PGDATABASE=shop|PGGSSENCMODE=disable|PGHOST=127.0.0.1|PGOPTIONS=-c a=b|PGPASSWORD=pw|PGPORT=1234|PGSSLMODE=disable|PGUSER=app"},
		{"MySQL", onSocket.MySQL(), "MYSQL_HOME=/run/d|MYSQL_TCP_PORT=3306|MYSQL_UNIX_PORT=/run/d/s"},
		{"MySQL on TCP", onTCP.MySQL(), "MYSQL_HOME=/run/d|MYSQL_HOST=127.0.0.1|MYSQL_PWD=pw|MYSQL_TCP_PORT=1234"},
	} {
		t.Run(test.name, func(t *testing.T) {
			prefix := test.want[:2] // those of the other engine are not its business
			got := slices.DeleteFunc(test.of.Apply(stale), func(v string) bool { return !strings.HasPrefix(v, prefix) })
			slices.Sort(got)
			if joined := strings.Join(got, "|"); joined != test.want {
				t.Errorf("got %s\nwant %s", joined, test.want)
			}
			if environ := test.of.Apply(stale); prefix == "MY" && slices.Contains(environ, "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN=1") {
				t.Error("passwords are sent in clear to whoever asks")
			}
		})
	}
}

func TestURL(t *testing.T) {
	l := onTCP
	l.User = "o'neil@x"
	if got, want := l.PostgreSQLURL(), "postgresql://o%27neil%40x:pw@127.0.0.1:1234/shop?sslmode=disable"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := onTCP.MySQLURL(), "mysql://app:pw@127.0.0.1:1234/shop"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMySQLOptions(t *testing.T) {
	l := onSocket
	l.User, l.Database = `a"b\c#d`, "shop"
	text, err := l.MySQLOptions()
	const want = "[client]\nprotocol=\"socket\"\nsocket=\"/run/d/s\"\nuser=\"a\"b\\\\c#d\"\n[mysql]\ndatabase=\"shop\"\n" +
		"[client-mariadb]\nskip-ssl\nskip-ssl-verify-server-cert\n"
	if err != nil || text != want {
		t.Errorf("got %s, %v", text, err)
	}
	if text, err := onTCP.MySQLOptions(); err != nil || !strings.Contains(text, "protocol=\"tcp\"\nhost=\"127.0.0.1\"\nport=\"1234\"\n") || strings.Contains(text, "pw") {
		t.Errorf("got %s, %v", text, err)
	}
	l.User = "app\npassword=x"
	if text, err := l.MySQLOptions(); err == nil {
		t.Errorf("a user with a line break gives\n%s", text)
	}
	l.User, l.Database = "app", "a\nb"
	if text, err := l.MySQLOptions(); err == nil {
		t.Errorf("a database with a line break gives\n%s", text)
	}
}

// installed puts scripts that print a version into PATH.
func installed(t *testing.T, versions map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, version := range versions {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\necho '"+version+"'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
}

func TestArguments(t *testing.T) {
	installed(t, map[string]string{"psql": "", "pg_dump": "", "mysql": "mysql  Ver 9.7.4 (MySQL Community Server)", "mysqldump": "9.7.4",
		"mariadb": "from 11.8.9-MariaDB", "mycli": ""})
	// psql's own arguments are the caller's, whatever they say.
	const toSocket, toTCP = "--user=app|--host=localhost|--protocol=socket|--socket=/run/d/s|", "--user=app|--protocol=tcp|--host=127.0.0.1|--port=1234|"
	for _, test := range []struct {
		name    string
		login   client.Login
		callers []string
		want    string
	}{
		{"psql", onTCP, []string{"host=elsewhere", "-W"}, "host=elsewhere|-W"},
		{"pg_dump", onSocket, nil, ""},
		{"mysql", onSocket, []string{"-e", "x"}, toSocket + "--ssl-mode=DISABLED|-e|x"},
		{"mysql", onTCP, nil, toTCP + "--ssl-mode=DISABLED|--database=shop"},
		{"mysqldump", onSocket, []string{"--defaults-file=x", "--no-login-paths", "app"}, "--defaults-file=x|--no-login-paths|" + toSocket + "--ssl-mode=DISABLED|app"},
		{"mariadb", onSocket, []string{"--no-defaults", "-N"}, "--no-defaults|" + toSocket + "--skip-ssl|--skip-ssl-verify-server-cert|-N"},
		{"mycli", onSocket, []string{"--csv"}, "--port|3306|--user|app|--socket|/run/d/s|--csv"},
		{"mycli", onTCP, nil, "--port|1234|--user|app|--host|127.0.0.1|--database|shop"},
	} {
		names := client.ForMySQL
		if strings.HasPrefix(test.name, "p") {
			names = client.ForPostgreSQL
		}
		program, err := client.Find(test.name, names)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(test.callers)
		got, err := program.Arguments(test.login, test.callers)
		if joined := strings.Join(got, "|"); err != nil || joined != test.want {
			t.Errorf("%s: got %s, %v\nwant %s", test.name, joined, err, test.want)
		}
		if !slices.Equal(before, test.callers) {
			t.Errorf("%s: the caller's arguments are now %q", test.name, test.callers)
		}
	}
	program, err := client.Find("mysqldump", client.ForMySQL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.Arguments(onTCP, nil); !errors.Is(err, client.ErrNoDatabase) {
		t.Errorf("mysqldump with a database: %v", err)
	}
}

func TestFind(t *testing.T) {
	installed(t, nil)
	if _, err := client.Find("", client.ForMySQL); !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "mysql, mariadb, mycli") {
		t.Errorf("with none: %v", err)
	}
	installed(t, map[string]string{"mysql": "mysql  Ver 15.1 Distrib 10.11.19-MariaDB"})
	program, err := client.Find("", client.ForMySQL)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := program.Arguments(onSocket, nil); err != nil || !slices.Contains(got, "--skip-ssl") {
		t.Errorf("MariaDB's mysql: %q, %v", got, err)
	}
	for name, names := range map[string][]string{"vim": client.ForMySQL, "mysql": client.ForPostgreSQL, "psql": client.ForMariaDB} {
		if _, err := client.Find(name, names); err == nil || !strings.Contains(err.Error(), "rdsiam exec") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
