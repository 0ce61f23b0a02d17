package admin

import (
	"database/sql"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/dsn"
)

func openMySQL(text string, options []rdsiam.EndpointOption) (*sql.DB, error) {
	config, err := dsn.MySQL(text)
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "admin-dsn", Setting: "DSN", Problem: "cannot be read: it is none of PostgreSQL, and not one of MySQL",
			Fix: "write it as postgres://user@host:5432/database, mysql://user:password@host:3306/, or user:password@tcp(host:3306)/"}
	}
	if err := verify(config, options); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "admin-dsn", Setting: "DSN", Problem: "has settings that do not fit together", Fix: "leave out what is not needed"}
	}
	return sql.OpenDB(connector), nil
}

// verify makes a connection to an RDS endpoint verify the server.
func verify(config *mysql.Config, options []rdsiam.EndpointOption) error {
	if config.Net == "unix" {
		return nil // this machine
	}
	host, text, err := net.SplitHostPort(config.Addr)
	if err != nil {
		return &rdsiam.ConfigError{Code: "admin-dsn-address", Setting: "DSN", Value: config.Addr,
			Problem: "has an address that is not host:port", Fix: "write tcp(host:3306)"}
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return &rdsiam.ConfigError{Code: "admin-dsn-port", Setting: "DSN", Value: config.Addr,
			Problem: "has a port that is no number", Fix: "write tcp(host:3306)"}
	}
	endpoint, ok, err := resolve(host, uint16(port), options)
	if err != nil || !ok {
		return err
	}
	if config.TLSConfig == "false" {
		return &rdsiam.ConfigError{Code: "admin-dsn-tls", Setting: "tls", Value: "false", Problem: "would send the password to " + endpoint.String() + " in clear text",
			Fix: "remove tls from the DSN"}
	}
	config.TLSConfig, config.AllowFallbackToPlaintext = "", false
	config.TLS, err = endpoint.TLSConfig(nil)
	return err
}
