package bench_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxOwnAllocations is the limit for one login, with a reused token.
const maxOwnAllocations = 20

// BenchmarkOwnPart measures what the library adds to a login with a token that is given
// out again. Neither side touches a network: what is left between the two is what the
// library adds, and what the driver does for having a hook at all.
func BenchmarkOwnPart(b *testing.B) {
	for _, way := range ownParts(b) {
		b.Run(way.name, func(b *testing.B) { compare(b, repeat(b, way.base), repeat(b, way.ours)) })
	}
}

func TestOwnPartAllocations(t *testing.T) {
	for _, way := range ownParts(t) {
		t.Run(way.name, func(t *testing.T) {
			base, ours := allocations(repeat(t, way.base)), allocations(repeat(t, way.ours))
			t.Logf("the driver alone: %v, with the library: %v, added: %v", base, ours, ours-base)
			if added := ours - base; added > maxOwnAllocations {
				t.Errorf("%v allocations are added to the driver's %v, more than %d", added, base, maxOwnAllocations)
			}
		})
	}
}

func TestReusedTokenDoesNotAllocate(t *testing.T) {
	login := loginAt(t, instance, 5432)
	if n := allocations(tokens(reusing(t, login), login)); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func allocations(run operation) float64 {
	return testing.AllocsPerRun(200, func() { run(1) })
}

// repeat logs in n times, and leaves the connections to the garbage collector: there is
// nothing behind them.
func repeat(tb testing.TB, connect connect) operation {
	return func(n int) {
		for range n {
			if _, err := connect(context.Background()); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

func ownParts(tb testing.TB) (ways []way) {
	ways = waysOfPGX(tb, cannedPGX(tb), nowhere(tb, 5432))
	for _, way := range waysOfPGX(tb, withHooks(cannedPGX(tb)), nowhere(tb, 5432)) {
		way.name = strings.Replace(way.name, "driver=pgx", "driver=pgx/callers=hooks", 1)
		ways = append(ways, way)
	}
	for _, way := range waysOfMySQL(tb, undialedMySQL(tb), nowhere(tb, 3306)) {
		way.base, way.ours = untilDialed(tb, way.base), untilDialed(tb, way.ours)
		ways = append(ways, way)
	}
	return ways
}

// withHooks gives a configuration hooks of the caller's own, which the library has to chain.
func withHooks(config *pgx.ConnConfig) *pgx.ConnConfig {
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) { return conn, nil }
	config.OnPgError = func(*pgconn.PgConn, *pgconn.PgError) bool { return false }
	config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	config.ValidateConnect = func(context.Context, *pgconn.PgConn) error { return nil }
	return config
}

// nowhere is an account at a server that nobody dials.
func nowhere(tb testing.TB, port uint16) account {
	tb.Helper()
	login := loginAt(tb, instance, port)
	roots, err := login.Endpoint.TLSConfig(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return account{login, roots.RootCAs, reusing(tb, login), provider(longLived)}
}

func cannedPGX(tb testing.TB) *pgx.ConnConfig {
	tb.Helper()
	config, err := pgx.ParseConfig("postgres://app@" + instance + "/db?sslmode=verify-full")
	if err != nil {
		tb.Fatal(err)
	}
	cannedLogin(tb, config)
	return config
}

// dialed is what a dial panics with: the login ends there on both sides, without the
// handling of an error. What rdsmysql does comes before it, but for its look at the greeting.
type dialed struct{}

func undialedMySQL(tb testing.TB) *mysql.Config {
	tb.Helper()
	config, err := mysql.ParseDSN("app@tcp(" + instance + ":3306)/db")
	if err != nil {
		tb.Fatal(err)
	}
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { panic(dialed{}) }
	return config
}

func untilDialed(tb testing.TB, connect connect) connect {
	return func(ctx context.Context) (_ io.Closer, _ error) {
		defer func() {
			if reason := recover(); reason != (dialed{}) {
				tb.Errorf("no dial: %v", reason)
			}
		}()
		_, err := connect(ctx)
		return nil, err
	}
}
