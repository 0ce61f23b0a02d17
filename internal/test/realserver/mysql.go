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

// dialect is what differs between MariaDB and MySQL.
type dialect struct {
	find       func(root) (programs, error)
	plugin     string   // its source
	initialize []string // options of the program that makes the data directory
	storage    []string // options of that program and of the server
	serve      []string // options of the server
	client     []string // options of the command line client
	tidy       []string // statements to be executed first
}

var mySQL = dialect{
	find:       findMySQL,
	plugin:     "mysql.c",
	initialize: []string{"--initialize-insecure"},
	storage:    []string{"--innodb-redo-log-capacity=8M"},
	serve:      []string{"--mysqlx=OFF", "--secure-file-priv=NULL"},
}

// StartMySQL starts a MySQL server with a plugin named AWSAuthenticationPlugin,
// so that the statements of the RDS documentation run as they are written there.
// ctx bounds the start, which also has a time limit of its own, not the life of
// the server. The error is a [*MissingError] if the machine lacks MySQL or a C
// compiler.
func StartMySQL(ctx context.Context, o Options) (*Server, error) {
	return startWithPlugin(ctx, o, mySQL)
}

func startWithPlugin(ctx context.Context, o Options, d dialect) (*Server, error) {
	s, err := newServer(o, d.find, "mysql", "nobody")
	if err != nil {
		return nil, err
	}
	return s.started(ctx, func(ctx context.Context) error { return s.startWithPlugin(ctx, d) })
}

func (s *Server) startWithPlugin(ctx context.Context, d dialect) error {
	w := s.workspace
	s.method = MethodPlugin
	if err := w.compile(ctx, d.plugin, pluginName+".so"); err != nil {
		return err
	}
	if err := w.writeCertificate(s.options.Certificate); err != nil {
		return err
	}
	if err := s.answerOnSocket(); err != nil {
		return err
	}
	initialize := slices.Concat([]string{"--no-defaults"}, d.initialize, w.storage(d))
	if _, err := w.run(ctx, "", s.programs.initialize, initialize...); err != nil {
		return err
	}
	if err := s.launchWithPlugin(ctx, d); err != nil {
		return err
	}
	if err := s.Exec(ctx, append(slices.Clone(d.tidy), s.accounts()...)...); err != nil {
		return err
	}
	var err error
	s.version, err = s.query(ctx, "SELECT VERSION();\n")
	return err
}

// storage are the options that must be the same from the first start on, and
// those that make writing fast instead of durable.
func (w *workspace) storage(d dialect) []string {
	return append([]string{
		"--datadir=" + w.path("data"), "--tmpdir=" + w.dir,
		"--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0",
	}, d.storage...)
}

func (s *Server) launchWithPlugin(ctx context.Context, d dialect) error {
	w := s.workspace
	const name = "mysql.sock"
	socket := "--socket=" + w.path(name)
	start := func(port int) (*daemon, error) {
		return w.start(ctx, launch{
			program: s.programs.server,
			args: slices.Concat([]string{
				"--no-defaults", socket, "--pid-file=" + w.path("mysql.pid"),
				"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve",
				"--plugin-dir=" + w.dir, "--plugin-load-add=" + pluginName + ".so",
				"--ssl-cert=" + w.path(certificateFile), "--ssl-key=" + w.path(keyFile),
				"--max-connections=200",
				"--max-connect-errors=4294967295", // tests break connections on purpose
				"--skip-log-bin", "--performance-schema=OFF",
			}, d.serve, w.storage(d), s.settings()),
			env:   s.env,
			ready: "ready for connections",
			stop:  syscall.SIGKILL,
			log:   s.options.Log,
		})
	}
	running, addr, err := onFreePort(start)
	if err != nil {
		return err
	}
	s.onClose(running.close)
	s.daemon = running
	s.addr, s.socket = addr, w.onMachine(name)
	client := append([]string{"--no-defaults", "--batch", "--skip-column-names", socket, "--user=root"}, d.client...)
	s.query = func(ctx context.Context, sql string) (string, error) {
		return w.run(ctx, sql, s.programs.client, client...)
	}
	return nil
}

// settings returns Options.Settings as options.
func (s *Server) settings() []string {
	options := make([]string, len(s.options.Settings))
	for i, setting := range s.options.Settings {
		options[i] = "--" + setting
	}
	return options
}

func (s *Server) accounts() []string {
	var sql []string
	for _, user := range s.options.IAMUsers {
		sql = append(sql, "CREATE USER "+mySQLString(user)+" IDENTIFIED WITH "+pluginName+" AS 'RDS' REQUIRE SSL")
	}
	for _, user := range slices.Sorted(maps.Keys(s.options.PasswordUsers)) {
		sql = append(sql, "CREATE USER "+mySQLString(user)+" IDENTIFIED BY "+mySQLString(s.options.PasswordUsers[user]))
	}
	return sql
}

func mySQLString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}
