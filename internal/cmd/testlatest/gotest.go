package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// test names a test; of what fails outside tests, such as a build, only the package.
type test struct{ pkg, name string }

func (t test) String() string { return strings.TrimSpace(t.pkg + " " + t.name) }

// failures are what failed tests printed.
type failures map[test]string

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (f failures) sorted() []test {
	return slices.SortedFunc(maps.Keys(f), func(a, b test) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
	})
}

// split divides the failures into those that before has too, in the same way, and others.
func (f failures) split(before failures) (older, newer failures) {
	older, newer = make(failures), make(failures)
	for t, output := range f {
		if earlier, ok := before[t]; ok && sameWay(output, earlier) {
			older[t] = output
		} else {
			newer[t] = output
		}
	}
	return older, newer
}

// sameWay compares what a test printed in two runs, apart from the order of lines and from
// words with digits: ports, times, line numbers, temporary folders.
func sameWay(a, b string) bool { return slices.Equal(lines(a), lines(b)) }

var variable = regexp.MustCompile(`\S*[0-9]\S*`)

func lines(output string) []string {
	var found []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(variable.ReplaceAllString(line, "N"))
		if strings.HasPrefix(line, "goroutine ") { // of a panic, the text was enough
			break
		}
		if line != "" && !strings.HasPrefix(line, "===") {
			found = append(found, line)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// goTest runs the tests of the module in dir, or only those that are given.
func goTest(ctx context.Context, dir string, only failures, out io.Writer) failures {
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, arguments(only)...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "NO_SERVERS=1", "REQUIRE_SERVERS=")
	var problem bytes.Buffer
	command.Stderr = &problem
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return failures{{}: err.Error()}
	}
	r := report{out: out, output: make(map[test]string), failed: make(failures)}
	if err := r.read(output); err != nil {
		r.failed[test{}] = err.Error()
		_, _ = io.Copy(io.Discard, output) // so that it can end
	}
	if err := command.Wait(); err != nil && len(r.failed) == 0 {
		fmt.Fprint(out, problem.String())
		r.failed[test{}] = err.Error() + "\n" + problem.String()
	}
	return r.failed
}

// arguments select tests for go test: by name, unless a package failed outside of them.
func arguments(only failures) []string {
	packages, names := make(map[string]bool), make(map[string]bool)
	all := false
	for t := range only {
		if t.pkg == "" {
			return []string{"./..."}
		}
		name, _, _ := strings.Cut(t.name, "/")
		packages[t.pkg], names[regexp.QuoteMeta(name)] = true, true
		all = all || name == ""
	}
	if len(only) == 0 {
		return []string{"./..."}
	}
	selected := sortedKeys(packages)
	if !all {
		selected = append([]string{"-run", "^(" + strings.Join(sortedKeys(names), "|") + ")$"}, selected...)
	}
	return selected
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
}

// report takes events, prints the closing line of each package and what failed.
type report struct {
	out    io.Writer
	output map[test]string
	failed failures
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("go test -json printed %q: %w", lines.Text(), err)
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *report) take(e event) {
	key := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.output[test{pkg: e.ImportPath}] += e.Output
	case "output":
		if e.Test == "" && strings.HasPrefix(e.Output, "ok  \t") {
			fmt.Fprint(r.out, e.Output)
		}
		r.output[key] += e.Output
	case "fail":
		if e.Test == "" && r.hasFailed(e.Package) {
			return // the tests said why
		}
		output := r.output[test{pkg: e.FailedBuild}] + r.output[key]
		r.failed[key] = output
		fmt.Fprint(r.out, output)
	}
}

func (r *report) hasFailed(pkg string) bool {
	for t := range r.failed {
		if t.pkg == pkg {
			return true
		}
	}
	return false
}
