package bench_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// BenchmarkMemory measures what stays in memory for a number of endpoints: the tokens that
// a source gives out again, signed by the credentials of a role, and with holding=connectors
// a rdspgx.Driver and a Connector for each endpoint as well. A pgx.ConnConfig, which a
// program without the library has for each too, is given for comparison.
func BenchmarkMemory(b *testing.B) {
	for _, endpoints := range []int{1, 100, 10_000} {
		hosts := make([]string, endpoints)
		for n := range hosts {
			hosts[n] = fmt.Sprintf("db%d.abc123.us-east-1.rds.amazonaws.com", n)
		}
		for _, holding := range []struct {
			what string
			fill func(testing.TB, []string) any
		}{{"tokens", holdTokens}, {"connectors", holdConnectors}, {"pgx.ConnConfig", holdConfigs}} {
			b.Run(fmt.Sprintf("holding=%s/endpoints=%d", holding.what, endpoints), func(b *testing.B) {
				var bytes, objects []float64
				for range b.N {
					before := heap()
					held := holding.fill(b, hosts)
					after := heap()
					bytes = append(bytes, float64(after.HeapAlloc)-float64(before.HeapAlloc))
					objects = append(objects, float64(after.HeapObjects)-float64(before.HeapObjects))
					runtime.KeepAlive(held)
				}
				b.ReportMetric(0, "ns/op") // says nothing
				b.ReportMetric(quantile(bytes, 0.5), "bytes")
				b.ReportMetric(quantile(bytes, 0.5)/float64(endpoints), "bytes/endpoint")
				b.ReportMetric(quantile(objects, 0.5)/float64(endpoints), "objects/endpoint")
			})
		}
	}
}

// heap collects twice: a sync.Pool keeps what it has for one collection.
func heap() (stats runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats
}

func holdTokens(tb testing.TB, hosts []string) any {
	source := rdsiam.NewTokenSource(provider(ofARole), rdsiam.WithReuse(14*time.Minute))
	for _, host := range hosts {
		if _, err := loginAt(tb, host, 5432).Token(tb.Context(), source); err != nil {
			tb.Fatal(err)
		}
	}
	return source
}

func holdConfigs(tb testing.TB, hosts []string) any {
	configs := make([]*pgx.ConnConfig, len(hosts))
	for n, host := range hosts {
		var err error
		if configs[n], err = pgx.ParseConfig("postgres://app@" + host + "/db?sslmode=verify-full"); err != nil {
			tb.Fatal(err)
		}
	}
	return configs
}

func holdConnectors(tb testing.TB, hosts []string) any {
	source := holdTokens(tb, hosts).(rdsiam.TokenSource)
	connectors := make([]*rdsiam.Connector, len(hosts))
	for n, host := range hosts {
		pg, err := rdspgx.ParseDSN("postgres://app@" + host + "/db")
		if err != nil {
			tb.Fatal(err)
		}
		connectors[n] = rdsiam.NewConnector(pg, source)
	}
	return connectors
}
