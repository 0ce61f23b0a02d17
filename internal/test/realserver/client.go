package realserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// MatrixClient returns the words that a command begins with which runs a program of the
// matrix, such as mysqldump of "mysql". Unlike a server it sees the files and sockets of this
// machine: it is not run by chroot, but by the loader and with the libraries that it came
// with. Without a matrix there is none, and the error is a [*MissingError].
func MatrixClient(product, program string) ([]string, error) {
	matrix := os.Getenv(MatrixVariable)
	if matrix == "" {
		return nil, &MissingError{What: MatrixVariable + " names no folder with " + program + " of " + product}
	}
	r, err := root(filepath.Join(matrix, product)).clean()
	if err != nil {
		return nil, err
	}
	path := r.find(program, serverDirs...)
	loaders, _ := filepath.Glob(r.onMachine("/lib*/ld-linux*.so.*")) // the patterns are well-formed
	libraries, _ := filepath.Glob(r.onMachine("/usr/lib/*-linux-gnu*/libc.so.6"))
	if path == "" || len(loaders) == 0 || len(libraries) == 0 {
		return nil, &MissingError{What: fmt.Sprintf("no %s, loader and C library in %s: remove it, and scripts/install-matrix.sh installs it anew", program, r)}
	}
	folders := make([]string, len(libraries))
	for i, library := range libraries {
		folders[i] = filepath.Dir(library)
	}
	return []string{loaders[0], "--library-path", strings.Join(folders, ":"), r.onMachine(path)}, nil
}
