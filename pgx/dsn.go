package rdspgx

import (
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// parseDSN is pgx.ParseConfig for a DSN without a password. pgx's ParseConfigError is
// not passed on, because it carries the DSN.
func parseDSN(dsn string) (*pgx.ConnConfig, error) {
	if hasPassword(dsn) {
		return nil, configError("dsn-password", "DSN", "",
			"contains a password, and the login uses a token in its place",
			"remove the password")
	}
	if strings.Contains(dsn, "\x00") || isURL(dsn) && strings.Contains(dsn, "%00") {
		return nil, configError("dsn-nul", "DSN", "",
			"contains a NUL byte, which ends a name on the wire",
			"remove it")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil && hasAtInUser(dsn) {
		return nil, configError("dsn-at-sign", "DSN", "",
			"has two @ before its host, of which pgx takes the first for the end of the user",
			"write an @ in the user as %40")
	}
	if err != nil {
		return nil, configError("dsn-unreadable", "DSN", "",
			"pgx cannot read it, or the environment and files that complete it"+reason(dsn, err),
			"write it as postgres://user@host:5432/database?parameter=value, or as user=… host=… dbname=…")
	}
	dropAllCallbacks(config)
	return config, nil
}

// hasPassword reports whether the DSN itself names a password, whatever the environment
// says. It follows pgx in where it looks.
func hasPassword(dsn string) bool {
	if isURL(dsn) {
		_, rest, _ := strings.Cut(dsn, "://")
		return hasURLPassword(rest)
	}
	// In the keyword form the last value of a keyword counts: ours stays only if the
	// DSN has none. It is longer than any that the DSN can have.
	ours := strings.Repeat("x", len(dsn)+1)
	config, err := pgx.ParseConfig("password=" + ours + " passfile='' sslmode=disable " + dsn)
	return err == nil && config.Password != ours && config.Password != ""
}

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// hasAtInUser reports whether a URL has an @ in its user that is not written as %40.
func hasAtInUser(dsn string) bool {
	_, rest, _ := strings.Cut(dsn, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return isURL(dsn) && strings.Count(authority, "@") > 1
}

func hasURLPassword(rest string) bool {
	if at := strings.IndexAny(rest, "@/"); at >= 0 && rest[at] == '@' {
		if _, password, _ := strings.Cut(rest[:at], ":"); password != "" {
			return true
		}
		rest = rest[at+1:]
	}
	_, query, _ := strings.Cut(rest, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.PathUnescape(strings.Trim(name, " ")); err == nil && decoded == "password" && value != "" {
			return true
		}
	}
	return false
}

// reason returns what pgx says of a DSN that it cannot read. Its words may quote parts
// of it.
func reason(dsn string, err error) string {
	var parse *pgconn.ParseConfigError
	if !errors.As(err, &parse) || strings.Contains(strings.ToLower(dsn), "password") {
		return " (no reason is shown, since the DSN mentions a password)"
	}
	const frame = "cannot parse ``: "
	withoutDSN := *parse
	withoutDSN.ConnString = ""
	what := strings.TrimPrefix(withoutDSN.Error(), frame)
	// Most causes quote the DSN. That of the TLS settings names a file.
	if cause := parse.Unwrap(); cause != nil && !strings.Contains(what, "TLS") {
		what = strings.TrimSuffix(what, " ("+cause.Error()+")")
	}
	if what == "invalid port" {
		what += ", which must be a number from 1 to 65535" // pgx keeps the value for itself: it may be part of a mislaid password
	}
	return ": " + what
}
