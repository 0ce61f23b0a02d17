package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// mostPassedOver bounds how many versions of a module's dependencies are passed over.
const mostPassedOver = 200

// unavailable finds the version in what the go command says of one that it cannot fetch, or
// that asks for a newer Go.
var unavailable = regexp.MustCompile(
	`([^\s:@]+)@(v[0-9][^\s:]*)(?:: (?:reading|Get|verifying|invalid version)| requires go >=)`)

// mostRounds bounds how often newer versions may bring in further modules.
const mostRounds = 10

// update raises what the module in dir requires to the newest versions that can be had. It is
// go get -u -t ./..., except that the repository's own modules are not looked up: they are
// replaced by folders.
func update(ctx context.Context, dir string, out io.Writer) error {
	passedOver := make(map[string]bool)
	for range mostRounds {
		modules, err := required(ctx, dir)
		if err != nil {
			return err
		}
		changed, err := raise(ctx, dir, modules, passedOver, out)
		if err != nil || !changed {
			return err
		}
	}
	return nil
}

// required returns the modules that the packages and tests of the module in dir are built
// from, without those that are folders.
func required(ctx context.Context, dir string) ([]string, error) {
	const format = "{{with .Module}}{{if not (or .Main .Replace)}}{{.Path}}{{end}}{{end}}"
	// The repository's own modules, raised before, may need newer versions than this one names.
	output, err := goCommand(ctx, dir, "list", "-mod=mod", "-deps", "-test", "-f", format, "./...")
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, output)
	}
	modules := strings.Fields(output)
	slices.Sort(modules)
	return slices.Compact(modules), nil
}

// raise gets the newest versions of modules, and prints what it changed and passed over.
func raise(
	ctx context.Context, dir string, modules []string, passedOver map[string]bool, out io.Writer,
) (changed bool, err error) {
	args := []string{"get", "-t", "./..."}
	for _, module := range modules {
		args = append(args, module+"@upgrade")
	}
	for {
		said, err := goCommand(ctx, dir, args...)
		if err == nil {
			fmt.Fprint(out, said)
			return said != "", nil
		}
		found := unavailable.FindAllStringSubmatch(said, -1)
		if len(found) == 0 || len(passedOver) == mostPassedOver {
			return false, fmt.Errorf("go get: %w\n%s", err, said)
		}
		last := found[len(found)-1] // those before it led there
		version := last[1] + "@" + last[2]
		if passedOver[version] {
			return false, fmt.Errorf("go get needs %s: %w\n%s", version, err, said)
		}
		passedOver[version] = true
		fmt.Fprintf(out, "passed over, it cannot be had: %s: %s\n", version, reason(said, version))
		if said, err := goCommand(ctx, dir, "mod", "edit", "-exclude="+version); err != nil {
			return false, fmt.Errorf("go mod edit: %w\n%s", err, said)
		}
	}
}

// goCommand returns what the go command printed, without the downloads.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	var said strings.Builder
	for line := range strings.Lines(string(output)) {
		if !strings.HasPrefix(line, "go: downloading ") {
			said.WriteString(line)
		}
	}
	return said.String(), err
}

// reason returns what the go command said of a version.
func reason(said, version string) string {
	for line := range strings.Lines(said) {
		if _, after, ok := strings.Cut(line, version); ok {
			return strings.Trim(after, ": \n")
		}
	}
	return ""
}
