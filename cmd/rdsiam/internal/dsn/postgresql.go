package dsn

import "regexp"

var (
	postgresURL = regexp.MustCompile(`^postgres(ql)?://`)
	// keywords is how libpq's other form begins. No user of MySQL has such a name in front of
	// the rest of a DSN of its driver.
	keywords = regexp.MustCompile(`^\s*[a-z_]+\s*=`)
)

// IsPostgreSQL reports whether text is a DSN of PostgreSQL: a URL, or keywords and values.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
func IsPostgreSQL(text string) bool {
	return postgresURL.MatchString(text) || keywords.MatchString(text)
}
