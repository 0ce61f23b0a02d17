// Package admin opens the session in which accounts are set up: that of the master user or
// the like, who mostly has a password.
package admin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/dsn"
	"github.com/rdsiam/rdsiam/provision"
)

// Open opens a pool for a DSN: a URL or keywords of PostgreSQL, a URL of MySQL, or what
// go-sql-driver/mysql reads. A connection to an RDS endpoint verifies the server, whatever weaker
// setting the DSN has; the password of the master user deserves no less than a token. Errors do
// not show the DSN. No connection is made yet.
func Open(text string, options ...rdsiam.EndpointOption) (*sql.DB, error) {
	if dsn.IsPostgreSQL(text) {
		return openPostgreSQL(text, options)
	}
	return openMySQL(text, options)
}

// RefuseDSQL says what there is in place of accounts for rds_iam.
func RefuseDSQL(host string) error {
	return &rdsiam.ConfigError{Code: "provision-dsql", Setting: "endpoint", Value: host, Problem: "a cluster of Aurora DSQL, which has no rds_iam",
		Fix: "as admin run CREATE ROLE … WITH LOGIN and AWS IAM GRANT … TO 'ARN of the IAM role', and allow dsql:DbConnect on the cluster's ARN"}
}

// connectLimit is how long a server has for its first answer.
const connectLimit = 10 * time.Second

// EngineOf asks the server what it is.
func EngineOf(ctx context.Context, db *sql.DB) (provision.Engine, error) {
	var version string
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	err := db.QueryRowContext(limited, "SELECT version()").Scan(&version)
	switch {
	case ctx.Err() != nil:
		return 0, fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case limited.Err() != nil:
		return 0, fmt.Errorf("the server does not answer within %v; see host and port of the DSN, and the network on the way", connectLimit)
	case err != nil:
		return 0, fmt.Errorf("cannot connect as the one who sets accounts up: %w", err)
	}
	switch {
	case strings.HasPrefix(version, "PostgreSQL"):
		return provision.PostgreSQL, nil
	case strings.Contains(version, "MariaDB"):
		return provision.MariaDB, nil
	}
	return provision.MySQL, nil
}

// Refused reports whether err is a server's refusal of a login.
func Refused(err error) bool {
	var (
		postgres *pgconn.PgError
		mariadb  *mysql.MySQLError
	)
	switch {
	case errors.As(err, &postgres):
		return strings.HasPrefix(postgres.Code, "28")
	case errors.As(err, &mariadb):
		// Access denied, no login without a password, locked in MySQL and in MariaDB.
		return slices.Contains([]uint16{1045, 1698, 3118, 4151}, mariadb.Number)
	}
	return false
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
