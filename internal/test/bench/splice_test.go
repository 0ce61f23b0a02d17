//go:build unix

package bench_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const (
	spliceEndpoint = "bench.abc123.us-east-1.rds.amazonaws.com"
	splicePassword = "secret"
	spliceBytes    = 100_000_000
)

// transfer moves spliceBytes over a connection that is open.
type transfer func() error

// spliceSide is one of those that take turns.
type spliceSide struct {
	side
	run transfer
	cpu []float64 // nanoseconds of this process: of the client, and of the front if there is one
}

// BenchmarkSplicePostgreSQL measures COPY of 100 MB through rdsiamtest.WithUpstream
// against the same COPY by a client that is connected to the server itself, with TLS too.
func BenchmarkSplicePostgreSQL(b *testing.B) {
	behind := startBehind(b, realserver.StartPostgreSQL, rdsiamtest.StartPostgreSQL)
	direct, control := behind.dialPostgreSQL(b), behind.dialPostgreSQL(b)
	if err := behind.Exec(b.Context(), "GRANT CREATE ON SCHEMA public TO app"); err != nil {
		b.Fatal(err)
	}
	for _, width := range []int{100, 2000} {
		table := fmt.Sprintf("rows%d", width)
		preparePostgreSQL(b, direct, table, width)
		for name, upstream := range behind.upstreams() {
			spliced := behind.frontPostgreSQL(b, upstream)
			for way, transferOn := range map[string]func(*pgx.Conn) transfer{
				"in":  func(conn *pgx.Conn) transfer { return copyIn(conn, table, width) },
				"out": func(conn *pgx.Conn) transfer { return copyOut(conn, table) },
			} {
				b.Run(fmt.Sprintf("copy=%s/row=%d/upstream=%s", way, width, name), func(b *testing.B) {
					compareSpliced(b, transferOn(direct), transferOn(control), transferOn(spliced))
				})
			}
		}
	}
}

// BenchmarkSpliceMySQL does the same with LOAD DATA LOCAL and a large SELECT.
func BenchmarkSpliceMySQL(b *testing.B) {
	behind := startBehind(b, realserver.StartMariaDB, rdsiamtest.StartMySQL)
	direct, control := behind.dialMySQL(b), behind.dialMySQL(b)
	prepareMySQL(b, direct, behind)
	for name, upstream := range behind.upstreams() {
		spliced := behind.frontMySQL(b, upstream)
		for way, transferOn := range map[string]func(*sql.Conn) transfer{"load": loadIn, "select": selectOut} {
			b.Run("way="+way+"/upstream="+name, func(b *testing.B) {
				compareSpliced(b, transferOn(direct), transferOn(control), transferOn(spliced))
			})
		}
	}
}

