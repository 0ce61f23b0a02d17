package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// proxyFlags are those of the command proxy, besides the target.
type proxyFlags struct {
	listen         string
	expose         bool
	passwordFile   string
	noLocalAuth    bool
	checkLogin     bool
	maxConnections int
	drainTime      time.Duration
	http           string
	output         outputFormat
}

func newProxy(streams Streams) *cobra.Command {
	var (
		at       target
		endpoint endpointArgument
		given    proxyFlags
	)
	command := &cobra.Command{
		Use:   "proxy ENDPOINT --user USER",
		Short: "Let programs on this machine log in that cannot get tokens",
		Long: `Listen on this machine for programs that cannot get tokens. Each connection gets
a login of its own at the database, with a token and verified TLS. Clients
connect without TLS, as the user given here and as no other.

By default they connect to a unix socket that only you can use. On TCP they need
a password, which is printed once, or given by --password-file: a file of mode
0600, or 0640 if it is root's. Nobody reaches the database without it. What
travels between a client and the proxy is not encrypted, so that other machines
are let in only with --expose.

The proxy ends with SIGTERM, Ctrl-C or its terminal: idle connections are
closed, and those that run something have --drain-time to finish. A second
signal ends all.`,
		Example: `  rdsiam proxy prod.abc123.eu-west-1.rds.amazonaws.com:5432 --user app
  rdsiam proxy prod.abc123.eu-west-1.rds.amazonaws.com:3306 --user app \
      --listen 127.0.0.1:13306 --password-file ~/.config/proxy-password`,
		Args: between(0, 1, "one ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, err := endpoint.require(command, args)
			if err != nil {
				return err
			}
			if err := at.requireUser(endpoint); err != nil {
				return err
			}
			if err := given.check(); err != nil {
				return err
			}
			return runProxy(command.Context(), streams, endpoint, at, given)
		},
	}
	at.addTo(command)
	endpoint.addTo(command)
	given.addTo(command)
	return command
}

func (g *proxyFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&g.listen, "listen", "", "127.0.0.1:PORT, or the directory of a unix socket (default: one of your own)")
	flags.BoolVar(&g.expose, "expose", false, "let --listen name an address that other machines can reach")
	flags.StringVar(&g.passwordFile, "password-file", "", "file with the password that clients must give")
	flags.BoolVar(&g.noLocalAuth, "no-local-auth", false, "let every program on this machine in, over TCP as well")
	flags.BoolVar(&g.checkLogin, "check-login", false, "log in once before anything listens, and end if that fails")
	flags.IntVar(&g.maxConnections, "max-connections", 100, "clients that may be connected at a time")
	flags.DurationVar(&g.drainTime, "drain-time", 30*time.Second, "what running statements have left when the proxy ends")
	flags.StringVar(&g.http, "http", "", "HOST:PORT to serve /livez, /readyz and /metrics on")
	g.output.addTo(command)
}

func (g *proxyFlags) check() error {
	switch {
	case g.maxConnections < 1:
		return usagef("--max-connections %d lets nobody in; give 1 or more", g.maxConnections)
	case g.drainTime < 0:
		return usagef("--drain-time %v is in the past; give 0s to cut at once", g.drainTime)
	case g.noLocalAuth && g.passwordFile != "":
		return usagef("--no-local-auth and --password-file contradict each other; leave one out")
	case g.noLocalAuth && g.expose:
		return usagef("--no-local-auth and --expose together would let everybody log in as you; leave one out")
	}
	return nil
}

// password returns the password of clients, "" for none, and whether it is a new one.
func (g *proxyFlags) password(ctx context.Context, socket bool) (password string, made bool, err error) {
	switch {
	case g.passwordFile != "":
		text, err := readChecked(ctx, "--password-file", g.passwordFile, func(info fs.FileInfo) error {
			return proxy.CheckPasswordFile(g.passwordFile, info)
		})
		if err != nil {
			return "", false, err
		}
		password, err = proxy.ParsePassword(g.passwordFile, text)
		return password, false, err
	case socket, g.noLocalAuth:
		return "", false, nil
	}
	return proxy.RandomPassword(), true, nil
}

