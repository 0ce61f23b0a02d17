package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// TestExecDrivers runs programs of other languages by exec, which know of rdsiam nothing but
// the variables that their drivers read.
func TestExecDrivers(t *testing.T) {
	postgreSQL := startReal(t, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL)
	mariaDB := startReal(t, "MARIADB", rdsiamtest.StartMySQL, realserver.StartMariaDB)
	const python = "/usr/bin/python3" // that of the distribution has its packages
	if output, err := exec.Command(python, "-c", "import psycopg").CombinedOutput(); err != nil {
		skipOrFail(t, "no psycopg for "+python+": "+string(output))
	}
	for _, test := range []struct {
		name, flags, script string
		variables           []string
	}{
		{"psycopg", "--engine postgresql --db postgres", python + ` -c 'import psycopg; print(psycopg.connect().execute("select current_user").fetchone()[0])'`, postgreSQL},
		{"psycopg on TCP", "--engine postgresql --db postgres --url U",
			python + ` -c 'import os, psycopg; print(psycopg.connect(os.environ["U"]).execute("select current_user").fetchone()[0])'`, postgreSQL},
		{"node pg", "--engine postgresql --db postgres",
			`node -e 'const c = new (require("pg").Client)(); c.connect().then(() => c.query("select current_user as me")).then(r => { console.log(r.rows[0].me); c.end() })'`, postgreSQL},
		{"node pg on TCP", "--engine postgresql --db postgres --url U",
			`node -e 'const c = new (require("pg").Client)(process.env.U); c.connect().then(() => c.query("select current_user as me")).then(r => { console.log(r.rows[0].me); c.end() })'`, postgreSQL},
		{"node mysql2", "--engine mariadb --db information_schema --url U",
			`node -e 'const c = require("mysql2").createConnection(process.env.U); c.query("select current_user() as me", (e, r) => { console.log(e || r[0].me.split("@")[0]); c.end() })'`, mariaDB},
	} {
		t.Run(test.name, func(t *testing.T) {
			port, roots := valueOf(t, test.variables, "_PORT"), valueOf(t, test.variables, "_ROOTS")
			arguments := append([]string{"exec", endpointHost + ":" + port, "--dial", "127.0.0.1:" + port, "--root-cas", roots, "--user", "app"}, strings.Fields(test.flags)...)
			command := exec.CommandContext(t.Context(), "rdsiam", append(arguments, "--", "sh", "-c", test.script)...)
			command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none"}, test.variables...)
			if strings.HasPrefix(test.name, "node") {
				command.Env = append(command.Env, "NODE_PATH="+nodeModules(t))
			}
			if output, err := command.CombinedOutput(); err != nil || string(output) != "app\n" {
				t.Errorf("%v: %s", err, output)
			}
		})
	}
}

// nodeModules returns the folder of the drivers for Node that the tests of
// internal/test/vectors/clients keep in the user's cache.
func nodeModules(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		skipOrFail(t, "no node in PATH")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(cache, "rdsiam", "node-*", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		skipOrFail(t, "no drivers for Node: run go test ./internal/test/vectors/clients in the root of the repository, which installs them")
	}
	return found[0]
}
