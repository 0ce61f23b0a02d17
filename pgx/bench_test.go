package rdspgx_test

import (
	"testing"

	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// BenchmarkBeforeConnect measures what the hook itself adds to a log-in.
func BenchmarkBeforeConnect(b *testing.B) {
	hosts := []struct{ name, host string }{
		{"instance", instance},
		{"cluster", "c.cluster-abc123.us-east-1.rds.amazonaws.com"},
		{"proxy", proxy},
	}
	for _, test := range hosts {
		b.Run(test.name, func(b *testing.B) {
			config := parse(b, "postgres://app@"+test.host+"/db")
			hook := rdspgx.BeforeConnect(noTokens)
			b.ReportAllocs()
			for b.Loop() {
				again := *config
				if err := hook(b.Context(), &again); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
