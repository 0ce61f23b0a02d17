package client_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

var login = client.Login{Host: "db.abc123.eu-west-1.rds.amazonaws.com", Port: 3306, User: "app", Token: "the token", RootsFile: "/roots.pem"}

func TestApply(t *testing.T) {
	e := client.Environment{Set: []client.Variable{{Name: "PGHOST", Value: "db"}}, Unset: []string{"PGSERVICE"}}
	got := e.Apply([]string{"PATH=/bin", "PGHOST=elsewhere", "PGHOSTS=kept", "PGSERVICE=x", "PGSERVICEFILE=kept", "odd"})
	if want := []string{"PATH=/bin", "PGHOSTS=kept", "PGSERVICEFILE=kept", "odd", "PGHOST=db"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPostgreSQLEnvironment(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*client.Login)
		has    []string
		unset  []string
	}{
		{"always", func(*client.Login) {}, []string{"PGHOST=" + login.Host, "PGPORT=3306", "PGUSER=app", "PGSSLMODE=verify-full",
			"PGSSLROOTCERT=/roots.pem", "PGGSSENCMODE=disable", "PGPASSWORD=the token"}, []string{"PGSERVICE", "PGHOSTADDR", "PGDATABASE", "PGCHANNELBINDING"}},
		{"address", func(l *client.Login) { l.Address = "127.0.0.1" }, []string{"PGHOSTADDR=127.0.0.1"}, nil},
		{"database", func(l *client.Login) { l.Database = "app" }, []string{"PGDATABASE=app"}, nil},
		{"cleartext only", func(l *client.Login) { l.CleartextOnly = true }, []string{"PGREQUIREAUTH=password"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := login
			test.change(&l)
			e := l.PostgreSQL()
			set := e.Apply(nil)
			for _, want := range test.has {
				if !slices.Contains(set, want) {
					t.Errorf("%q is not set", want)
				}
			}
			for _, name := range test.unset {
				if !slices.Contains(e.Unset, name) {
					t.Errorf("%s is left as it was", name)
				}
			}
		})
	}
}

func TestMySQLOptions(t *testing.T) {
	l := login
	l.User = `a"b\c#d`
	text, err := l.MySQLOptions()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`user="a"b\\c#d"`, `ssl-ca="/roots.pem"`, "loose-ssl-mode=VERIFY_IDENTITY", "loose-ssl-verify-server-cert"} {
		if !slices.Contains(strings.Split(text, "\n"), line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, "the token") {
		t.Error("the file has the token")
	}
	l.User = "app\npassword=x"
	if text, err := l.MySQLOptions(); err == nil {
		t.Errorf("a user with a line break gives\n%s", text)
	}
}

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		name    string
		family  client.Family
		callers []string
		want    string
	}{
		{"psql", client.Psql, []string{"-c", "select 1 where user = 'x'"}, "-c|select 1 where user = 'x'"},
		{"mysql", client.MySQL, []string{"-e", "x"}, "--no-defaults|--protocol=tcp|--host=" + login.Host + "|--port=3306|--user=app|--ssl-ca=/roots.pem|--ssl-mode=VERIFY_IDENTITY|--enable-cleartext-plugin|-e|x"},
		{"mariadb", client.MariaDB, nil, "--no-defaults|--protocol=tcp|--host=" + login.Host + "|--port=3306|--user=app|--ssl-ca=/roots.pem|--ssl-verify-server-cert"},
		{"option file", client.MariaDB, []string{"--defaults-file=x", "-N"}, "--defaults-file=x|--protocol=tcp|--host=" + login.Host + "|--port=3306|--user=app|--ssl-ca=/roots.pem|--ssl-verify-server-cert|-N"},
		{"mycli", client.Mycli, nil, "--host|" + login.Host + "|--port|3306|--user|app|--ssl-ca|/roots.pem|--ssl-verify-server-cert"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := client.Program{Family: test.family}.Arguments(login, test.callers)
			if joined := strings.Join(got, "|"); err != nil || joined != test.want {
				t.Errorf("got %s, %v\nwant %s", joined, err, test.want)
			}
			if strings.Contains(strings.Join(got, " "), login.Token) {
				t.Error("the token is among the arguments")
			}
		})
	}
}

func TestArgumentsKeepTheCallers(t *testing.T) {
	callers := []string{"--defaults-file=x", "-N"}
	if _, err := (client.Program{Family: client.MariaDB}).Arguments(login, callers); err != nil || callers[1] != "-N" {
		t.Errorf("the caller's arguments are now %q, %v", callers, err)
	}
}

