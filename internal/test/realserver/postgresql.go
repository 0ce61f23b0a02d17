package realserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// postgresAdmin is the superuser, who can log in through the socket in the
// workspace only. That of RDS has the same name.
const postgresAdmin = "rdsadmin"

// StartPostgreSQL starts a PostgreSQL server that decides as RDS does: members
// of rds_iam log in with a token and over TLS only, everybody else with a
// password and over TLS only, as with rds.force_ssl. ctx bounds the start, which
// also has a time limit of its own, not the life of the server. The error is a
// [*MissingError] if the machine lacks PostgreSQL, or what Options.Method needs.
func StartPostgreSQL(ctx context.Context, o Options) (*Server, error) {
	s, err := newServer(o, findPostgreSQL, "postgres", "nobody")
	if err != nil {
		return nil, err
	}
	return s.started(ctx, s.startPostgreSQL)
}

// StartStandby starts a PostgreSQL that streams from s, which needs the settings
// wal_level=replica and max_wal_senders. Its accounts are those of s; pg_promote makes it
// take writes. ctx is that of [StartPostgreSQL].
func (s *Server) StartStandby(ctx context.Context) (*Server, error) {
	standby, err := newServer(s.options, findPostgreSQL, "postgres", "nobody")
	if err != nil {
		return nil, err
	}
	standby.primary = s
	return standby.started(ctx, standby.startPostgreSQL)
}

func (s *Server) startPostgreSQL(ctx context.Context) error {
	w := s.workspace
	tokens, err := s.choosePostgresMethod(ctx)
	if err != nil {
		return err
	}
	// The order is that of RDS.
	hba := "hostssl all +rds_iam all " + tokens + "\n" +
		"host all +rds_iam all reject\n" +
		"hostssl all all all scram-sha-256\n" +
		"local all " + postgresAdmin + " trust\n" +
		"local replication " + postgresAdmin + " trust\n" +
		"local all all scram-sha-256\n"
	if err := errors.Join(w.write("pg_hba.conf", []byte(hba)), w.writeCertificate(s.options.Certificate)); err != nil {
		return err
	}
	if err := s.makePostgresData(ctx); err != nil {
		return err
	}
	if err := s.launchPostgreSQL(ctx); err != nil {
		return err
	}
	if s.primary == nil {
		if err := s.Exec(ctx, s.postgresAccounts()...); err != nil {
			return err
		}
	}
	s.version, err = s.query(ctx, "SHOW server_version;\n")
	return err
}

