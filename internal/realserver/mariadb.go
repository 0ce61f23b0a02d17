package realserver

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// pluginName is the name of the plugin of RDS, which CREATE USER mentions.
const pluginName = "AWSAuthenticationPlugin"

// StartMariaDB starts a MariaDB server with a plugin named
// AWSAuthenticationPlugin, so that the statements of the RDS documentation run
// as they are written there. ctx bounds the start, which also has a time limit
// of its own, not the life of the server. The error is a [*MissingError] if the
// machine lacks MariaDB or a C compiler.
func StartMariaDB(ctx context.Context, o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	p, err := findMariaDB()
	if err != nil {
		return nil, err
	}
	s, err := newServer(o, p, "mysql", "nobody")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.startMariaDB(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) startMariaDB(ctx context.Context) error {
	w := s.workspace
	s.method = MethodPlugin
	if err := w.compile(ctx, "mariadb.c", pluginName+".so"); err != nil {
		return err
	}
	if err := w.writeCertificate(s.options.Certificate); err != nil {
		return err
	}
	if err := s.answerOnSocket(); err != nil {
		return err
	}
	_, err := w.run(ctx, "", s.programs.initialise, append([]string{
		"--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
	}, s.mariaDBStorage()...)...)
	if err != nil {
		return err
	}
	if err := s.launchMariaDB(ctx); err != nil {
		return err
	}
	if err := s.Exec(ctx, s.mariaDBAccounts()...); err != nil {
		return err
	}
	s.version, err = s.query(ctx, "SELECT VERSION();\n")
	return err
}

// mariaDBStorage are the options that must be the same from the first start on,
// and those that make writing fast instead of durable.
func (s *Server) mariaDBStorage() []string {
	return []string{
		"--datadir=" + s.workspace.path("data"), "--tmpdir=" + s.workspace.dir,
		"--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M",
		"--loose-debug-no-sync", "--innodb-flush-log-at-trx-commit=0",
	}
}

func (s *Server) launchMariaDB(ctx context.Context) error {
	w := s.workspace
	socket := "--socket=" + w.path("mariadb.sock")
	start := func(port int) (*daemon, error) {
		return w.start(ctx, launch{
			program: s.programs.server,
			args: append([]string{
				"--no-defaults", socket, "--pid-file=" + w.path("mariadb.pid"),
				"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve",
				"--plugin-dir=" + w.dir, "--plugin-load-add=" + pluginName,
				"--ssl-cert=" + w.path(certificateFile), "--ssl-key=" + w.path(keyFile),
				"--max-connections=200",
				"--max-connect-errors=4294967295", // tests break connections on purpose
				"--skip-log-bin", "--performance-schema=OFF",
			}, s.mariaDBStorage()...),
			env:   s.env,
			ready: "ready for connections",
			stop:  syscall.SIGKILL,
			log:   s.options.Log,
		})
	}
	d, addr, err := onFreePort(start)
	if err != nil {
		return err
	}
	s.onClose(d.close)
	s.addr = addr
	s.query = func(ctx context.Context, sql string) (string, error) {
		return w.run(ctx, sql, s.programs.client, "--no-defaults", "--batch", "--skip-column-names", socket, "--user=root")
	}
	return nil
}

func (s *Server) mariaDBAccounts() []string {
	sql := []string{
		// The root accounts have no passwords: leave the one that only the socket reaches.
		"DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'",
		"FLUSH PRIVILEGES",
	}
	for _, user := range s.options.IAMUsers {
		sql = append(sql, "CREATE USER "+mariaDBString(user)+" IDENTIFIED WITH "+pluginName+" AS 'RDS' REQUIRE SSL")
	}
	for _, user := range slices.Sorted(maps.Keys(s.options.PasswordUsers)) {
		sql = append(sql, "CREATE USER "+mariaDBString(user)+" IDENTIFIED BY "+mariaDBString(s.options.PasswordUsers[user]))
	}
	return sql
}

func mariaDBString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}
