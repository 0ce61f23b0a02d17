package bench_test

import (
	"context"
	"database/sql/driver"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// ownPart is one way to log in, with a token that is given out again, and the driver
// alone with a password instead. Neither touches a network: what is left between the two
// is what the library adds.
type ownPart struct {
	name       string
	bare, ours func(context.Context)
}

// maxOwnAllocations is the limit for one log-in, with a token that is given out again.
const maxOwnAllocations = 20

// BenchmarkOwnPart measures what the library adds to a log-in.
func BenchmarkOwnPart(b *testing.B) {
	for _, part := range ownParts(b) {
		b.Run(part.name, func(b *testing.B) { compare(b, repeat(part.bare), repeat(part.ours)) })
	}
}

func TestOwnPartAllocations(t *testing.T) {
	for _, part := range ownParts(t) {
		t.Run(part.name, func(t *testing.T) {
			bare, ours := allocations(part.bare), allocations(part.ours)
			t.Logf("the driver alone: %v, with the library: %v, added: %v", bare, ours, ours-bare)
			if added := ours - bare; added > maxOwnAllocations {
				t.Errorf("%v allocations are added to the driver's %v, more than %d", added, bare, maxOwnAllocations)
			}
		})
	}
}

func TestReusedTokenDoesNotAllocate(t *testing.T) {
	login := loginAt(t, instance, 5432)
	source := reusing(t, login)
	if n := allocations(func(ctx context.Context) { _, _ = login.Token(ctx, source) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func allocations(run func(context.Context)) float64 {
	return testing.AllocsPerRun(200, func() { run(context.Background()) })
}

func repeat(run func(context.Context)) operation {
	return func(n int) {
		for range n {
			run(context.Background())
		}
	}
}

func ownParts(tb testing.TB) []ownPart {
	return []ownPart{pgxConnector(tb), pgxHook(tb), mysqlConnector(tb), mysqlHook(tb)}
}

func pgxConfig(tb testing.TB) *pgx.ConnConfig {
	tb.Helper()
	config, err := pgx.ParseConfig("postgres://app@" + instance + "/db?sslmode=verify-full")
	if err != nil {
		tb.Fatal(err)
	}
	cannedLogIn(tb, config)
	return config
}

// withPassword returns a configuration with a token as its password.
func withPassword(tb testing.TB, config *pgx.ConnConfig, login rdsiam.Login, source rdsiam.TokenSource) *pgx.ConnConfig {
	tb.Helper()
	token, err := login.Token(tb.Context(), source)
	if err != nil {
		tb.Fatal(err)
	}
	config = config.Copy()
	config.Password = token.Reveal()
	return config
}

func pgxConnector(tb testing.TB) ownPart {
	config, login := pgxConfig(tb), loginAt(tb, instance, 5432)
	source := reusing(tb, login)
	pg, err := rdspgx.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return ownPart{"driver=pgx/via=connector",
		connecting(tb, stdlib.GetConnector(*withPassword(tb, config, login, source))),
		connecting(tb, rdsiam.NewConnector(pg, source))}
}

func connecting(tb testing.TB, connector driver.Connector) func(context.Context) {
	return func(ctx context.Context) {
		if _, err := connector.Connect(ctx); err != nil {
			tb.Fatal(err)
		}
	}
}

func pgxHook(tb testing.TB) ownPart {
	config, login := pgxConfig(tb), loginAt(tb, instance, 5432)
	source := reusing(tb, login)
	fixed := withPassword(tb, config, login, source)
	hook := rdspgx.BeforeConnect(source)
	noHook := func(context.Context, *pgx.ConnConfig) error { return nil }
	connect := func(config *pgx.ConnConfig, hook func(context.Context, *pgx.ConnConfig) error) func(context.Context) {
		return func(ctx context.Context) {
			copied := *config // as stdlib does it; pgxpool makes a deep copy, with or without a hook
			if err := hook(ctx, &copied); err != nil {
				tb.Fatal(err)
			}
			if _, err := pgx.ConnectConfig(ctx, &copied); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return ownPart{"driver=pgx/via=hook", connect(fixed, noHook), connect(config, hook)}
}

// dialled is what a dial panics with: the log-in ends there on both sides, without the
// handling of an error. All that rdsmysql does comes before it.
type dialled struct{}

func mysqlConfig(tb testing.TB) *mysql.Config {
	tb.Helper()
	config, err := mysql.ParseDSN("app@tcp(" + instance + ":3306)/db?tls=true&allowCleartextPasswords=true")
	if err != nil {
		tb.Fatal(err)
	}
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { panic(dialled{}) }
	return config
}

func untilDialled(tb testing.TB, connector driver.Connector) func(context.Context) {
	return func(ctx context.Context) {
		defer func() {
			if reason := recover(); reason != (dialled{}) {
				tb.Errorf("no dial: %v", reason)
			}
		}()
		_, err := connector.Connect(ctx)
		tb.Error(err)
	}
}

func bareMySQL(tb testing.TB, login rdsiam.Login, source rdsiam.TokenSource) func(context.Context) {
	tb.Helper()
	token, err := login.Token(tb.Context(), source)
	if err != nil {
		tb.Fatal(err)
	}
	config := mysqlConfig(tb)
	config.Passwd = token.Reveal()
	return untilDialled(tb, mysqlConnectorOf(tb, config))
}

func mysqlConnectorOf(tb testing.TB, config *mysql.Config) driver.Connector {
	tb.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		tb.Fatal(err)
	}
	return connector
}

func mysqlConnector(tb testing.TB) ownPart {
	login := loginAt(tb, instance, 3306)
	source := reusing(tb, login)
	my, err := rdsmysql.New(mysqlConfig(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return ownPart{"driver=mysql/via=connector", bareMySQL(tb, login, source), untilDialled(tb, rdsiam.NewConnector(my, source))}
}

func mysqlHook(tb testing.TB) ownPart {
	login := loginAt(tb, instance, 3306)
	source := reusing(tb, login)
	config := mysqlConfig(tb)
	if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(source))); err != nil {
		tb.Fatal(err)
	}
	return ownPart{"driver=mysql/via=hook", bareMySQL(tb, login, source), untilDialled(tb, mysqlConnectorOf(tb, config))}
}
