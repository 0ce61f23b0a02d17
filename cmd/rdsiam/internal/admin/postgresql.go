package admin

import (
	"database/sql"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
)

func openPostgreSQL(dsn string, options []rdsiam.EndpointOption) (*sql.DB, error) {
	config, err := configPostgreSQL(dsn, options)
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config), nil
}

// configPostgreSQL reads a DSN, and makes a connection to an RDS endpoint verify the server.
func configPostgreSQL(dsn string, options []rdsiam.EndpointOption) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error of pgx quotes the DSN, and the password may be anywhere in a broken one.
		return nil, &rdsiam.ConfigError{Code: "admin-dsn", Setting: "DSN", Problem: "cannot be read as one of PostgreSQL, or names a file that cannot be read",
			Fix: "write it as postgres://user@host:5432/database, with special characters percent-encoded, or as host=… user=… dbname=…"}
	}
	for _, fallback := range config.Fallbacks {
		if fallback.Host != config.Host || fallback.Port != config.Port {
			return nil, &rdsiam.ConfigError{Code: "admin-dsn-hosts", Setting: "DSN", Value: config.Host + "," + fallback.Host, Problem: "names several hosts",
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
	if endpoint.Kind() == rdsiam.KindDSQL {
		return nil, RefuseDSQL(endpoint.Host())
	}
	if config.TLSConfig == nil {
		return nil, &rdsiam.ConfigError{Code: "admin-dsn-tls", Setting: "sslmode", Problem: "would send the password to " + endpoint.String() + " in clear text",
			Fix: "remove sslmode from the DSN and PGSSLMODE from the environment"}
	}
	// pgx keeps client certificates by the address of the tls.Config, which Copy carries over.
	*config = *config.Copy()
	// pgx verifies for sslmode=verify-ca by a callback that knows no roots of RDS.
	config.TLSConfig.VerifyPeerCertificate = nil
	config.Fallbacks = nil
	return config, endpoint.SecureTLS(config.TLSConfig)
}
