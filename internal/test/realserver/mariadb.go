package realserver

import "context"

var mariaDB = dialect{
	find:       findMariaDB,
	plugin:     "mariadb.c",
	initialize: []string{"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"},
	storage:    []string{"--innodb-log-file-size=4M", "--loose-debug-no-sync"},
	client:     []string{"--skip-ssl"}, // from 11.4 on it would verify the certificate, on a socket too
	tidy: []string{
		// The root accounts have no passwords: leave the one that only the socket reaches.
		"DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'",
		"FLUSH PRIVILEGES",
	},
}

// StartMariaDB starts a MariaDB server with a plugin named
// AWSAuthenticationPlugin, so that the statements of the RDS documentation run
// as they are written there. ctx bounds the start, which also has a time limit
// of its own, not the life of the server. The error is a [*MissingError] if the
// machine lacks MariaDB or a C compiler.
func StartMariaDB(ctx context.Context, o Options) (*Server, error) {
	return startWithPlugin(ctx, o, mariaDB)
}
