// Package admin opens the session in which accounts are set up: that of the master user or
// the like, who mostly has a password.
package admin

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

// Open opens a pool for a DSN: a URL for PostgreSQL, and what go-sql-driver/mysql reads for
// MySQL and MariaDB. A connection to an RDS endpoint verifies the server, whatever weaker
// setting the DSN has; the password of the master user deserves no less than a token. Errors
// do not show the DSN. No connection is made yet.
func Open(dsn string, options ...rdsiam.EndpointOption) (*sql.DB, error) {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return openPostgreSQL(dsn, options)
	}
	return openMySQL(dsn, options)
}

// EngineOf asks the server what it is.
func EngineOf(ctx context.Context, db *sql.DB) (provision.Engine, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
		return 0, fmt.Errorf("cannot ask the server for its version: %w", err)
	}
	switch {
	case strings.HasPrefix(version, "PostgreSQL"):
		return provision.PostgreSQL, nil
	case strings.Contains(version, "MariaDB"):
		return provision.MariaDB, nil
	}
	return provision.MySQL, nil
}

// resolve returns the endpoint of an RDS host, ok false for other hosts, which are the
// caller's to trust.
func resolve(host string, port uint16, options []rdsiam.EndpointOption) (endpoint rdsiam.Endpoint, ok bool, err error) {
	endpoint, err = rdsiam.ResolveEndpoint(fmt.Sprintf("%s:%d", bracketed(host), port), port, options...)
	if err != nil && len(options) == 0 {
		return rdsiam.Endpoint{}, false, nil
	}
	return endpoint, err == nil, err
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
