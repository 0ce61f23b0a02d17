package bench_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxInitAllocations is what a package may allocate before main: a strings.Replacer is
// two, and does its work when it is first used.
const maxInitAllocations = 10

// initLine is what the runtime prints of a package with work to do before main. Those
// without any do not appear.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+ ms) clock, \d+ bytes, (\d+) allocs$`)

// TestNoWorkBeforeMain starts this test binary, which has the library in it, with the
// trace of the runtime switched on.
func TestNoWorkBeforeMain(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(executable, "-test.run=^$")
	command.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	lines := initLine.FindAllStringSubmatch(string(output), -1)
	if len(lines) == 0 {
		t.Fatalf("no trace:\n%s", output)
	}
	for _, line := range lines {
		name, clock, allocs := line[1], line[2], line[3]
		if !inLogin(name) {
			continue
		}
		t.Logf("%s: %s, %s allocations", name, clock, allocs)
		if n, err := strconv.Atoi(allocs); err != nil || n > maxInitAllocations {
			t.Errorf("%s makes %s allocations before main, more than %d", name, allocs, maxInitAllocations)
		}
	}
}

// inLogin reports whether a package belongs to what a service links to log in.
func inLogin(name string) bool {
	rest, ours := strings.CutPrefix(name, "github.com/rdsiam/rdsiam")
	switch rest {
	case "", "/pgx", "/mysql", "/internal/endpoints", "/internal/iampolicy", "/internal/causes", "/internal/hostname", "/internal/token", "/internal/lazytimeout":
		return ours
	}
	return false
}