// compareSpliced has the three take turns, in an order that changes from round to round,
// and reports throughput through the front as a part of that without.
func compareSpliced(b *testing.B, direct, control, spliced transfer) {
	base, again, ours := &spliceSide{run: direct}, &spliceSide{run: control}, &spliceSide{run: spliced}
	sides := []*spliceSide{base, again, ours}
	for _, side := range sides {
		if err := side.run(); err != nil { // what is new to anybody is not measured
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for round := range b.N {
		for i := range sides {
			sides[(round+i)%len(sides)].measure(b)
		}
	}
	b.StopTimer()
	b.ReportMetric(quantile(ours.took, 0.5), "ns/op")
	b.ReportMetric(quantile(base.took, 0.5), "direct-ns/op")
	b.ReportMetric(1e3*spliceBytes/quantile(ours.took, 0.5), "MB/s")
	b.ReportMetric(quantile(ours.cpu, 0.5), "cpu-ns/op")
	b.ReportMetric(quantile(base.cpu, 0.5), "direct-cpu-ns/op")
	report(b, "throughput", ratios(&base.side, &ours.side))
	report(b, "control", ratios(&base.side, &again.side))
}

func (s *spliceSide) measure(b *testing.B) {
	before, started := cpuTime(b), time.Now()
	if err := s.run(); err != nil {
		b.Fatal(err)
	}
	s.took = append(s.took, float64(time.Since(started)))
	s.cpu = append(s.cpu, float64(cpuTime(b)-before))
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// behind is a real server whose account "app" has a password.
type behind struct {
	*realserver.Server
	issuer *rdsiamtest.Server // of the server's certificate
}

type (
	startServer func(context.Context, realserver.Options) (*realserver.Server, error)
	startFront  func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server
)

func startBehind(b *testing.B, start startServer, front startFront) *behind {
	b.Helper()
	issuer := front(b, rdsiamtest.WithEndpoint(spliceEndpoint))
	server, err := start(b.Context(), realserver.Options{
		Check:         func(context.Context, string, string) error { return errors.New("no token may come here") },
		Certificate:   issuer.Certificate(),
		PasswordUsers: map[string]string{"app": splicePassword},
	})
	skipOrFail(b, err)
	b.Cleanup(server.Close)
	b.Logf("server: %s", server.Version())
	return &behind{server, issuer}
}

func (s *behind) tls() *tls.Config {
	return &tls.Config{RootCAs: s.issuer.RootCAs(), ServerName: spliceEndpoint}
}

func (s *behind) upstreams() map[string]rdsiamtest.Upstream {
	return map[string]rdsiamtest.Upstream{
		"tls":    {Address: s.Addr(), Password: splicePassword, TLS: s.tls()},
		"socket": {Network: "unix", Address: s.Socket(), Password: splicePassword},
	}
}

func frontOf(b *testing.B, start startFront, upstream rdsiamtest.Upstream) (*rdsiamtest.Server, rdsiam.TokenSource) {
	b.Helper()
	front := start(b, rdsiamtest.WithEndpoint(spliceEndpoint), rdsiamtest.WithIAMUser("app"), rdsiamtest.WithUpstream(upstream))
	return front, rdsiam.NewTokenSource(front.Credentials())
}

func (s *behind) dialPostgreSQL(b *testing.B) *pgx.Conn {
	b.Helper()
	config, err := pgx.ParseConfig("postgres://app@" + s.Addr() + "/postgres?sslmode=require")
	if err != nil {
		b.Fatal(err)
	}
	config.Password, config.TLSConfig = splicePassword, s.tls()
	return connectPostgreSQL(b, config)
}

func (s *behind) frontPostgreSQL(b *testing.B, upstream rdsiamtest.Upstream) *pgx.Conn {
	b.Helper()
	front, tokens := frontOf(b, rdsiamtest.StartPostgreSQL, upstream)
	config, err := pgx.ParseConfig(front.DSN("app"))
	if err != nil {
		b.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = front.DialContext, front.LookupHost
	if err := rdspgx.BeforeConnect(tokens, rdsiam.WithRootCAs(front.RootCAs()))(b.Context(), config); err != nil {
		b.Fatal(err)
	}
	return connectPostgreSQL(b, config)
}

func connectPostgreSQL(b *testing.B, config *pgx.ConnConfig) *pgx.Conn {
	b.Helper()
	conn, err := pgx.ConnectConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// preparePostgreSQL makes a table with spliceBytes of text in rows of this width, and an
// empty one.
func preparePostgreSQL(b *testing.B, conn *pgx.Conn, table string, width int) {
	b.Helper()
	for _, statement := range []string{
		"create unlogged table " + table + " (t text)",
		fmt.Sprintf("insert into %s select repeat('x', %d) from generate_series(1, %d)", table, width-1, spliceBytes/width),
		"vacuum " + table,
		"create unlogged table " + table + "_in (t text)",
	} {
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatalf("%s: %v", statement, err)
		}
	}
}

func copyIn(conn *pgx.Conn, table string, width int) transfer {
	lines := spliceLines(width)
	return func() error {
		ctx := context.Background()
		if _, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(lines), "copy "+table+"_in from stdin"); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "truncate "+table+"_in")
		return err
	}
}

func copyOut(conn *pgx.Conn, table string) transfer {
	return func() error {
		_, err := conn.PgConn().CopyTo(context.Background(), io.Discard, "copy "+table+" to stdout")
		return err
	}
}

// spliceLines returns spliceBytes in lines of this width.
func spliceLines(width int) string {
	return strings.Repeat(strings.Repeat("x", width-1)+"\n", spliceBytes/width)
}

func (s *behind) dialMySQL(b *testing.B) *sql.Conn {
	b.Helper()
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr, config.TLS = "app", splicePassword, "tcp", s.Addr(), s.tls()
	return connectMySQL(b, config)
}

func (s *behind) frontMySQL(b *testing.B, upstream rdsiamtest.Upstream) *sql.Conn {
	b.Helper()
	upstream.Database = "test"
	front, tokens := frontOf(b, rdsiamtest.StartMySQL, upstream)
	config, err := mysql.ParseDSN(front.DSN("app"))
	if err != nil {
		b.Fatal(err)
	}
	config.DialFunc = front.DialContext
	hook := rdsmysql.BeforeConnect(tokens, rdsiam.WithRootCAs(front.RootCAs()))
	if err := config.Apply(mysql.BeforeConnect(hook)); err != nil {
		b.Fatal(err)
	}
	return connectMySQL(b, config)
}

func connectMySQL(b *testing.B, config *mysql.Config) *sql.Conn {
	b.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(connector)
	b.Cleanup(func() { db.Close() })
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}

const mysqlWidth = 2000

// prepareMySQL makes a table with spliceBytes of text, and an empty one. MyISAM has no
// log to wait for.
func prepareMySQL(b *testing.B, conn *sql.Conn, behind *behind) {
	b.Helper()
	err := behind.Exec(b.Context(), "CREATE DATABASE test", "GRANT ALL ON test.* TO app", "SET GLOBAL local_infile = 1",
		"CREATE TABLE test.rows_in (t VARCHAR(2000) CHARACTER SET latin1) ENGINE = MyISAM",
		"CREATE TABLE test.rows_out LIKE test.rows_in")
	if err != nil {
		b.Fatal(err)
	}
	if err := load(conn, "test.rows_out", spliceLines(mysqlWidth)); err != nil {
		b.Fatal(err)
	}
}

func load(conn *sql.Conn, table, lines string) error {
	mysql.RegisterReaderHandler("lines", func() io.Reader { return strings.NewReader(lines) })
	defer mysql.DeregisterReaderHandler("lines")
	_, err := conn.ExecContext(context.Background(), "LOAD DATA LOCAL INFILE 'Reader::lines' INTO TABLE "+table)
	return err
}

func loadIn(conn *sql.Conn) transfer {
	lines := spliceLines(mysqlWidth)
	return func() error {
		if err := load(conn, "test.rows_in", lines); err != nil {
			return err
		}
		_, err := conn.ExecContext(context.Background(), "TRUNCATE test.rows_in")
		return err
	}
}

func selectOut(conn *sql.Conn) transfer {
	return func() error {
		rows, err := conn.QueryContext(context.Background(), "SELECT t FROM test.rows_out")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text sql.RawBytes
			if err := rows.Scan(&text); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}
