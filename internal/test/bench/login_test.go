package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const logInEndpoint = "login.abc123.us-east-1.rds.amazonaws.com"

// BenchmarkLogin measures a whole login, from the dial to the moment in which the
// connection is ready: dial, TLS handshake, token, the server's answer. Tokens are reused
// as they are by default, for a minute.
func BenchmarkLogin(b *testing.B) {
	for _, server := range logInServers() {
		b.Run("server="+server.name, func(b *testing.B) {
			ways := server.start(b)
			for n, way := range ways(b) {
				// Anew each time, so that the token that is a password does not expire.
				b.Run(way.name, func(b *testing.B) { compareLogins(b, ways(b)[n]) })
			}
		})
	}
}

// logInServer is where a login goes. When it was started, it has ways in.
type logInServer struct {
	name  string
	start func(*testing.B) func(*testing.B) []way
}

func logInServers() []logInServer {
	servers := []logInServer{{"rdsiamtest", func(b *testing.B) func(*testing.B) []way {
		postgreSQL, mySQL := startPostgreSQL(b, nil), startMySQL(b, nil)
		return func(b *testing.B) []way { return append(postgreSQL(b), mySQL(b)...) }
	}}}
	for _, installation := range realserver.PostgreSQLs() {
		servers = append(servers, logInServer{nameOf(installation), func(b *testing.B) func(*testing.B) []way { return startPostgreSQL(b, &installation) }})
	}
	for _, installation := range realserver.MySQLs() {
		servers = append(servers, logInServer{nameOf(installation), func(b *testing.B) func(*testing.B) []way { return startMySQL(b, &installation) }})
	}
	return servers
}

func nameOf(installation realserver.Installation) string {
	return strings.ReplaceAll(installation.String(), " ", "-")
}

// compareLogins closes the connections when the clock has stopped.
func compareLogins(b *testing.B, way way) {
	var open []io.Closer
	keep := func(connect connect) operation {
		return func(n int) {
			for range n {
				conn, err := connect(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				open = append(open, conn)
			}
		}
	}
	compare(b, keep(way.base), keep(way.ours), func() {
		for _, conn := range open {
			conn.Close()
		}
		open = open[:0]
	})
}

// startPostgreSQL starts rdsiamtest, and a real server that asks it if there is to be one,
// and returns the ways in.
func startPostgreSQL(b *testing.B, installation *realserver.Installation) func(*testing.B) []way {
	b.Helper()
	checks := rdsiamtest.StartPostgreSQL(b, rdsiamtest.WithEndpoint(logInEndpoint), rdsiamtest.WithIAMUser("app"))
	config, err := pgx.ParseConfig(checks.DSN("app"))
	if err != nil {
		b.Fatal(err)
	}
	version := ""
	config.LookupFunc, config.DialFunc = checks.LookupHost, checks.DialContext
	if installation != nil {
		server := startReal(b, *installation, checks)
		version, config.DialFunc = server.Version(), dialTo(server)
	}
	return func(b *testing.B) []way {
		if version != "" {
			b.Log("server: " + version)
		}
		return waysOfPGX(b, config, accountOn(b, checks))
	}
}

// startMySQL does the same for MySQL and MariaDB.
func startMySQL(b *testing.B, installation *realserver.Installation) func(*testing.B) []way {
	b.Helper()
	checks := rdsiamtest.StartMySQL(b, rdsiamtest.WithEndpoint(logInEndpoint), rdsiamtest.WithIAMUser("app"))
	config, err := mysql.ParseDSN(checks.DSN("app"))
	if err != nil {
		b.Fatal(err)
	}
	version := ""
	config.DBName, config.DialFunc = "", checks.DialContext
	if installation != nil {
		server := startReal(b, *installation, checks)
		version, config.DialFunc = server.Version(), dialTo(server)
	}
	return func(b *testing.B) []way {
		if version != "" {
			b.Log("server: " + version)
		}
		return waysOfMySQL(b, config, accountOn(b, checks))
	}
}

// startReal starts a real server that asks checks whether a token is good.
func startReal(b *testing.B, installation realserver.Installation, checks *rdsiamtest.Server) *realserver.Server {
	b.Helper()
	server, err := installation.Start(b.Context(), realserver.Options{
		Check:       checks.Verify,
		Certificate: checks.Certificate(),
		IAMUsers:    []string{"app"},
	})
	skipOrFail(b, err)
	b.Cleanup(server.Close)
	return server
}

// skipOrFail ends the benchmark if its server could not be started. A skipped one that is
// part of another is not mentioned by package testing.
func skipOrFail(b *testing.B, err error) {
	b.Helper()
	var missing *realserver.MissingError
	if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
		fmt.Fprintf(os.Stderr, "skipped: %s: %v\n", b.Name(), err)
		b.SkipNow()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func dialTo(server *realserver.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Addr())
	}
}

func accountOn(b *testing.B, server *rdsiamtest.Server) account {
	b.Helper()
	endpoint, err := rdsiam.ResolveEndpoint(server.Endpoint(), 0)
	if err != nil {
		b.Fatal(err)
	}
	return account{
		login:       rdsiam.Login{Endpoint: endpoint, User: "app"},
		roots:       server.RootCAs(),
		tokens:      rdsiam.NewTokenSource(server.Credentials()),
		credentials: cached(server.Credentials()),
	}
}