// makePostgresData makes an empty data directory, or a copy of the primary's.
func (s *Server) makePostgresData(ctx context.Context) error {
	w, data := s.workspace, s.workspace.path("data")
	if s.primary == nil {
		_, err := w.run(ctx, "", s.programs.initialize, "--pgdata", data, "--username", postgresAdmin,
			"--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8")
		return err
	}
	copies := filepath.Join(filepath.Dir(s.programs.initialize), "pg_basebackup")
	from := s.primary.workspace
	_, port, err := net.SplitHostPort(s.primary.addr)
	if err != nil {
		return err
	}
	_, err = w.run(ctx, "", copies, "--pgdata", data, "--host", from.dir, "--port", port, "--username", postgresAdmin,
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	return err
}

// choosePostgresMethod starts what answers for Check and returns the method and
// its options in the words of pg_hba.conf.
func (s *Server) choosePostgresMethod(ctx context.Context) (string, error) {
	switch s.options.Method {
	case MethodPAM:
		return s.preparePAM(ctx)
	case MethodLDAP:
		return s.prepareLDAP()
	case "":
		pam, err := s.preparePAM(ctx)
		if missing := (*MissingError)(nil); errors.As(err, &missing) {
			return s.prepareLDAP()
		}
		return pam, err
	default:
		return "", fmt.Errorf("realserver: Options.Method is %q: PostgreSQL has %q and %q", s.options.Method, MethodPAM, MethodLDAP)
	}
}

// preparePAM uses the PAM library of the system with service files and a module
// of our own. The library libpam_wrapper.so does that as well, but gives every
// process one of 61 places in /tmp for as long as it lives: not enough for the
// pools of a test, and those of killed processes stay behind.
func (s *Server) preparePAM(ctx context.Context) (string, error) {
	if !links(s.workspace.root.onMachine(s.programs.server), "libpam.so") {
		return "", &MissingError{What: "PostgreSQL server with PAM", Install: "postgresql"}
	}
	w := s.workspace
	const module = "pam.so"
	if err := w.compile(ctx, "pam.c", module); err != nil {
		return "", err
	}
	const service = "rds"
	rules := "auth required " + w.path(module) + "\naccount required " + w.path(module) + "\n"
	err := errors.Join(
		w.write("pam.d/"+service, []byte(rules)),
		w.write("pam.d/other", []byte("auth required pam_deny.so\n"))) // libpam complains to syslog without it
	if err != nil {
		return "", err
	}
	if err := s.answerOnSocket(); err != nil {
		return "", err
	}
	s.env = append(s.env, "RDSIAM_PAM_DIR="+w.path("pam.d"), "LD_PRELOAD="+w.path(module))
	s.method = MethodPAM
	return "pam pamservice=" + service, nil
}

// prepareLDAP needs nothing but a PostgreSQL with LDAP.
func (s *Server) prepareLDAP() (string, error) {
	if !links(s.workspace.root.onMachine(s.programs.server), "libldap") {
		return "", &MissingError{What: "PostgreSQL server with LDAP", Install: "postgresql"}
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("realserver: %w", err)
	}
	s.onClose(serve(ln, answerBinds(s.life, s.options.Check)).close)
	s.method = MethodLDAP
	// An empty prefix and suffix select the simple bind, with the user as the name.
	return fmt.Sprintf(`ldap ldapserver=127.0.0.1 ldapport=%d ldapprefix="" ldapsuffix=""`, ln.Addr().(*net.TCPAddr).Port), nil
}

func (s *Server) launchPostgreSQL(ctx context.Context) error {
	w := s.workspace
	var port int
	start := func(free int) (*daemon, error) {
		port = free
		args := []string{"-D", w.path("data"), "-p", strconv.Itoa(port)}
		for _, setting := range append([]string{
			"listen_addresses=127.0.0.1",
			"unix_socket_directories=" + w.dir,
			"hba_file=" + w.path("pg_hba.conf"),
			"ssl=on", "ssl_cert_file=" + w.path(certificateFile), "ssl_key_file=" + w.path(keyFile),
			"password_encryption=scram-sha-256",
			"max_connections=200", "shared_buffers=32MB",
			"fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
			"logging_collector=off", "log_destination=stderr",
		}, s.options.Settings...) {
			args = append(args, "-c", setting)
		}
		return w.start(ctx, launch{
			program: s.programs.server,
			args:    args,
			env:     s.env,
			ready:   "database system is ready to accept ", // connections, or read-only connections
			stop:    syscall.SIGQUIT,                       // "immediate": takes its child processes with it
			log:     s.options.Log,
		})
	}
	d, addr, err := onFreePort(start)
	if err != nil {
		return err
	}
	s.onClose(d.close)
	s.daemon = d
	s.addr = addr
	s.socket = w.onMachine(".s.PGSQL." + strconv.Itoa(port))
	s.query = func(ctx context.Context, sql string) (string, error) {
		// Terse: the second line of an error repeats the statement, which may have a password in it.
		return w.run(ctx, "\\set VERBOSITY terse\n"+sql, s.programs.client, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
			"--set=ON_ERROR_STOP=1", "--host="+w.dir, "--port="+strconv.Itoa(port), "--username="+postgresAdmin, "--dbname=postgres")
	}
	return nil
}

func (s *Server) postgresAccounts() []string {
	sql := []string{"CREATE ROLE rds_iam"}
	for _, user := range s.options.IAMUsers {
		sql = append(sql, "CREATE ROLE "+pgIdentifier(user)+" LOGIN", "GRANT rds_iam TO "+pgIdentifier(user))
	}
	for _, user := range slices.Sorted(maps.Keys(s.options.PasswordUsers)) {
		sql = append(sql, "CREATE ROLE "+pgIdentifier(user)+" LOGIN PASSWORD "+pgString(s.options.PasswordUsers[user]))
	}
	return sql
}

func pgIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func pgString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
