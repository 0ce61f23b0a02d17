package admin

import (
	"database/sql"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

func openPostgreSQL(dsn string, notices *provision.Notices, options []rdsiam.EndpointOption) (*sql.DB, error) {
	config, err := configPostgreSQL(dsn, options)
	if err != nil {
		return nil, err
	}
	Hear(config, notices)
	return stdlib.OpenDB(*config), nil
}

// Hear has what PostgreSQL remarks on the connections of config go to notices.
func Hear(config *pgx.ConnConfig, notices *provision.Notices) {
	config.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) { notices.Add(c, n.SeverityUnlocalized, n.Code, n.Message) }
}

// configPostgreSQL reads a DSN, and makes a connection to an RDS endpoint verify the server.
func configPostgreSQL(dsn string, options []rdsiam.EndpointOption) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error of pgx quotes the DSN, and the password may be anywhere in a broken one.
		return nil, &rdsiam.ConfigError{Setting: "DSN", Problem: "cannot be read as a URL of PostgreSQL, or names a file that cannot be read",
			Fix: "write it as postgres://user@host:5432/database, with special characters percent-encoded"}
	}
	for _, fallback := range config.Fallbacks {
		if fallback.Host != config.Host || fallback.Port != config.Port {
			return nil, &rdsiam.ConfigError{Setting: "DSN", Value: config.Host + "," + fallback.Host, Problem: "names several hosts",
				Fix: "name the one that accounts are created on, the writer"}
		}
	}
	if strings.HasPrefix(config.Host, "/") {
		return config, nil
	}
	endpoint, ok, err := resolve(config.Host, config.Port, options)
	if err != nil || !ok {
		return config, err
	}
	if config.TLSConfig == nil {
		return nil, &rdsiam.ConfigError{Setting: "sslmode", Problem: "would send the password to " + endpoint.String() + " in clear text",
			Fix: "remove sslmode from the DSN and PGSSLMODE from the environment"}
	}
	// pgx keeps client certificates by the address of the tls.Config, which Copy carries over.
	*config = *config.Copy()
	// pgx verifies for sslmode=verify-ca by a callback that knows no roots of RDS.
	config.TLSConfig.VerifyPeerCertificate = nil
	config.Fallbacks = nil
	return config, endpoint.SecureTLS(config.TLSConfig)
}
