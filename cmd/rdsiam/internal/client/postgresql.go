package client

import "strconv"

// PostgreSQL returns the environment of libpq, which psql, pgcli, pg_dump and the
// drivers of many languages read.
// https://www.postgresql.org/docs/current/libpq-envars.html
func (l Login) PostgreSQL() Environment {
	e := Environment{
		Set: []Variable{
			{"PGHOST", l.Host},
			{"PGPORT", strconv.Itoa(int(l.Port))},
			{"PGUSER", l.User},
			{"PGSSLMODE", "verify-full"},
			{"PGSSLROOTCERT", l.RootsFile},
			// Where Kerberos is at hand, libpq would encrypt with that, and not verify
			// the server's certificate.
			{"PGGSSENCMODE", "disable"},
			{"PGPASSWORD", l.Token},
		},
		// A service goes before the variables. Channel binding is of SCRAM alone.
		Unset: []string{"PGSERVICE", "PGCHANNELBINDING", "PGREQUIRESSL"},
	}
	if l.CleartextOnly {
		// A server that asks for SCRAM does not know the role as one of IAM. libpq
		// before 16 does not know the variable.
		e.Set = append(e.Set, Variable{"PGREQUIREAUTH", "password"})
	}
	e.setOrUnset("PGHOSTADDR", l.Address)
	e.setOrUnset("PGDATABASE", l.Database)
	return e
}

func (e *Environment) setOrUnset(name, value string) {
	if value == "" {
		e.Unset = append(e.Unset, name)
		return
	}
	e.Set = append(e.Set, Variable{name, value})
}
