package realserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A root is the file system that a server is installed in: "" is that of this
// machine, anything else a folder that its programs are started in by chroot.
// The paths of a server are those that its programs see.
type root string

// onMachine returns the path on this machine of what a program in r calls path.
func (r root) onMachine(path string) string { return filepath.Join(string(r), path) }

// inside returns what a program in r calls the path on this machine.
func (r root) inside(path string) string {
	if r == "" {
		return path
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, string(r)), "/")
}

// look returns the path of a program, or "" if it is not in dir.
func (r root) look(dir, name string) string {
	path := lookPath(r.onMachine(filepath.Join(dir, name)))
	if path == "" {
		return ""
	}
	return r.inside(path)
}

// find looks in PATH, which is of this machine, and then in dirs.
func (r root) find(name string, dirs ...string) string {
	if r == "" {
		if path := lookPath(name); path != "" {
			return path
		}
	}
	for _, dir := range dirs {
		if path := r.look(dir, name); path != "" {
			return path
		}
	}
	return ""
}

// missing says that a server is not in r. Packages of this machine are of no use
// to one that has a folder of its own.
func (r root) missing(what, install string) error {
	if r == "" {
		return &MissingError{What: what, Install: install}
	}
	return &MissingError{What: fmt.Sprintf("%s not found in %s: scripts/install-matrix.sh installs it", what, r)}
}

func (r root) supported() error {
	if err := supported(); err != nil {
		return err
	}
	if r == "" {
		return nil
	}
	if os.Geteuid() != 0 {
		return &MissingError{What: fmt.Sprintf("a server in a folder of its own, %s, is started by chroot, which only root may do", r)}
	}
	return nil
}

// clean makes the folder an absolute path in its shortest form: the beginning of
// every path below it.
func (r root) clean() (root, error) {
	if r == "" {
		return "", nil
	}
	path, err := filepath.Abs(string(r))
	if err != nil {
		return "", fmt.Errorf("realserver: Options.Root: %w", err)
	}
	return root(path), nil
}
