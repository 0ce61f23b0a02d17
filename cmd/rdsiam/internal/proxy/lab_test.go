package proxy_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const (
	endpoint = "proxied.abc123.eu-central-1.rds.amazonaws.com"
	app      = "app"
	password = "local password" // of the proxy
)

// database is what a proxy is in front of: a server of rdsiamtest, or a real one that asks
// it.
type database struct {
	name     string
	verifier *rdsiamtest.Server
	address  string
	engine   func(proxy.Target) (proxy.Engine, error)
}

func postgresEngine(target proxy.Target) (proxy.Engine, error) { return proxy.NewPostgreSQL(target) }
func mysqlEngine(target proxy.Target) (proxy.Engine, error)    { return proxy.NewMySQL(target) }

// emulated is a server of rdsiamtest.
func emulatedPostgreSQL(t testing.TB, options ...rdsiamtest.Option) *database {
	options = append([]rdsiamtest.Option{rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app)}, options...)
	server := rdsiamtest.StartPostgreSQL(t, options...)
	return &database{"rdsiamtest", server, server.Addr().String(), postgresEngine}
}

func emulatedMySQL(t testing.TB, options ...rdsiamtest.Option) *database {
	options = append([]rdsiamtest.Option{rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app)}, options...)
	server := rdsiamtest.StartMySQL(t, options...)
	return &database{"rdsiamtest", server, server.Addr().String(), mysqlEngine}
}

// realPostgreSQL is a real server.
func realPostgreSQL(t testing.TB, installation realserver.Installation) *database {
	d := emulatedPostgreSQL(t)
	d.start(t, installation)
	return d
}

func realMySQL(t testing.TB, installation realserver.Installation) *database {
	d := emulatedMySQL(t)
	d.start(t, installation)
	return d
}

// start starts a real server that asks the verifier.
func (d *database) start(t testing.TB, installation realserver.Installation) {
	t.Helper()
	server, err := installation.Start(t.Context(), realserver.Options{
		Check:       d.verifier.Verify,
		Certificate: d.verifier.Certificate(),
		IAMUsers:    []string{app},
	})
	var missing *realserver.MissingError
	if errors.As(err, &missing) {
		skip(t, missing.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if installation.Product == "PostgreSQL" {
		err = server.Exec(t.Context(), `GRANT CREATE ON SCHEMA public TO app`)
	} else {
		err = server.Exec(t.Context(), `CREATE DATABASE shop`, `GRANT ALL ON shop.* TO 'app'@'%'`, `SET GLOBAL local_infile = 1`)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.name, d.address = installation.Product+" "+server.Version(), server.Addr()
}

// skip skips a test for want of a program, unless the machine is said to have everything.
func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

func (d *database) target(t testing.TB) proxy.Target {
	t.Helper()
	options := []rdsiam.EndpointOption{rdsiam.WithEndpoint(d.verifier.Endpoint()), rdsiam.WithRootCAs(d.verifier.RootCAs())}
	resolved, err := rdsiam.ResolveEndpoint(d.address, 0, options...)
	if err != nil {
		t.Fatal(err)
	}
	return proxy.Target{
		Login:   rdsiam.Login{Endpoint: resolved, User: app},
		Dialed:  d.address,
		Options: options,
		Tokens:  rdsiam.NewTokenSource(d.verifier.Credentials()),
	}
}

// running is a proxy that serves.
type running struct {
	*proxy.Server
	address string // host:port, or the path of the socket
	log     *text
	stop    context.CancelFunc
	stopped chan error // the result of Serve
}

// text is what the proxy logs.
type text struct {
	mu    sync.Mutex
	lines []string
}

func (l *text) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// wait waits until there is something.
func (l *text) wait(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); l.String() == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is logged")
		}
	}
}

// start has settings and tokens of its own; listen is "tcp" or "unix".
func (d *database) proxy(t testing.TB, listen string, settings proxy.Settings, change ...func(*proxy.Target)) *running {
	t.Helper()
	target := d.target(t)
	for _, f := range change {
		f(&target)
	}
	engine, err := d.engine(target)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{log: new(text), stopped: make(chan error, 1)}
	settings.Log = r.log.add
	if r.Server, err = proxy.NewServer(engine, settings); err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:0"
	if listen == "unix" {
		address = socketDirectory(t)
	}
	listener, err := proxy.Listen(address, engine, false)
	if err != nil {
		t.Fatal(err)
	}
	r.address = listener.Addr().String()
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.stopped <- r.Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		r.stop()
		r.Cut()
		<-done
	})
	return r
}

// socketDirectory is one whose path is short enough: those of t.TempDir hold the name of
// the test.
func socketDirectory(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "proxy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return filepath.Join(directory, "s")
}

// waitStopped returns the result of Serve.
func (r *running) waitStopped(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.stopped:
		return err
	case <-time.After(time.Minute):
		t.Fatal("the proxy does not stop")
		return nil
	}
}

// waitFor waits until the metrics hold a line.
func (r *running) waitFor(t testing.TB, line string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got := r.metrics(t)
		if strings.Contains(got, line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in\n%s", line, got)
		}
		time.Sleep(time.Millisecond)
	}
}

// metrics are without the label that all of them have.
func (r *running) metrics(t testing.TB) string {
	t.Helper()
	code, body := r.get(t, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", code, body)
	}
	const label = `server_address="` + endpoint + `"`
	return strings.NewReplacer("{"+label+"}", "", ","+label+"}", "}", ","+label+",", ",").Replace(body)
}

func (r *running) get(t testing.TB, path string) (code int, body string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	r.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return recorder.Code, recorder.Body.String()
}

// tokens are those that a proxy has used.
type tokens struct {
	mu   sync.Mutex
	seen []string
}

// keep has the tokens of target remembered.
func (s *tokens) keep(target *proxy.Target) {
	source := target.Tokens
	target.Tokens = rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		token, err := source.Token(ctx, login)
		if text := token.Reveal(); text != "" {
			_, signature, _ := strings.Cut(text, "X-Amz-Signature=")
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen = append(s.seen, text, signature)
		}
		return token, err
	})
}

func (s *tokens) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func itoa(number uint16) string { return strconv.Itoa(int(number)) }
