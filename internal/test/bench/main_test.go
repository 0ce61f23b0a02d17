// Package bench_test measures what the library costs, each time as a ratio to what a
// program would do without it. See docs/performance.md.
package bench_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain shields the benchmarks from the settings of whoever runs them: pgx reads
// environment variables and files of the home directory.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("HOME", os.DevNull)
	if name := os.Getenv(firstUse); name != "" {
		if err := tellFirstUse(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
