package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// TestProvisionScripts sets accounts up in real servers, as a runner with no more rights
// than the master user of RDS, and logs in with them.
func TestProvisionScripts(t *testing.T) {
	variables := append(startReal(t, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL,
		"ALTER ROLE runner CREATEROLE CREATEDB", "ALTER DATABASE postgres OWNER TO runner",
		"CREATE TABLE half (a int)", "GRANT SELECT ON half TO runner WITH GRANT OPTION",
		"ALTER ROLE \"o'neil\" CREATEROLE", "GRANT rds_iam TO \"o'neil\" WITH ADMIN OPTION"),
		startReal(t, "MARIADB", rdsiamtest.StartMySQL, realserver.StartMariaDB,
			"CREATE DATABASE sre", "CREATE TABLE sre.t (a INT)", "GRANT ALL ON *.* TO runner@'%' WITH GRANT OPTION")...)
	port := func(prefix string) string {
		for _, variable := range variables {
			if value, ok := strings.CutPrefix(variable, prefix+"_PORT="); ok {
				return value
			}
		}
		return ""
	}
	variables = append(variables, "ENDPOINT="+endpointHost, "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none", "LC_ALL=C.UTF-8",
		"PG_DSN=postgres://runner:a%20runner%27s%20password@127.0.0.1:"+port("PG")+"/postgres",
		"MARIADB_DSN=runner:a runner's password@tcp(127.0.0.1:"+port("MARIADB")+")/?tls=skip-verify")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script-provision",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, variables...)
			e.Vars = append(e.Vars, "HOME="+filepath.Join(e.WorkDir, "home"), "XDG_CACHE_HOME="+filepath.Join(e.WorkDir, "cache"))
			return nil
		},
	})
}
