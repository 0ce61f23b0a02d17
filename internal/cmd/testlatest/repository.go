package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// repository is the folder of a Git work tree.
type repository struct{ dir string }

func (r repository) git(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = r.dir
	var problem strings.Builder
	command.Stderr = &problem
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, &problem)
	}
	return strings.TrimSuffix(string(output), "\n"), nil
}

// ageOfChange is how long a change takes at most, from its first commit to its last.
const ageOfChange = 4 * time.Hour

// base returns the commit that a change began at: where HEAD left the given branch or
// commit. For auto that is origin/main. Where HEAD is main itself, as in the clone of a
// change that has landed, it is the last commit of main that is ageOfChange older than HEAD,
// or the first of all.
func (r repository) base(ctx context.Context, given string) (string, error) {
	if given != "auto" {
		return r.git(ctx, "merge-base", "HEAD", given)
	}
	head, err := r.git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	if left, err := r.git(ctx, "merge-base", "HEAD", "origin/main"); err == nil && left != head {
		return left, nil
	}
	date, err := r.git(ctx, "log", "-1", "--format=%cI")
	if err != nil {
		return "", err
	}
	last, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return "", err
	}
	before := last.Add(-ageOfChange).Format(time.RFC3339)
	commit, err := r.git(ctx, "rev-list", "-1", "--first-parent", "--before="+before, "HEAD")
	if err != nil || commit != "" {
		return commit, err
	}
	commit, err = r.git(ctx, "rev-list", "--first-parent", "--max-parents=0", "HEAD")
	if err == nil && commit == head {
		err = errors.New("no commit before HEAD is known: fetch the whole history, or name one with -base")
	}
	return commit, err
}

// copyTree copies the work tree as it is, without what .gitignore names.
func (r repository) copyTree(ctx context.Context, to string) error {
	names, err := r.git(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(names, "\x00"), "\x00") {
		err := copyFile(filepath.Join(r.dir, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // deleted, and not yet committed
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

func (r repository) copyCommit(ctx context.Context, commit, to string) error {
	archive := to + ".tar"
	if _, err := r.git(ctx, "archive", "--format=tar", "--output="+archive, commit); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	output, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("tar: %w: %s", err, output)
	}
	return nil
}

// modulesIn returns the folders of the modules in dir, the main one first.
func modulesIn(dir string) ([]string, error) {
	var modules []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if entry.Name() != "go.mod" {
			return nil
		}
		module, err := filepath.Rel(dir, filepath.Dir(path))
		modules = append(modules, module)
		return err
	})
	slices.Sort(modules) // "." is the first
	return modules, err
}
