// Command testlatest tests every module of this repository with the newest versions of what
// it requires, in a copy: go get -u -t ./..., then all tests that start no database server. A
// version that cannot be fetched is named and passed over.
//
// A test that fails makes it exit with 1. With -base, a test that fails in the same way at
// that commit with the same newest versions is named and does not count: the release of a
// dependency must not block a change that has nothing to do with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	base := flag.String("base", "",
		"`commit` before the change, or auto: failures that it has too do not count")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := runner{repository: repository{"."}, out: os.Stdout}
	if err := r.run(ctx, *base); err != nil {
		fmt.Fprintln(os.Stderr, "testlatest:", err)
		os.Exit(1)
	}
}

// errFailed means that a test failed and counts.
var errFailed = errors.New("failed with the newest versions")

type runner struct {
	repository repository
	out        io.Writer
	temp       string // holds the copies
}

func (r runner) run(ctx context.Context, base string) error {
	if base != "" {
		var err error
		if base, err = r.repository.base(ctx, base); err != nil {
			return err
		}
		fmt.Fprintf(r.out, "failures that %.12s has too do not count\n", base)
	}
	temp, err := os.MkdirTemp("", "testlatest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	r.temp = temp
	return r.compare(ctx, base)
}

// compare tests the working tree, and base where that fails.
func (r runner) compare(ctx context.Context, base string) error {
	now := filepath.Join(r.temp, "now")
	if err := r.repository.copyTree(ctx, now); err != nil {
		return err
	}
	modules, err := modulesIn(now)
	if err != nil {
		return err
	}
	failed := make(map[string]failures) // by module
	for _, module := range modules {
		fmt.Fprintf(r.out, "== module %s with the newest versions\n", module)
		if f := r.test(ctx, filepath.Join(now, module), nil); len(f) > 0 {
			failed[module] = f
		}
	}
	if err := ctx.Err(); err != nil || len(failed) == 0 {
		return err
	}
	if base == "" {
		r.list("failed with the newest versions", failed)
		return errFailed
	}
	return r.judge(ctx, base, modules, failed)
}

// judge reports which of the failures are older than the change.
func (r runner) judge(
	ctx context.Context, base string, modules []string, failed map[string]failures,
) error {
	before := filepath.Join(r.temp, "before")
	if err := r.repository.copyCommit(ctx, base, before); err != nil {
		return err
	}
	older, newer := make(map[string]failures), make(map[string]failures)
	for _, module := range modules {
		f := failed[module]
		if len(f) == 0 {
			continue
		}
		fmt.Fprintf(r.out, "== module %s at %.12s with the newest versions\n", module, base)
		older[module], newer[module] = f.split(r.test(ctx, filepath.Join(before, module), f))
	}
	r.list(fmt.Sprintf("not this change's fault, fails at %.12s too", base), older)
	if r.list(fmt.Sprintf("failed with the newest versions, and not like this at %.12s", base), newer) {
		return errFailed
	}
	return ctx.Err()
}

// test updates the module in dir and runs its tests, or only those that are given.
func (r runner) test(ctx context.Context, dir string, only failures) failures {
	if err := update(ctx, dir, r.out); err != nil {
		fmt.Fprintln(r.out, err)
		return failures{{name: "go get"}: err.Error()}
	}
	return goTest(ctx, dir, only, r.out)
}

// list prints failures below a heading, and reports whether there are any.
func (r runner) list(heading string, failed map[string]failures) bool {
	any := false
	for _, module := range sortedKeys(failed) {
		for _, t := range failed[module].sorted() {
			fmt.Fprintf(r.out, "%s: module %s: %s\n", heading, module, t)
			any = true
		}
	}
	return any
}
