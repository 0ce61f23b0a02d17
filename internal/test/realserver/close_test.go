package realserver_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
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

// A server is closed while a login waits for its Check: Close ends the check,
// the login is refused, and nothing stays behind.
func TestCloseDuringCheck(t *testing.T) {
	for _, installation := range realserver.PostgreSQLs() {
		for _, method := range []realserver.Method{realserver.MethodPAM, realserver.MethodLDAP} {
			t.Run(installation.String()+"/"+string(method), func(t *testing.T) {
				testCloseDuringCheck(t, installation, method, func(s *realserver.Server, verified *tls.Config) error {
					_, err := pgLogin(t.Context(), s, verified, iamUser, goodToken)
					return err
				})
			})
		}
	}
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			testCloseDuringCheck(t, installation, "", func(s *realserver.Server, verified *tls.Config) error {
				return mySQL(t, s, verified, iamUser, goodToken).PingContext(t.Context())
			})
		})
	}
}

func testCloseDuringCheck(t *testing.T, installation realserver.Installation, method realserver.Method, logIn func(*realserver.Server, *tls.Config) error) {
	tempDir(t)
	entered, ended := make(chan struct{}), make(chan error, 1)
	o, verified := options(t, func(ctx context.Context, _, _ string) error {
		close(entered)
		<-ctx.Done()
		time.Sleep(200 * time.Millisecond) // a slow one, for which Close must wait
		ended <- ctx.Err()
		return nil // too late: the server is not there any more
	})
	o.Method = method
	s := start(t, installation.Start, o)
	dir := realserver.Workspace(s)
	if len(processesIn(t, dir)) == 0 {
		t.Fatal("no process found: the check at the end of this test could not fail")
	}

	login := make(chan error, 1)
	go func() { login <- logIn(s, verified) }()
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
		t.Error("the login succeeded")
	}
	if left := processesIn(t, dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files left in %s: %v", dir, err)
	}
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		conn.Close()
		t.Error("somebody still listens")
	}
}

// victimVariable makes the test binary a process that starts servers and waits
// to be killed.
const victimVariable = "RDSIAM_TEST_VICTIM"

func startAndWait() {
	t := &testing.T{}
	o, _ := options(t, func(context.Context, string, string) error { return errRefused })
	for _, installation := range slices.Concat(realserver.PostgreSQLs(), realserver.MySQLs()) {
		s, err := installation.Start(context.Background(), o)
		if err != nil {
			fmt.Printf("no %s: %v\n", installation, err)
			continue
		}
		fmt.Println(startedPrefix + realserver.Workspace(s))
	}
	fmt.Println("ready")
	select {}
}

// startedPrefix comes before the workspace of a server in what the victim prints.
const startedPrefix = "started in "

// The servers end with a process that cannot close them any more.
func TestEndWithKilledCaller(t *testing.T) {
	tempDir(t)
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimVariable+"=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		t.Log(lines.Text())
		if dir, ok := strings.CutPrefix(lines.Text(), startedPrefix); ok {
			dirs = append(dirs, dir)
			t.Cleanup(func() { os.RemoveAll(dir) })
		}
	}
	for _, dir := range dirs {
		if len(processesIn(t, dir)) == 0 {
			t.Errorf("no process found in %s: this test could not fail", dir)
		}
	}
	victim.Process.Kill()
	victim.Wait()
	if len(dirs) == 0 {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal("no server was started")
		}
		t.Skip("no server on this machine; sudo scripts/install-servers.sh installs them")
	}
	deadline := time.Now().Add(10 * time.Second)
	for _, dir := range dirs {
		for len(processesIn(t, dir)) > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("processes left in %s: %v", dir, processesIn(t, dir))
			}
			time.Sleep(10 * time.Millisecond) // nothing tells us when a process ends that is not our child
		}
	}
}
