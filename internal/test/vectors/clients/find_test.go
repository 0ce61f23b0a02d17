package clients_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// find returns the path of a program, and skips the test without it.
func find(t *testing.T, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skip(t, "no "+program+" in PATH: on Debian or Ubuntu, apt-get install "+debianPackage)
	}
	return path
}

// buildResolver compiles testdata/resolve.c.
func buildResolver(t *testing.T) string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "resolve.so")
	command := exec.CommandContext(t.Context(), find(t, "cc", "gcc libc6-dev"), "-shared", "-fPIC", "-o", library, "testdata/resolve.c")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, output)
	}
	return library
}

// nodeModules returns a folder with the packages of testdata/node/package-lock.json, which
// holds their checksums. They are installed into the user's cache, and stay there.
var nodeModules = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile("testdata/node/package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(lock)
	folder := filepath.Join(cache, "rdsiam", "node-"+hex.EncodeToString(sum[:8]))
	if exists(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(folder), "unfinished")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := install(unfinished, lock); err != nil {
		return "", err
	}
	// Another process may do the same: the folder appears as a whole, and the first wins.
	if err := os.Rename(unfinished, folder); err != nil && !exists(folder) {
		return "", err
	}
	return folder, nil
})

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func install(folder string, lock []byte) error {
	manifest, err := os.ReadFile("testdata/node/package.json")
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(folder, "package.json"), manifest, 0o644),
		os.WriteFile(filepath.Join(folder, "package-lock.json"), lock, 0o644))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
		"--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci of the drivers for Node: %w\n%s", err, output)
	}
	return nil
}
