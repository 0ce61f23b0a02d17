package client

import (
	"path/filepath"
	"strconv"
)

// PostgreSQL returns the environment of libpq, which psql, pgcli, pg_dump and the
// drivers of many languages read.
// https://www.postgresql.org/docs/current/libpq-envars.html
func (l Login) PostgreSQL() Environment {
	host, port := filepath.Dir(l.Socket), "5432" // the end of the socket's name
	if l.Socket == "" {
		host, port = loopback, strconv.Itoa(int(l.Port))
	}
	e := Environment{
		Set: []Variable{
			{"PGHOST", host},
			{"PGPORT", port},
			{"PGUSER", l.User},
			// The proxy does TLS with the database. It offers clients neither TLS nor Kerberos.
			{"PGSSLMODE", "disable"},
			{"PGGSSENCMODE", "disable"},
		},
		// A service would lead elsewhere; the others ask more than the proxy has.
		Unset: []string{"PGSERVICE", "PGHOSTADDR", "PGCHANNELBINDING", "PGREQUIRESSL", "PGREQUIREAUTH", "PGREQUIREPEER", "PGSSLNEGOTIATION"},
	}
	e.setOrUnset("PGPASSWORD", l.Password)
	e.setOrUnset("PGDATABASE", l.Database)
	return e
}
