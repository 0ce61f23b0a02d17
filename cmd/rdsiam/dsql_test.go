package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A cluster of Aurora DSQL is an ENDPOINT like others, where people log in.
func TestDSQL(t *testing.T) {
	const cluster = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws"
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithEndpoint(cluster), rdsiamtest.WithIAMUser("app", "admin"))
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	credentials := server.Identities()[0].Credentials
	environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "XDG_RUNTIME_DIR=" + shortDirectory(t), "LC_ALL=C.UTF-8",
		"AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + credentials.SecretAccessKey, "AWS_SESSION_TOKEN=" + credentials.SessionToken}
	way := []string{"--dial", server.Addr().String(), "--root-cas", roots}
	for _, test := range []struct {
		name  string
		needs string // a program
		code  int
		want  string
		words []string
	}{
		{"token", "", 0, cluster + "/?Action=DbConnect&", []string{"token", cluster, "--user", "app"}},
		{"token of admin", "", 0, cluster + "/?Action=DbConnectAdmin&", []string{"token", cluster, "--user", "admin"}},
		{"connect", "psql", 0, "app", append([]string{"connect", cluster + ":5432", "--user", "app", "--client", "psql"}, append(way, "--", "-Atc", "select current_user")...)},
		{"connect as admin", "psql", 0, "admin", append([]string{"connect", cluster + ":5432", "--user", "admin", "--client", "psql"}, append(way, "--", "-Atc", "select current_user")...)},
		{"a role that is not granted", "psql", 2, "IAM authentication failed for user", append([]string{"connect", cluster + ":5432", "--user", "stranger", "--client", "psql"}, append(way, "--", "-c", "select 1")...)},
		{"doctor", "", 0, "app logged in", append([]string{"doctor", cluster + ":5432", "--user", "app", "--offline"}, way...)},
		{"doctor of a role that is not granted", "", 5, `CREATE ROLE "stranger" WITH LOGIN; AWS IAM GRANT "stranger" TO`, append([]string{"doctor", cluster + ":5432", "--user", "stranger", "--offline"}, way...)},
		{"policy", "", 2, "dsql:DbConnect", []string{"policy", cluster, "--user", "app"}},
		{"status", "", 2, "dsql:DbConnect", []string{"status", cluster}},
		{"provision", "", 2, "AWS IAM GRANT", []string{"provision", "apply", "--endpoint", cluster, "--as", "admin", "--user", "app", "--grant", "select on all tables in schema public"}},
		{"as MySQL", "", 125, "the protocol of PostgreSQL only", append([]string{"connect", cluster + ":3306", "--engine", "mysql", "--user", "app", "--client", "mysql"}, way...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.needs != "" {
				if _, err := exec.LookPath(test.needs); err != nil {
					skipOrFail(t, err.Error())
				}
			}
			command := exec.CommandContext(t.Context(), "rdsiam", test.words...)
			command.Env = environment
			output, err := command.CombinedOutput()
			if got := command.ProcessState.ExitCode(); got != test.code || !strings.Contains(string(output), test.want) {
				t.Errorf("%q: %v, %s\nwant exit code %d and %q", test.words, err, output, test.code, test.want)
			}
		})
	}
	for _, login := range server.Logins() {
		if login.User != "stranger" && !login.Accepted {
			t.Errorf("%+v", login)
		}
	}
}
