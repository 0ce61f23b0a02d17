//go:build unix

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Directory is one of an agent, that only this user can enter.
type Directory struct {
	Path string
	lock *os.File // held as long as the agent lives: others remove directories without
}

// lockName is a file, since the proxy locks the directory itself while it makes a socket.
const lockName = "lock"

// longestParent leaves room for the directory and a socket: macOS has 104 bytes for all.
const longestParent = 50

// NewDirectory makes a directory whose name begins with label, and removes those that killed
// agents have left.
func NewDirectory(label string) (*Directory, error) {
	var problems error
	for _, parent := range parents() {
		if len(parent) > longestParent {
			continue
		}
		directory, err := newIn(parent, label[:min(len(label), 24)])
		if err == nil {
			return directory, nil
		}
		problems = errors.Join(problems, err)
	}
	return nil, fmt.Errorf("cannot make a directory for the client: %w; set XDG_RUNTIME_DIR to a directory of your own", problems)
}

// parents are the directories that systems have for such things, the best first.
func parents() (paths []string) {
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		paths = append(paths, filepath.Join(runtime, "rdsiam-connect"))
	}
	name := "rdsiam-connect-" + strconv.Itoa(os.Geteuid())
	return append(paths, filepath.Join(os.TempDir(), name), filepath.Join("/tmp", name))
}

func newIn(parent, label string) (*Directory, error) {
	const tries = 100
	for try := 1; ; try++ {
		directory, err := tryIn(parent, label)
		// Another agent that ends may have removed the parent.
		if try == tries || !errors.Is(err, fs.ErrNotExist) {
			return directory, err
		}
	}
}

func tryIn(parent, label string) (*Directory, error) {
	if err := makeOwn(parent); err != nil {
		return nil, err
	}
	unlock, err := lock(parent)
	if err != nil {
		return nil, err
	}
	defer unlock()
	sweep(parent)
	path, err := os.MkdirTemp(parent, label+"-")
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &Directory{path, file}, nil
}

// makeOwn makes a directory, or makes sure that nobody else can enter the one that is there.
func makeOwn(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(status.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a directory that only you can enter", path)
	}
	return nil
}

// sweep removes the directories of agents that do not live any more.
func sweep(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		path := filepath.Join(parent, entry.Name())
		file, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || flock(file, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		file.Close()
	}
}

// Remove removes the directory, and the one above if no other agent lives.
func (d *Directory) Remove() {
	defer d.lock.Close()
	parent := filepath.Dir(d.Path)
	if unlock, err := lock(parent); err == nil {
		defer unlock()
	}
	_ = os.RemoveAll(d.Path)
	_ = os.Remove(parent)
}

// lock waits until no other agent has the directory locked. It fails with fs.ErrNotExist if
// another one has removed it meanwhile, and maybe made a new one in its place.
func lock(path string) (unlock func(), err error) {
	directory, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = flock(directory, syscall.LOCK_EX)
	if err == nil {
		err = isStillAt(directory, path)
	}
	if err != nil {
		directory.Close()
		return nil, err
	}
	return func() { directory.Close() }, nil
}

func isStillAt(directory *os.File, path string) error {
	locked, err := directory.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(path)
	if err == nil && !os.SameFile(locked, there) {
		err = fs.ErrNotExist
	}
	return err
}

func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
