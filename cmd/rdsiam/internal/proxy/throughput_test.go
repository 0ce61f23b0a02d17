package proxy_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// BenchmarkPostgreSQLCopy compares a COPY of 100 MB through the proxy with one on a
// connection of the client's own, in interleaved rounds. The metrics are the share of the
// direct throughput that is reached by a second direct connection (control), and through
// the proxy by a unix socket and by TCP: the median of the rounds, the least and the most.
func BenchmarkPostgreSQLCopy(b *testing.B) {
	const size = 100_000_000
	const out = "COPY (SELECT repeat('x', 99) FROM generate_series(1, 1000000)) TO STDOUT"
	d := realPostgreSQL(b, realserver.PostgreSQLs()[0])
	unix, tcp := d.proxy(b, "unix", proxy.Settings{}), d.proxy(b, "tcp", proxy.Settings{Password: password})
	conns := []*pgx.Conn{
		connectDirectly(b, d), connectDirectly(b, d),
		connectPostgreSQL(b, pgxConfig(b, unix, app, "")), connectPostgreSQL(b, pgxConfig(b, tcp, app, password)),
	}
	const direct = 0
	for _, way := range []struct {
		name string
		run  func(*pgx.Conn) error
	}{
		{"out", func(conn *pgx.Conn) error {
			_, err := conn.PgConn().CopyTo(b.Context(), io.Discard, out)
			return err
		}},
		{"in", func(conn *pgx.Conn) error {
			if _, err := conn.Exec(b.Context(), "CREATE TEMPORARY TABLE loaded (text text) ON COMMIT DELETE ROWS"); err != nil {
				return err
			}
			_, err := conn.PgConn().CopyFrom(b.Context(), &lines{left: size}, "COPY loaded FROM STDIN")
			if err != nil {
				return err
			}
			_, err = conn.Exec(b.Context(), "DROP TABLE loaded")
			return err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			times := make([][]time.Duration, len(conns))
			for first := 0; b.Loop(); first++ {
				for next := range conns { // none is always the first
					i := (first + next) % len(conns)
					conn := conns[i]
					start := time.Now()
					if err := way.run(conn); err != nil {
						b.Fatal(err)
					}
					times[i] = append(times[i], time.Since(start))
				}
			}
			b.ReportMetric(size/median(times[direct]).Seconds()/1e6, "MB/s-direct")
			for i, name := range []string{"control", "unix", "tcp"} {
				ratios := ratiosOf(times[direct], times[direct+1+i])
				b.ReportMetric(ratios[len(ratios)/2], name)
				b.ReportMetric(ratios[0], name+"-least")
				b.ReportMetric(ratios[len(ratios)-1], name+"-most")
			}
		})
	}
}

// lines is a text of so many bytes.
type lines struct{ left int }

func (l *lines) Read(b []byte) (int, error) {
	const line = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456\\\n\n"
	n := 0
	for l.left >= len(line) && len(b)-n >= len(line) {
		n += copy(b[n:], line)
		l.left -= len(line)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// ratiosOf are those of the throughputs: how much of the first is reached by the second, in
// each round, the least first.
func ratiosOf(first, second []time.Duration) []float64 {
	var ratios []float64
	for i := range first {
		ratios = append(ratios, first[i].Seconds()/second[i].Seconds())
	}
	slices.Sort(ratios)
	return ratios
}

// connectDirectly logs in to the database with a token.
func connectDirectly(t testing.TB, d *database) *pgx.Conn {
	t.Helper()
	target := d.target(t)
	config, err := pgx.ParseConfig("postgres://" + app + "@" + d.address + "/postgres?sslmode=verify-full")
	if err != nil {
		t.Fatal(err)
	}
	if err := rdspgx.BeforeConnect(target.Tokens, target.Options...)(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	return connectPostgreSQL(t, config)
}

// BenchmarkPostgreSQLQueries compares queries of one row through the proxy with those on a
// connection of the client's own, in interleaved rounds, as BenchmarkPostgreSQLCopy does.
func BenchmarkPostgreSQLQueries(b *testing.B) {
	const queries = 2000 // in a round
	d := realPostgreSQL(b, realserver.PostgreSQLs()[0])
	unix, tcp := d.proxy(b, "unix", proxy.Settings{}), d.proxy(b, "tcp", proxy.Settings{Password: password})
	conns := []*pgx.Conn{
		connectDirectly(b, d), connectDirectly(b, d),
		connectPostgreSQL(b, pgxConfig(b, unix, app, "")), connectPostgreSQL(b, pgxConfig(b, tcp, app, password)),
	}
	times := make([][]time.Duration, len(conns))
	for first := 0; b.Loop(); first++ {
		for next := range conns {
			i := (first + next) % len(conns)
			start := time.Now()
			for range queries {
				var n int
				if err := conns[i].QueryRow(b.Context(), "select 1").Scan(&n); err != nil {
					b.Fatal(err)
				}
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	b.ReportMetric(queries/median(times[0]).Seconds(), "queries/s-direct")
	for i, name := range []string{"control", "unix", "tcp"} {
		ratios := ratiosOf(times[0], times[1+i])
		b.ReportMetric(ratios[len(ratios)/2], name)
	}
}
