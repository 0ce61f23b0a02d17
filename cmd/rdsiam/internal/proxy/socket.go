package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rdsiam/rdsiam"
)

// maxSocketPath is the longest path of a socket that every system takes: macOS has 104
// bytes for it and its NUL, Linux 108.
const maxSocketPath = 103

// DefaultDirectory returns the directory of the socket for an endpoint, in the directory
// that the system has for such things of this user, or else in that for temporary files.
func DefaultDirectory(endpoint rdsiam.Endpoint) string {
	parent := filepath.Join(os.TempDir(), "rdsiam-"+strconv.Itoa(os.Geteuid()))
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		parent = filepath.Join(runtime, "rdsiam")
	}
	name, _, _ := strings.Cut(endpoint.Host(), ".")
	return filepath.Join(parent, name)
}

// listenSocket makes a socket that only this user can connect to: connecting needs the
// right to enter the directory, and to write to the socket.
func listenSocket(directory, name string) (net.Listener, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(directory, name)
	if len(path) > maxSocketPath {
		return nil, &rdsiam.ConfigError{Setting: "--listen", Value: directory,
			Problem: fmt.Sprintf("makes the path of the socket %d bytes long, and systems take %d", len(path), maxSocketPath), Fix: "give a shorter path"}
	}
	if err := makePrivate(directory); err != nil {
		return nil, err
	}
	// Else two that find the same stale socket would both remove it, one the other's.
	unlock, err := lockDirectory(directory)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, listenError(path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// makePrivate makes the directory and those above it that are not there, and makes sure that
// nobody else can enter it or put another in its place.
func makePrivate(directory string) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("cannot make the directory of the socket: %w", err)
	}
	for _, check := range []struct {
		path    string
		problem func(fs.FileInfo) string
	}{{filepath.Dir(directory), parentProblem}, {directory, privacyProblem}} {
		info, err := os.Lstat(check.path)
		if err != nil {
			return fmt.Errorf("cannot look at the directory of the socket: %w", err)
		}
		if problem := check.problem(info); problem != "" {
			return &rdsiam.ConfigError{Setting: "--listen", Value: check.path, Problem: problem,
				Fix: "name a directory of your own with mode 700, or one that is not there yet; or listen on 127.0.0.1"}
		}
	}
	return nil
}

func privacyProblem(info fs.FileInfo) string {
	switch uid, ok := owner(info); {
	case !info.IsDir():
		return "is not a directory"
	case !ok:
		return "belongs to an owner that this system does not tell"
	case uid != os.Geteuid():
		return "belongs to another user, who could put another socket there"
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Sprintf("can be entered by others (mode %03o)", info.Mode().Perm())
	}
	return ""
}

func parentProblem(info fs.FileInfo) string {
	const root = 0
	switch uid, ok := owner(info); {
	case info.Mode()&fs.ModeSymlink != 0: // its owner decides where the directory is
		return "is a symbolic link"
	case !ok || uid != os.Geteuid() && uid != root:
		return "belongs to another user, who could put another directory there"
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Sprintf("can be written to by others (mode %03o)", info.Mode().Perm())
	}
	return ""
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return &rdsiam.ConfigError{Setting: "--listen", Value: path, Problem: "is there and is no socket", Fix: "give another directory"}
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return listenError(path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return listenError(path, err)
	}
	return os.Remove(path)
}
