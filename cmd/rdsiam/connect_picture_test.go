package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/terminalpicture"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

//go:generate go test -run TestConnectPicture -update .

var update = flag.Bool("update", false, "write the pictures for the documentation anew")

// What differs between machines in what psql prints.
var (
	psqlVersion = regexp.MustCompile(`psql \(\d+\.\d+[^\n]*\)`)
	psqlTLS     = regexp.MustCompile(`SSL connection \([^\n]*\)`)
	psqlPath    = regexp.MustCompile(`(?m)^/\S+/psql$`)
)

// TestConnectPicture draws psql in a terminal, logged in to a real server by rdsiam connect.
func TestConnectPicture(t *testing.T) {
	const width = 88
	variables := startReal(t, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL, "CREATE DATABASE shop OWNER app")
	environment := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "TERM=dumb", "PAGER=cat",
		"AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none"}, variables...)
	port := valueOf(t, variables, "_PORT")
	session := startInTerminal(t, t.TempDir(), environment, "rdsiam", "connect", endpointHost+":"+port, "--engine", "postgresql", "--dial", "127.0.0.1:"+port,
		"--root-cas", valueOf(t, variables, "_ROOTS"), "--user", "app", "--db", "shop")
	const prompt = "shop=> "
	text := session.until(prompt)
	for _, line := range []string{
		"select usename, ssl, version from pg_stat_activity join pg_stat_ssl using (pid)",
		"  where pid = pg_backend_pid();",
		`\! ps -o args= $PPID`,
	} {
		session.send(line + "\r")
		text += session.until("\nshop")
		text += session.until("> ")
	}
	session.send("\\q\r")
	text += session.rest()

	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = psqlVersion.ReplaceAllString(text, "psql (15.20)")
	text = psqlTLS.ReplaceAllString(text, "SSL connection (protocol: TLSv1.3, cipher: TLS_AES_256_GCM_SHA384, compression: off)")
	text = psqlPath.ReplaceAllString(text, "/usr/bin/psql")
	const command = "\x1b[2m$\x1b[0m rdsiam connect " + endpointHost + ":5432 \\\n    --user app --db shop\n"
	picture, err := terminalpicture.SVG(command+text, width)
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	golden(t, filepath.Join("..", "..", "docs", "connect.svg"), string(picture))
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s; if it should, run go generate\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}
