package rdsiamtest_test

import (
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const remoteEndpoint = "prod.abc123.eu-west-1.rds.amazonaws.com"

// startLocal starts a server as a program does that clients of any kind come to.
func startLocal(t *testing.T, start func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server) (server *rdsiamtest.Server, port string, seen <-chan rdsiamtest.Login) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	tries := make(chan rdsiamtest.Login, 10)
	server = start(t,
		rdsiamtest.WithListener(listener), rdsiamtest.WithRegion("eu-west-1"),
		rdsiamtest.WithEndpoint("127.0.0.1:"+port), rdsiamtest.WithEndpoint("LOCALHOST:"+port), rdsiamtest.WithEndpoint(remoteEndpoint),
		rdsiamtest.WithObserver(func(try rdsiamtest.Login) { tries <- try }),
		rdsiamtest.WithIAMUser("app"))
	return server, port, tries
}

// The tokens are those of the AWS SDK, which signs any name.
var localTests = []struct {
	name           string
	dialed         string // and verified
	signed         string // with PORT for the port
	wantRefusedFor rdsiamtest.Reason
}{
	{"localhost", "localhost", "localhost:PORT", ""},
	{"address", "127.0.0.1", "127.0.0.1:PORT", ""},
	{"address, signed by name", "127.0.0.1", "localhost:PORT", ""},
	{"name of RDS", remoteEndpoint, remoteEndpoint + ":", ""},
	{"name of RDS without its port", remoteEndpoint, remoteEndpoint + ":PORT", rdsiamtest.ReasonPort},
	{"localhost, signed for another", "localhost", remoteEndpoint + ":", rdsiamtest.ReasonHost},
	{"localhost, another port", "localhost", "localhost:1", rdsiamtest.ReasonPort},
}

func sign(t *testing.T, server *rdsiamtest.Server, signed, port, defaultPort string) string {
	t.Helper()
	host, wanted, err := net.SplitHostPort(signed)
	if err != nil {
		t.Fatal(err)
	}
	switch wanted {
	case "":
		wanted = defaultPort
	case "PORT":
		wanted = port
	}
	token, err := auth.BuildAuthToken(t.Context(), net.JoinHostPort(host, wanted), "eu-west-1", "app", server.Credentials())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantTold(t *testing.T, seen <-chan rdsiamtest.Login, err error, refusedFor rdsiamtest.Reason) {
	t.Helper()
	var try rdsiamtest.Login
	select {
	case try = <-seen:
	case <-time.After(10 * time.Second):
		t.Fatalf("the server saw no login; the client: %v", err)
	}
	if refusedFor == "" {
		refusedFor = rdsiamtest.ReasonAccepted
	}
	if try.Reason != refusedFor || (err == nil) != (refusedFor == rdsiamtest.ReasonAccepted) {
		t.Errorf("the server says %s (%s), the client %v; want %s", try.Reason, try.Detail, err, refusedFor)
	}
}

func TestLocalPostgreSQL(t *testing.T) {
	server, port, seen := startLocal(t, rdsiamtest.StartPostgreSQL)
	for _, test := range localTests {
		t.Run(test.name, func(t *testing.T) {
			config, err := pgconn.ParseConfig("postgres://app:" + url.QueryEscape(sign(t, server, test.signed, port, "5432")) + "@127.0.0.1:" + port + "/postgres?sslmode=require")
			if err != nil {
				t.Fatal(err)
			}
			config.TLSConfig = &tls.Config{RootCAs: server.RootCAs(), ServerName: test.dialed}
			conn, err := pgconn.ConnectConfig(t.Context(), config)
			if err == nil {
				defer conn.Close(context.Background())
			}
			wantTold(t, seen, err, test.wantRefusedFor)
		})
	}
}

func TestLocalMySQL(t *testing.T) {
	server, port, seen := startLocal(t, rdsiamtest.StartMySQL)
	for _, test := range localTests {
		t.Run(test.name, func(t *testing.T) {
			config := mysql.NewConfig()
			config.User, config.Passwd = "app", sign(t, server, test.signed, port, "3306")
			config.Net, config.Addr = "tcp", "127.0.0.1:"+port
			config.AllowCleartextPasswords = true
			config.TLS = &tls.Config{RootCAs: server.RootCAs(), ServerName: test.dialed}
			config.Logger = &mysql.NopLogger{}
			connector, err := mysql.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := connector.Connect(t.Context())
			if err == nil {
				defer conn.Close()
			}
			wantTold(t, seen, err, test.wantRefusedFor)
		})
	}
}

func TestListenerIsClosed(t *testing.T) {
	server, port, _ := startLocal(t, rdsiamtest.StartPostgreSQL)
	if got := server.Addr().String(); got != "127.0.0.1:"+port {
		t.Errorf("Addr = %s, want the listener's, port %s", got, port)
	}
	server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	listener.Close()
}

func TestBadLocalOptions(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tests := []struct {
		name    string
		options []rdsiamtest.Option
		want    string
	}{
		{"no region", []rdsiamtest.Option{rdsiamtest.WithEndpoint("localhost:5432")}, "tells no region"},
		{"bad port", []rdsiamtest.Option{rdsiamtest.WithEndpoint("localhost:x"), rdsiamtest.WithRegion("eu-west-1")}, `port "x"`},
		{"nil listener", []rdsiamtest.Option{rdsiamtest.WithListener(nil)}, "nil listener"},
		{"nil observer", []rdsiamtest.Option{rdsiamtest.WithObserver(nil)}, "nil observer"},
		{"listener and memory", []rdsiamtest.Option{rdsiamtest.WithInMemory(), rdsiamtest.WithListener(listener)}, "WithInMemory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, err := rdsiamtest.NewPostgreSQL(test.options...)
			if err == nil {
				server.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

// brokenListener fails as a listener does whose process has run out of files.
type brokenListener struct {
	net.Listener
	failures int
}

func (l *brokenListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, syscall.EMFILE
	}
	return l.Listener.Accept()
}

// The server outlives an error of its listener.
func TestListenerThatFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithListener(&brokenListener{listener, 3}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := askOnce(ctx, t, "MySQL", server); err != nil {
		t.Error(err)
	}
}

// Close does not wait for a listener that fails for good.
func TestListenerThatFailsForGood(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithListener(&brokenListener{listener, math.MaxInt}))
	server.Close()
}

func TestListenerOfAnotherNetwork(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	server, err := rdsiamtest.NewMySQL(rdsiamtest.WithListener(listener))
	if err == nil {
		server.Close()
		t.Fatal("a listener of unix was accepted")
	}
	if !strings.Contains(err.Error(), `"unix"`) {
		t.Errorf("got %v, want it to name the network", err)
	}
}
