// Command testsummary reads the output of go test -json from standard input and prints
// what a person wants to know of it: the closing line of each package, the output of
// what failed, which real servers were logged in to by how many tests, and what was
// skipped and why. It exits with 1 if anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	s := newSummary()
	if err := s.read(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(2)
	}
	s.print(os.Stdout)
	if s.failed {
		os.Exit(1)
	}
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

type summary struct {
	failed bool
	passed int
	output map[string][]string        // by package and test, until it ends
	skips  map[string][]string        // tests by reason
	server map[string]map[string]bool // tests by server
}

func newSummary() *summary {
	return &summary{output: make(map[string][]string), skips: make(map[string][]string), server: make(map[string]map[string]bool)}
}

func (s *summary) read(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Action == "" {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		s.take(e, out)
	}
	return lines.Err()
}

func (s *summary) take(e event, out io.Writer) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "build-fail":
		s.failed = true
	case "output":
		if e.Test == "" {
			if isClosingLine(e.Output) {
				fmt.Fprint(out, e.Output)
				return
			}
		} else if _, server, ok := strings.Cut(e.Output, ": server: "); ok {
			s.sawServer(strings.TrimSpace(server), key)
		}
		s.output[key] = append(s.output[key], e.Output)
	case "fail":
		s.failed = true
		fmt.Fprint(out, strings.Join(s.output[key], ""))
		delete(s.output, key)
	case "skip":
		if e.Test != "" {
			reason := skipReason(s.output[key])
			s.skips[reason] = append(s.skips[reason], e.Test)
		}
		delete(s.output, key)
	case "pass":
		if e.Test != "" {
			s.passed++
		}
		delete(s.output, key)
	}
}

func isClosingLine(line string) bool {
	for _, prefix := range []string{"ok  \t", "FAIL\t", "?   \t", "---"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

func (s *summary) sawServer(server, test string) {
	if s.server[server] == nil {
		s.server[server] = make(map[string]bool)
	}
	s.server[server][test] = true
}

// skipReason returns what the test said last before it was skipped.
func skipReason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--- SKIP") || strings.HasPrefix(line, "=== ") {
			continue
		}
		if _, reason, ok := strings.Cut(line, ".go:"); ok {
			_, line, _ = strings.Cut(reason, ": ")
		}
		return line
	}
	return "no reason given"
}

func (s *summary) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d tests and subtests passed\n", s.passed)
	for _, server := range slices.Sorted(maps.Keys(s.server)) {
		fmt.Fprintf(out, "real server: %s: %d tests\n", server, len(s.server[server]))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.skips)) {
		fmt.Fprintf(out, "skipped: %s\n         %s\n", strings.Join(s.skips[reason], ", "), reason)
	}
}
