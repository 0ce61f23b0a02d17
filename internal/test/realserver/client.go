package realserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// MySQLClient returns the words that a command begins with which runs MySQL's own client,
// that of the matrix. Unlike the server it sees the files and sockets of this machine: it
// is not run by chroot, but by the loader and with the libraries that it came with. Without
// a matrix there is none, and the error is a [*MissingError].
func MySQLClient() ([]string, error) {
	matrix := os.Getenv(MatrixVariable)
	if matrix == "" {
		return nil, &MissingError{What: MatrixVariable + " names no folder with MySQL's own client"}
	}
	r, err := root(filepath.Join(matrix, "mysql")).clean()
	if err != nil {
		return nil, err
	}
	found, err := findMySQL(r)
	if err != nil {
		return nil, err
	}
	loaders, _ := filepath.Glob(r.onMachine("/lib*/ld-linux*.so.*")) // the patterns are well-formed
	libraries, _ := filepath.Glob(r.onMachine("/usr/lib/*-linux-gnu*/libc.so.6"))
	if len(loaders) == 0 || len(libraries) == 0 {
		return nil, &MissingError{What: fmt.Sprintf("no loader and C library in %s: remove it, and scripts/install-matrix.sh installs it anew", r)}
	}
	folders := make([]string, len(libraries))
	for i, library := range libraries {
		folders[i] = filepath.Dir(library)
	}
	return []string{loaders[0], "--library-path", strings.Join(folders, ":"), r.onMachine(found.client)}, nil
}