func TestArgumentsRefuse(t *testing.T) {
	for _, test := range []struct {
		family   client.Family
		argument string
	}{
		{client.Psql, "-h"}, {client.Psql, "-hx"}, {client.Psql, "--host=x"}, {client.Psql, "--usern=x"}, {client.Psql, "-W"}, {client.Psql, "-p"},
		{client.Psql, "host=elsewhere"}, {client.Psql, " sslmode = disable"}, {client.Psql, "postgres://elsewhere"}, {client.Psql, "-dhost=x"}, {client.Psql, "--dbname=postgresql://x"},
		{client.Pgcli, "-u"}, {client.Pgcli, "postgres://elsewhere"}, {client.Pgcli, "--ssh-tunnel"},
		{client.MySQL, "--host=x"}, {client.MySQL, "-px"}, {client.MySQL, "--ssl-mode=DISABLED"}, {client.MySQL, "--skip-ssl"}, {client.MySQL, "--ssl_mode=x"},
		{client.MySQL, "--plugin-dir=x"}, {client.MySQL, "--socket=x"}, {client.MariaDB, "--disable-ssl-verify-server-cert"}, {client.MariaDB, "--ssl=0"},
		{client.Mycli, "--no-ssl"}, {client.Mycli, "-d"}, {client.Mycli, "--pass"},
	} {
		t.Run(string(test.family)+" "+test.argument, func(t *testing.T) {
			if got, err := (client.Program{Family: test.family}).Arguments(login, []string{test.argument}); err == nil {
				t.Errorf("accepted: %q", got)
			}
		})
	}
	through := login
	through.Address = "127.0.0.1"
	for _, family := range []client.Family{client.MySQL, client.MariaDB, client.Mycli} {
		if _, err := (client.Program{Family: family}).Arguments(through, nil); !errors.Is(err, client.ErrAddress) {
			t.Errorf("%s through a tunnel: %v", family, err)
		}
	}
}

func TestArgumentsAllow(t *testing.T) {
	for family, arguments := range map[client.Family][]string{
		client.Psql:    {"-c", "-Atc", "--html", "--pset=x", "-X", "app", "-v", "x=1", "select 'host=x'", "--", "-h"},
		client.MariaDB: {"-N", "-B", "--batch", "--show-warnings", "--html", "app"},
		client.Mycli:   {"--execute", "select 1", "--csv"},
	} {
		if _, err := (client.Program{Family: family}).Arguments(login, arguments); err != nil {
			t.Errorf("%s: %v", family, err)
		}
	}
}

func TestFind(t *testing.T) {
	folder := t.TempDir()
	write := func(name, script string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
	if _, err := client.Find("", client.ForMySQL); !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "mysql, mariadb, mycli") {
		t.Errorf("with none: %v", err)
	}
	write("mysql", `echo "mysql  Ver 15.1 Distrib 10.11.19-MariaDB"`)
	if got, err := client.Find("", client.ForMySQL); err != nil || got.Family != client.MariaDB {
		t.Errorf("MariaDB's mysql: %v, %v", got, err)
	}
	write("mysql", `echo "mysql  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server)"`)
	if got, err := client.Find("mysql", client.ForMySQL); err != nil || got.Family != client.MySQL {
		t.Errorf("MySQL's mysql: %v, %v", got, err)
	}
	if _, err := client.Find("vim", client.ForMySQL); err == nil || !strings.Contains(err.Error(), "rdsiam exec") {
		t.Errorf("another program: %v", err)
	}
}

func TestFiles(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	files, err := client.UserFiles()
	if err != nil {
		t.Fatal(err)
	}
	path, err := files.Write("roots.pem", "text")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("changed by somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := files.Write("roots.pem", "text")
	if err != nil || again != path {
		t.Fatalf("the same text is at %s and %s, %v", path, again, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	other, err := files.Write("roots.pem", "other")
	if err != nil || other == path {
		t.Errorf("another text is at %s too, %v", other, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestRootsPEM(t *testing.T) {
	system := filepath.Join(t.TempDir(), "system.pem")
	if err := os.WriteFile(system, []byte("-----BEGIN CERTIFICATE-----\nof the system\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	resolve := func(host string) rdsiam.Endpoint {
		endpoint, err := rdsiam.ResolveEndpoint(host, 5432)
		if err != nil {
			t.Fatal(err)
		}
		return endpoint
	}
	instance, cluster := resolve("db.abc123.eu-west-1.rds.amazonaws.com"), resolve("db.cluster-abc123.eu-west-1.rds.amazonaws.com")
	proxy := resolve("db.proxy-abc123.eu-west-1.rds.amazonaws.com")
	for _, test := range []struct {
		name        string
		endpoint    rdsiam.Endpoint
		rds, system bool
	}{{"instance", instance, true, false}, {"cluster", cluster, true, true}, {"proxy", proxy, false, true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SSL_CERT_FILE", system)
			text, err := client.RootsPEM(test.endpoint)
			if err != nil || strings.Contains(text, "\nMI") != test.rds || strings.Contains(text, "of the system") != test.system {
				t.Errorf("%v; RDS %v, system %v", err, strings.Contains(text, "\nMI"), strings.Contains(text, "of the system"))
			}
		})
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(t.TempDir(), "none"))
	if text, err := client.RootsPEM(cluster); err != nil || text == "" {
		t.Errorf("a cluster without roots of the system: %q, %v", text, err)
	}
	if _, err := client.RootsPEM(proxy); !errors.Is(err, client.ErrNoSystemRoots) {
		t.Errorf("a proxy without roots of the system: %v", err)
	}
}
