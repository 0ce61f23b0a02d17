package causes

import (
	"slices"
	"strings"
)

// adviceFor says what to do about a DSN parameter that neither the driver nor the server
// knows.
func adviceFor(parameter string) string {
	lower := strings.ToLower(parameter)
	switch {
	case strings.HasPrefix(lower, "pool_"):
		return "only pgxpool.ParseConfig reads it: remove it, and use db.SetMaxOpenConns and the like"
	case lower == "hostaddr":
		return "remove it: give the address as host, and the endpoint with rdsiam.WithEndpoint"
	case slices.Contains(libpqOnly[:], lower):
		return "remove it: libpq knows it and pgx does not"
	case strings.HasPrefix(lower, "ssl"), strings.HasPrefix(lower, "tls"), lower == "usessl",
		lower == "verifyservercertificate", lower == "allowpublickeyretrieval":
		return "remove it: verified TLS is set without it"
	}
	return "remove it, or correct its spelling"
}

// libpqOnly are parameters of libpq that pgx 5.13 passes on to the server.
// https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
var libpqOnly = [...]string{
	"fallback_application_name", "gssdelegation", "gssencmode", "gsslib",
	"keepalives", "keepalives_count", "keepalives_idle",
	"keepalives_interval", "load_balance_hosts", "requirepeer",
	"requiressl", "scram_client_key", "scram_server_key",
	"sslcompression", "sslcrl", "sslcrldir", "sslkeylogfile",
	"tcp_user_timeout",
}
