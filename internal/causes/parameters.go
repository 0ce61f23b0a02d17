package causes

import "strings"

// adviceFor says what to do about a DSN parameter that neither the driver nor the server
// knows.
func adviceFor(parameter string) string {
	lower := strings.ToLower(parameter)
	switch {
	case strings.HasPrefix(lower, "pool_"):
		return "only pgxpool.ParseConfig reads it: remove it, and use db.SetMaxOpenConns and the like"
	case lower == "hostaddr":
		return "remove it: give the address as host, and the endpoint with rdsiam.WithEndpoint"
	case libpqOnly[lower]:
		return "remove it: libpq knows it and pgx does not"
	case strings.HasPrefix(lower, "ssl"), strings.HasPrefix(lower, "tls"), lower == "usessl",
		lower == "verifyservercertificate", lower == "allowpublickeyretrieval":
		return "remove it: verified TLS is set without it"
	}
	return "remove it, or correct its spelling"
}

// libpqOnly are parameters of libpq that pgx 5.13 passes on to the server.
// https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
var libpqOnly = map[string]bool{
	"fallback_application_name": true, "gssdelegation": true, "gssencmode": true, "gsslib": true,
	"keepalives": true, "keepalives_count": true, "keepalives_idle": true,
	"keepalives_interval": true, "load_balance_hosts": true, "requirepeer": true,
	"requiressl": true, "scram_client_key": true, "scram_server_key": true,
	"sslcompression": true, "sslcrl": true, "sslcrldir": true, "sslkeylogfile": true,
	"tcp_user_timeout": true,
}