func runProxy(ctx context.Context, streams Streams, endpoint string, at target, given proxyFlags) error {
	// When nobody reads standard error any more, which Ctrl-C can end as well, sessions go on.
	signal.Ignore(syscall.SIGPIPE)
	database, err := at.resolve(ctx, endpoint)
	if err != nil {
		return err
	}
	engine, err := at.proxyEngine(ctx, database)
	if err != nil {
		return err
	}
	if given.listen == "" {
		given.listen = proxy.DefaultDirectory(database.Login)
	}
	password, made, err := given.password(ctx, proxy.IsSocket(given.listen))
	if err != nil {
		return err
	}
	server, err := proxy.NewServer(engine, proxy.Settings{
		Password: password, MaxConnections: given.maxConnections, DrainTime: given.drainTime, Log: logTo(streams.Err),
	})
	if err != nil {
		return err
	}
	// Without a token nobody could be logged in, which is better said now.
	check := server.Ready
	if given.checkLogin {
		check = server.CheckLogin
	}
	if err := check(ctx); err != nil {
		return err
	}
	listener, err := proxy.Listen(given.listen, engine, given.expose)
	if err != nil {
		return err
	}
	defer listener.Close()
	stopHTTP, err := serveHTTP(given.http, server)
	if err != nil {
		return err
	}
	defer stopHTTP()
	started := proxyStarted{Address: listener.Addr().String(), User: database.User, engine: engine}
	if made {
		started.Password = password
	}
	if err := started.write(streams.Out, given.output); err != nil {
		return err
	}
	defer cutAtSecondSignal(ctx, server)()
	return server.Serve(ctx, listener)
}

// proxyEngine returns the engine for the kind of database.
func (t *target) proxyEngine(ctx context.Context, database database) (proxy.Engine, error) {
	spoken, err := t.engineOf(database.Endpoint.Port())
	if err != nil {
		return nil, err
	}
	aws, err := loadAWS(ctx, t.profile, "")
	if err != nil {
		return nil, err
	}
	target := proxy.Target{
		Login: database.Login, Dialed: database.dialed, Options: database.options, Tokens: tokensOf(aws),
		Doctor: database.doctor,
	}
	if spoken == postgreSQL {
		return proxy.NewPostgreSQL(target)
	}
	return proxy.NewMySQL(target)
}

func logTo(out io.Writer) func(string) {
	logger := log.New(out, "", log.LstdFlags)
	return func(text string) { logger.Print("rdsiam proxy: " + text) }
}

// serveHTTP serves what watches the proxy, if an address is given for it, until stop is
// called.
func serveHTTP(address string, server *proxy.Server) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for --http: %w; give another HOST:PORT", err)
	}
	const slow = 10 * time.Second
	web := &http.Server{Handler: server.Handler(), ReadTimeout: slow, WriteTimeout: slow, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = web.Serve(listener)
	}()
	return func() {
		web.Close()
		<-done
	}, nil
}

// cutAtSecondSignal cuts the sessions of server when a signal comes after ctx, which the
// first one has ended. It watches until stop is called.
func cutAtSecondSignal(ctx context.Context, server *proxy.Server) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, EndSignals()...)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			select {
			case <-signals:
			case <-over:
				return
			}
		}
		<-ctx.Done()
		server.Cut()
	}()
	return func() {
		signal.Stop(signals)
		close(over)
		<-done
	}
}

// proxyStarted is what is printed when clients can connect.
type proxyStarted struct {
	Address  string `json:"address"` // host:port, or the path of the socket
	User     string `json:"user"`
	Password string `json:"password,omitempty"` // only one that was made up

	engine proxy.Engine
}

func (s proxyStarted) write(out io.Writer, format outputFormat) error {
	if format == outputJSON {
		return writeJSON(out, s)
	}
	text := "listening on " + s.Address + "\n"
	if s.Password != "" {
		text += "password: " + s.Password + "\n"
	}
	_, err := fmt.Fprint(out, text+"connect with: "+s.engine.Example(s.Address, s.User)+"\n")
	return err
}
