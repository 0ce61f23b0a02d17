package bench_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam"
)

// firstUse is the variable that makes this binary tell how long the first use of the named
// roots takes, and end: a process uses something for the first time only once.
const firstUse = "RDSIAM_BENCH_FIRST_USE"

// rootsUsed are the roots that are used for the first time.
var rootsUsed = []struct {
	name string
	use  func() error
}{
	{"RDS", func() error { return useRootsOf(instance) }},
	{"RDS-and-system", func() error { return useRootsOf("prod.cluster-abc123.us-east-1.rds.amazonaws.com") }},
	{"system", func() error { _, err := x509.SystemCertPool(); return err }},
}

func useRootsOf(host string) error {
	endpoint, err := rdsiam.ResolveEndpoint(host, 5432)
	if err != nil {
		return err
	}
	_, err = endpoint.TLSConfig(nil)
	return err
}

// tellFirstUse prints the nanoseconds of the first and of the second use.
func tellFirstUse(name string) error {
	for _, roots := range rootsUsed {
		for range 2 {
			if roots.name != name {
				continue
			}
			started := time.Now()
			err := roots.use()
			fmt.Println(int64(time.Since(started)))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// BenchmarkFirstUseOfRoots measures, each time in a new process, how long it takes to
// find, parse and pool the root certificates of a region. An instance has those of RDS in
// its region; a cluster also has those of the system, which crypto/x509 reads from files
// and which any program that verifies a public certificate has to read.
func BenchmarkFirstUseOfRoots(b *testing.B) {
	executable, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, roots := range rootsUsed {
		b.Run("roots="+roots.name, func(b *testing.B) {
			var first, second []float64
			for range b.N {
				command := exec.Command(executable, "-test.run=^$")
				command.Env = append(os.Environ(), firstUse+"="+roots.name)
				output, err := command.Output()
				if err != nil {
					b.Fatal(err)
				}
				took := strings.Fields(string(output))
				if len(took) != 2 {
					b.Fatalf("the process says %q", output)
				}
				first, second = append(first, nanoseconds(b, took[0])), append(second, nanoseconds(b, took[1]))
			}
			b.ReportMetric(quantile(first, 0.5), "ns/op")
			report(b, "first-ns", first)
			report(b, "second-ns", second)
		})
	}
}

func nanoseconds(b *testing.B, text string) float64 {
	b.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatal(err)
	}
	return value
}
