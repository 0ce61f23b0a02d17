//go:build linux

package main

import (
	"os/exec"
	"testing"

	"github.com/creack/pty"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// TestJobControl stops, resumes and interrupts clients from a shell in a terminal.
func TestJobControl(t *testing.T) {
	postgreSQL := startReal(t, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL)
	mariaDB := startReal(t, "MARIADB", rdsiamtest.StartMySQL, realserver.StartMariaDB)
	for _, test := range []struct {
		client, prompt, sleep, asks, canceled, flags string
		variables                                    []string
	}{
		{"psql", "postgres=> ", "select pg_sleep(60);", `psql -Atc "select count(*) from pg_stat_activity where wait_event = \$\$PgSleep\$\$"`,
			"canceling statement due to user request", "--engine postgresql --db postgres", postgreSQL},
		{"mariadb", "[(none)]> ", "select sleep(60);", `mariadb -Ne "select count(*) from information_schema.processlist where state = \"User sleep\""`,
			"[(none)]> ", "--engine mariadb", mariaDB},
	} {
		t.Run(test.client, func(t *testing.T) {
			if _, err := exec.LookPath(test.client); err != nil {
				skipOrFail(t, "no "+test.client+" in PATH")
			}
			lab := newClientLab(t, append(test.variables, "PS1=$ ")...)
			port := valueOf(t, test.variables, "_PORT")
			way := endpointHost + ":" + port + " --dial 127.0.0.1:" + port + " --root-cas " + valueOf(t, test.variables, "_ROOTS") + " --user app " + test.flags
			shell := startInTerminal(t, t.TempDir(), lab.environment, "bash", "--norc", "-i")
			shell.until("$ ")
			shell.send("rdsiam connect " + way + " --client " + test.client + "\r")
			shell.until(test.prompt)
			for range 2 {
				shell.sendUntil("\x1a", "Stopped")
				shell.until("$ ")
				shell.send("jobs\r")
				shell.until("Stopped")
				shell.until("$ ")
				shell.send("fg\r")
				shell.until(test.client)
				shell.send("\r")
				shell.until(test.prompt)
				shell.send("select 6*7 as a;\r")
				shell.until("42")
				shell.until(test.prompt)
			}
			if err := pty.Setsize(shell.end, &pty.Winsize{Rows: 33, Cols: 300}); err != nil {
				t.Fatal(err)
			}
			shell.send(`\! stty size` + "\r")
			shell.until("33 300")
			shell.until(test.prompt)
			shell.send(test.sleep + "\r")
			shell.until(test.sleep)
			waitForQuery(t, lab, way, test.asks) // a terminal forgets what is typed before Ctrl-C
			shell.send("\x03")
			shell.until(test.canceled)
			shell.send("\\q\r")
			shell.until("$ ")
			shell.send("echo ended $?; exit\r")
			shell.until("ended 0")
			lab.nothingLeft()
		})
	}
}

// A client whose terminal is closed ends, and its proxy with it.
func TestClosedTerminal(t *testing.T) {
	lab := newClientLab(t)
	session := startInTerminal(t, t.TempDir(), lab.environment, "bash", "--norc", "-c", "exec rdsiam exec $ENDPOINT --user app -- sh -c 'echo runs; exec sleep 600'")
	session.until("runs")
	if err := session.end.Close(); err != nil {
		t.Fatal(err)
	}
	lab.nothingLeft()
}

// waitForQuery waits until the command asks prints 1, run with the way to the server.
func waitForQuery(t *testing.T, lab *clientLab, way, asks string) {
	t.Helper()
	command := lab.shell("exec rdsiam exec " + way + " -- sh -c 'until " + asks + " | grep -q 1; do :; done'")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}
