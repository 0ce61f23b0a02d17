// Package lab starts databases that log in the way those of Amazon RDS do: real
// PostgreSQL and MariaDB servers that ask rdsiamtest whether a token is good, as RDS
// asks IAM. On a machine without these servers rdsiamtest answers by itself.
package lab

import (
	"context"
	"fmt"
	"net"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Users are the accounts of a database.
type Users struct {
	IAM      []string          // log in with a token
	Password map[string]string // names to passwords; outside rds_iam
}

// Database is a running database. Its methods are those of the rdsiamtest server that
// checks the tokens, but DialContext and Close, which are about the real server where
// there is one.
type Database struct {
	*rdsiamtest.Server
	product string
	real    *realserver.Server
	missing error
}

// StartPostgreSQL starts a PostgreSQL database. The caller closes it.
func StartPostgreSQL(ctx context.Context, users Users, options ...rdsiamtest.Option) (*Database, error) {
	return start(ctx, "PostgreSQL", rdsiamtest.NewPostgreSQL, realserver.StartPostgreSQL, users, options)
}

// StartMySQL starts a MariaDB database, or rdsiamtest's MySQL. The caller closes it.
func StartMySQL(ctx context.Context, users Users, options ...rdsiamtest.Option) (*Database, error) {
	return start(ctx, "MariaDB", rdsiamtest.NewMySQL, realserver.StartMariaDB, users, options)
}

type (
	startVerifier func(...rdsiamtest.Option) (*rdsiamtest.Server, error)
	startReal     func(context.Context, realserver.Options) (*realserver.Server, error)
)

func start(ctx context.Context, product string, verifier startVerifier, real startReal, users Users, options []rdsiamtest.Option) (*Database, error) {
	options = append(options, rdsiamtest.WithIAMUser(users.IAM...))
	for name, password := range users.Password {
		options = append(options, rdsiamtest.WithPasswordUser(name, password))
	}
	server, err := verifier(options...)
	if err != nil {
		return nil, err
	}
	d := &Database{Server: server, product: product}
	d.real, d.missing = real(ctx, realserver.Options{
		Check:         server.Verify,
		Certificate:   server.Certificate(),
		IAMUsers:      users.IAM,
		PasswordUsers: users.Password,
	})
	if err := ctx.Err(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Missing returns why there is no real server, nil if there is one.
func (d *Database) Missing() error { return d.missing }

// String says in a few words what the database is.
func (d *Database) String() string {
	if d.real == nil {
		return "built-in answers of rdsiamtest"
	}
	return fmt.Sprintf("%s %s (%s)", d.product, d.real.Version(), d.real.Method())
}

// DialContext connects to the database, whatever the network and the address.
func (d *Database) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.real == nil {
		return d.Server.DialContext(ctx, network, address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", d.real.Addr())
}

// Close stops the database and removes all its files.
func (d *Database) Close() {
	if d.real != nil {
		d.real.Close()
	}
	d.Server.Close()
}
