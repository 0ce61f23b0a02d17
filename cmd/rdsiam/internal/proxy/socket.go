package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rdsiam/rdsiam"
)

// maxSocketPath is the longest path of a socket that every system takes: macOS has 104
// bytes for it and its NUL, Linux 108.
const maxSocketPath = 103

// DefaultDirectory returns the directory of the socket for a login. Its name begins with the
// first label of the host, which several clusters may have, and ends in a hash of the login.
func DefaultDirectory(login rdsiam.Login) string {
	const longest, longestSocket = 32, ".s.PGSQL.5432"
	label, _, _ := strings.Cut(login.Endpoint.Host(), ".")
	sum := sha256.Sum256([]byte(login.User + "@" + login.Endpoint.String()))
	name := label[:min(len(label), longest)] + "-" + hex.EncodeToString(sum[:4])
	for _, parent := range defaultParents() {
		if directory := filepath.Join(parent, name); len(filepath.Join(directory, longestSocket)) <= maxSocketPath {
			return directory
		}
	}
	return filepath.Join("/tmp", ownName(), name)
}

// defaultParents are the directories that the system has for such things of this user, the
// best first.
func defaultParents() (parents []string) {
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		parents = append(parents, filepath.Join(runtime, "rdsiam"))
	}
	return append(parents, filepath.Join(os.TempDir(), ownName()), filepath.Join("/tmp", ownName()))
}

func ownName() string { return "rdsiam-" + strconv.Itoa(os.Geteuid()) }

// socket is a listener that leaves nothing behind.
type socket struct {
	net.Listener
	directory string
	own       []string // directories that are removed at the end, if nothing else is in them
	closing   sync.Once
}

// Close removes the socket, and the directories that were made for it.
func (s *socket) Close() error {
	err := net.ErrClosed
	s.closing.Do(func() {
		if unlock, lockErr := lockDirectory(s.directory); lockErr == nil {
			defer unlock()
		}
		err = s.Listener.Close()
		removeAll(s.own)
	})
	return err
}

// removeAll removes directories that are empty.
func removeAll(directories []string) {
	for _, directory := range directories {
		_ = os.Remove(directory)
	}
}

// listenSocket makes a socket that only this user can connect to: connecting needs the
// right to enter the directory, and to write to the socket.
func listenSocket(directory, name string) (net.Listener, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	if path := filepath.Join(directory, name); len(path) > maxSocketPath {
		return nil, &rdsiam.ConfigError{Code: "socket-path-long", Setting: "--listen", Value: directory,
			Problem: fmt.Sprintf("makes the path of the socket %d bytes long, and systems take %d", len(path), maxSocketPath), Fix: "give a shorter path"}
	}
	const tries = 100
	for try := 1; ; try++ {
		listener, err := listenIn(directory, name)
		// Another proxy that ends may have removed the directory, also while it was made.
		removed := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)
		if !removed || try == tries {
			return listener, err
		}
	}
}

func listenIn(directory, name string) (listener net.Listener, err error) {
	own := missing(directory)
	if parent := filepath.Dir(directory); slices.Contains(defaultParents(), parent) {
		own = []string{directory, parent} // also where a proxy that was killed has left them
	}
	defer func() {
		if err != nil {
			removeAll(own)
		}
	}()
	if err := makePrivate(directory); err != nil {
		return nil, err
	}
	// Else two that find the same stale socket would both remove it, one the other's.
	unlock, err := lockDirectory(directory)
	if err != nil {
		return nil, err
	}
	defer unlock()
	path := filepath.Join(directory, name)
	if err := removeStale(path); err != nil {
		return nil, err
	}
	listening, err := net.Listen("unix", path)
	if err != nil {
		return nil, listenError(path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listening.Close()
		return nil, err
	}
	return &socket{Listener: listening, directory: directory, own: own}, nil
}

// missing returns the directory and those above it that are not there, the lowest first.
func missing(directory string) (paths []string) {
	for {
		if _, err := os.Lstat(directory); !errors.Is(err, fs.ErrNotExist) {
			return paths
		}
		paths = append(paths, directory)
		directory = filepath.Dir(directory)
	}
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
			return &rdsiam.ConfigError{Code: "socket-directory-open", Setting: "--listen", Value: check.path, Problem: problem,
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
		return &rdsiam.ConfigError{Code: "socket-taken", Setting: "--listen", Value: path, Problem: "is there and is no socket", Fix: "give another directory"}
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
