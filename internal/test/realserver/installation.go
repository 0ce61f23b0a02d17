package realserver

import (
	"context"
	"os"
	"path/filepath"
)

// MatrixVariable names the folder that scripts/install-matrix.sh fills with
// servers of other versions than those of this machine. Where it is set, the
// tests run on those as well.
const MatrixVariable = "RDSIAM_MATRIX"

// Installation is a server that a test runs on.
type Installation struct {
	Product string // "PostgreSQL", "MariaDB" or "MySQL"

	root  string // see Options.Root
	start func(context.Context, Options) (*Server, error)
}

// PostgreSQLs returns the PostgreSQL installations to run a test on: that of
// this machine and that of the matrix. Whether they are there is seen when they
// are started.
func PostgreSQLs() []Installation {
	all := []Installation{{"PostgreSQL", "", StartPostgreSQL}}
	if matrix := os.Getenv(MatrixVariable); matrix != "" {
		all = append(all, Installation{"PostgreSQL", filepath.Join(matrix, "postgresql"), StartPostgreSQL})
	}
	return all
}

// MySQLs does the same for MariaDB and MySQL. A MySQL is in the matrix only: no
// system has both.
func MySQLs() []Installation {
	all := []Installation{{"MariaDB", "", StartMariaDB}}
	if matrix := os.Getenv(MatrixVariable); matrix != "" {
		all = append(all,
			Installation{"MariaDB", filepath.Join(matrix, "mariadb"), StartMariaDB},
			Installation{"MySQL", filepath.Join(matrix, "mysql"), StartMySQL})
	}
	return all
}

// String names the installation in a subtest.
func (i Installation) String() string {
	if i.root == "" {
		return i.Product
	}
	return "matrix " + i.Product
}

// Start starts the server, with its own Options.Root.
func (i Installation) Start(ctx context.Context, o Options) (*Server, error) {
	o.Root = i.root
	return i.start(ctx, o)
}
