package rdspgx

import (
	"cmp"

	"github.com/jackc/pgx/v5/pgconn"
)

// readOnly is the SQLSTATE of a write on a server that takes none.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const readOnly = "25006"

// RejectReadOnly is for the OnPgError of a configuration. It closes a connection whose server
// answers that it takes no writes, so that the next one is made anew:
//
//	config.OnPgError = rdspgx.RejectReadOnly
//
// After a failover the name of a cluster leads for a while to the old writer, which is a reader
// by then. Without this, a pool that connected to it keeps failing to write until its
// connections reach the end of their life, by default an hour in pgxpool and never in
// database/sql.
//
// The caller gets the error 25006 all the same, once for each connection. The write did not
// happen, so it may be tried again, after a pause: each attempt costs a login. A connection is
// also closed when a program writes in a READ ONLY transaction of its own. Like pgx's own
// handler, this closes connections after fatal errors. It is safe for concurrent use.
func RejectReadOnly(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	return cmp.Or(err.SeverityUnlocalized, err.Severity) != "FATAL" && err.Code != readOnly
}
