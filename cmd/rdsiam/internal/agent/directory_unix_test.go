//go:build unix

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/agent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runtimeDirectory is a short one: sockets have short paths.
func runtimeDirectory(t *testing.T) (parent string) {
	t.Helper()
	runtime, err := os.MkdirTemp("/tmp", "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	return filepath.Join(runtime, "rdsiam-connect")
}

func TestDirectory(t *testing.T) {
	parent := runtimeDirectory(t)
	first, err := agent.NewDirectory("orders")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(first.Path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if !strings.HasPrefix(first.Path, filepath.Join(parent, "orders-")) {
		t.Errorf("the path is %s", first.Path)
	}
	// What killed agents have left: a lock that nobody holds, or none yet.
	for _, left := range []string{"locked", "empty"} {
		if err := os.Mkdir(filepath.Join(parent, left), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(parent, "locked", "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := agent.NewDirectory(strings.Repeat("long", 20))
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
	first.Remove()
	if _, err := os.Stat(second.Path); err != nil {
		t.Error(err)
	}
	second.Remove()
	if _, err := os.Stat(parent); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestDirectoriesAtOnce(t *testing.T) {
	parent := runtimeDirectory(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			directory, err := agent.NewDirectory("orders")
			if err != nil {
				t.Error(err)
				return
			}
			if err := os.WriteFile(filepath.Join(directory.Path, "file"), nil, 0o600); err != nil {
				t.Error(err)
			}
			directory.Remove()
		})
	}
	all.Wait()
	if _, err := os.Stat(parent); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

// A directory that others can enter is not used.
func TestDirectoryOfOthers(t *testing.T) {
	parent := runtimeDirectory(t)
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	directory, err := agent.NewDirectory("orders")
	if err != nil {
		t.Fatal(err)
	}
	defer directory.Remove()
	if filepath.Dir(directory.Path) == parent {
		t.Errorf("uses %s", parent)
	}
}
