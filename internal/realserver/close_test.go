package realserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/realserver"
)

// tempDir sets TMPDIR to a directory that the user of a server can enter.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rdsiam-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	return dir
}

// processesIn lists the processes whose working directory is below dir.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir) {
			found = append(found, filepath.Base(filepath.Dir(link)))
		}
	}
	return found
}

// A server is closed while a log-in waits for its Check: Close ends the check,
// the log-in is refused, and nothing stays behind.
func TestCloseDuringCheck(t *testing.T) {
	tests := []struct {
		name   string
		start  startFunc
		method realserver.Method
	}{
		{"pam", realserver.StartPostgreSQL, realserver.MethodPAM},
		{"ldap", realserver.StartPostgreSQL, realserver.MethodLDAP},
		{"mariadb", realserver.StartMariaDB, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tempDir(t)
			entered, ended := make(chan struct{}), make(chan error, 1)
			o, verified := options(t, func(ctx context.Context, _, _ string) error {
				close(entered)
				<-ctx.Done()
				time.Sleep(200 * time.Millisecond) // a slow one, for which Close must wait
				ended <- ctx.Err()
				return nil // too late: the server is not there any more
			})
			o.Method = tt.method
			s := start(t, tt.start, o)
			if len(processesIn(t, dir)) == 0 {
				t.Fatal("no process found: the check at the end of this test could not fail")
			}

			login := make(chan error, 1)
			go func() {
				if tt.name == "mariadb" {
					login <- mariaDB(t, s, verified, iamUser, goodToken).PingContext(t.Context())
					return
				}
				_, err := pgLogin(t.Context(), s, verified, iamUser, goodToken)
				login <- err
			}()
			<-entered
			begin := time.Now()
			s.Close()
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("Close took %v", took)
			} else {
				t.Logf("Close took %v", took.Round(time.Millisecond))
			}
			s.Close() // a second time does nothing

			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("check ended with %v", err)
				}
			default:
				t.Error("Close returned before the check")
			}
			if err := <-login; err == nil {
				t.Error("the log-in succeeded")
			}
			if left := processesIn(t, dir); len(left) > 0 {
				t.Errorf("processes left: %v", left)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("files left: %v, error %v", left, err)
			}
			if conn, err := net.Dial("tcp", s.Addr()); err == nil {
				conn.Close()
				t.Error("somebody still listens")
			}
		})
	}
}

// victimVariable makes the test binary a process that starts servers and waits
// to be killed.
const victimVariable = "RDSIAM_TEST_VICTIM"

func startAndWait() {
	t := &testing.T{}
	o, _ := options(t, func(context.Context, string, string) error { return errRefused })
	for name, start := range map[string]startFunc{"PostgreSQL": realserver.StartPostgreSQL, "MariaDB": realserver.StartMariaDB} {
		if _, err := start(context.Background(), o); err != nil {
			fmt.Printf("no %s: %v\n", name, err)
			continue
		}
		fmt.Println("started", name)
	}
	fmt.Println("ready")
	select {}
}

// The servers end with a process that cannot close them any more.
func TestEndWithKilledCaller(t *testing.T) {
	dir := tempDir(t)
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimVariable+"=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	started := 0
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		t.Log(lines.Text())
		if strings.HasPrefix(lines.Text(), "started ") {
			started++
		}
	}
	before := len(processesIn(t, dir))
	victim.Process.Kill()
	victim.Wait()
	if started == 0 && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip("no server on this machine")
	}
	if before < started {
		t.Errorf("%d processes of %d servers found: this test could not fail", before, started)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(processesIn(t, dir)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("processes left: %v", processesIn(t, dir))
		}
		time.Sleep(10 * time.Millisecond) // nothing tells us when a process ends that is not our child
	}
}
