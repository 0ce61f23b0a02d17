package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The module under test requires example.com/dep v1.0.0. There is a v1.1.0, and a v1.2.0 that
// the proxy lists and cannot deliver.
func setUp(t *testing.T) (proxy string) {
	t.Helper()
	proxy = t.TempDir()
	t.Setenv("GOPROXY", "file:///"+strings.TrimPrefix(filepath.ToSlash(proxy), "/"))
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOTOOLCHAIN", "local")
	t.Setenv("GOFLAGS", "-modcacherw")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "Tester")
		t.Setenv("GIT_"+who+"_EMAIL", "tester@example.com")
	}
	publish(t, proxy, "v1.0.0", "old")
	publish(t, proxy, "v1.1.0", "new")
	publish(t, proxy, "v1.2.0", "never seen")
	if err := os.Remove(filepath.Join(proxy, "example.com/dep/@v/v1.2.0.zip")); err != nil {
		t.Fatal(err)
	}
	return proxy
}

func publish(t *testing.T, proxy, version, word string) {
	t.Helper()
	const mod = "module example.com/dep\n\ngo 1.25\n"
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string]string{
		"go.mod": mod, "dep.go": "package dep\n\nconst Word = \"" + word + "\"\n",
	} {
		w, err := z.Create("example.com/dep@" + version + "/" + name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(proxy, "example.com/dep/@v")
	list, _ := os.ReadFile(filepath.Join(folder, "list")) // not there at first
	write(t, folder, map[string]string{
		"list":            string(list) + version + "\n",
		version + ".info": `{"Version":"` + version + `"}`,
		version + ".mod":  mod,
		version + ".zip":  archive.String(),
	})
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const wantsWord = `package main

import ("testing"; "example.com/dep")

func TestWord(t *testing.T) {
	if dep.Word != "WANT" { t.Errorf("REASON %q", dep.Word) }
}
`

func wordTest(want, reason string) string {
	return strings.NewReplacer("WANT", want, "REASON", reason).Replace(wantsWord)
}

// TestRun makes a repository of a commit before the change and one with it.
func TestRun(t *testing.T) {
	passes, fails := wordTest("new", "got"), wordTest("old", "got")
	const broken = "package main\n\nimport _ \"example.com/dep\"\n\nvar x int = nil\n"
	tests := []struct {
		name          string
		before, after string // the text of main_test.go
		base          string
		fails         bool
		want          string // printed
	}{
		{"passes", passes, passes, "", false, "passed over, it cannot be had: example.com/dep@v1.2.0"},
		{"updates", passes, passes, "", false, "upgraded example.com/dep v1.0.0 => v1.1.0"},
		{"fails every night", fails, fails, "", true, "failed with the newest versions: module .: example.com/main TestWord"},
		{"fails before the change too", fails, fails, "HEAD~1", false, "not this change's fault"},
		{"finds the commit itself", fails, fails, "auto", false, "not this change's fault"},
		{"fails in another way", wordTest("old", "other"), fails, "HEAD~1", true, "and not like this at"},
		{"passes before the change", passes, fails, "HEAD~1", true, "and not like this at"},
		{"build breaks", passes, broken, "HEAD~1", true, "cannot use nil as int value"},
		{"build broken before too", broken, broken, "HEAD~1", false, "not this change's fault"},
	}
	setUp(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := repositoryOf(t, test.before, test.after)
			var out bytes.Buffer
			err := runner{repository: repository{dir}, out: &out}.run(t.Context(), test.base)
			if test.fails != errors.Is(err, errFailed) || !test.fails && err != nil {
				t.Errorf("error %v, want failure: %v", err, test.fails)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("output lacks %q", test.want)
			}
			if t.Failed() {
				t.Log(out.String())
			}
			if status := git(t, dir, "status", "--porcelain"); status != "" {
				t.Errorf("the work tree was changed: %s", status)
			}
		})
	}
}

// A module of the repository may need what another of them was raised to.
func TestRaisedModuleIsRequired(t *testing.T) {
	setUp(t)
	dir := repositoryOf(t, wordTest("new", "got"), wordTest("new", "got"))
	write(t, dir, map[string]string{
		"lib/lib.go": "package lib\n\nimport \"example.com/dep\"\n\nconst Word = dep.Word\n",
		"sub/go.mod": "module example.com/sub\n\ngo 1.25\n\nrequire example.com/main v0.0.0\n" +
			"require example.com/dep v1.0.0 // indirect\n\nreplace example.com/main => ../\n",
		"sub/sub_test.go": strings.NewReplacer("example.com/dep", "example.com/main/lib", "dep.Word", "lib.Word").
			Replace(wordTest("new", "got")),
	})
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"sub/go.sum": string(sum)})
	var out bytes.Buffer
	if err := (runner{repository: repository{dir}, out: &out}).run(t.Context(), ""); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func repositoryOf(t *testing.T, before, after string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.mod":       "module example.com/main\n\ngo 1.25\n\nrequire example.com/dep v1.0.0\n",
		"main_test.go": before,
		"change":       "before",
	})
	get := exec.CommandContext(t.Context(), "go", "get", "-t", "./...")
	get.Dir = dir
	if output, err := get.CombinedOutput(); err != nil {
		t.Fatalf("go get: %v\n%s", err, output)
	}
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	t.Setenv("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
	git(t, dir, "commit", "-qm", "before")
	write(t, dir, map[string]string{"main_test.go": after, "change": "after"})
	t.Setenv("GIT_COMMITTER_DATE", "2026-01-03T03:04:05Z")
	git(t, dir, "commit", "-qam", "after")
	return dir
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	output, err := repository{dir}.git(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

func TestBase(t *testing.T) {
	setUp(t)
	dir := repositoryOf(t, "package main\n", "package main\n\n")
	r := repository{dir}
	first, last := git(t, dir, "rev-parse", "HEAD~1"), git(t, dir, "rev-parse", "HEAD")
	check := func(given, want string) {
		t.Helper()
		if got, err := r.base(t.Context(), given); err != nil || got != want {
			t.Errorf("base of %s: %s, %v, want %s", given, got, err, want)
		}
	}
	check("auto", first) // the last that is 4 hours older
	check("HEAD~1", first)
	git(t, dir, "update-ref", "refs/remotes/origin/main", last)
	check("auto", first) // main itself
	git(t, dir, "checkout", "-q", "-b", "topic")
	t.Setenv("GIT_COMMITTER_DATE", "2026-01-03T04:04:05Z")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "topic")
	check("auto", last) // where it left main
	git(t, dir, "checkout", "-q", "--orphan", "alone")
	git(t, dir, "commit", "-qm", "alone")
	if got, err := r.base(t.Context(), "auto"); err == nil {
		t.Errorf("the only commit has base %s", got)
	}
}

func TestUnavailable(t *testing.T) {
	for said, want := range map[string]string{
		"go: example.com/a@v1.2.0: reading https://x/@v/v1.2.0.zip: 403 Forbidden":                       "example.com/a v1.2.0",
		"go: example.com/a@v1.2.0 requires go >= 1.99 (running go 1.26; GOTOOLCHAIN=local)":              "example.com/a v1.2.0",
		"go: example.com/a@v1.2.0 requires\n\texample.com/b/v2@v2.0.1: reading https://x: 404 Not Found": "example.com/b/v2 v2.0.1",
		"go: example.com/a@v1.2.0: verifying go.mod: checksum mismatch":                                  "example.com/a v1.2.0",
		"go: example.com/a@v1.2.0 (dir): no required module":                                             "",
	} {
		got := ""
		if all := unavailable.FindAllStringSubmatch(said, -1); len(all) > 0 {
			got = strings.Join(all[len(all)-1][1:], " ")
		}
		if got != want {
			t.Errorf("%q: found %q, want %q", said, got, want)
		}
	}
}

func TestSameWay(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"a_test.go:12: refused 127.0.0.1:3344 (0.10s)\n", "a_test.go:15: refused 127.0.0.1:9 (0.2s)\n", true},
		{"x\ny\n", "y\nx\n", true},
		{"panic: no\n\ngoroutine 7 [running]:\nmain.a()\n", "panic: no\n\ngoroutine 9 [running]:\nmain.b()\n", true},
		{"refused\n", "accepted\n", false},
	} {
		if got := sameWay(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

func TestArguments(t *testing.T) {
	for want, only := range map[string]failures{
		"./...":            nil,
		"-run ^(A|B)$ p q": {{"p", "A/sub"}: "", {"p", "A"}: "", {"q", "B"}: ""},
		"p q":              {{"p", "A"}: "", {"q", ""}: ""},
	} {
		if got := strings.Join(arguments(only), " "); got != want {
			t.Errorf("arguments of %v: %q, want %q", maps.Collect(maps.All(only)), got, want)
		}
	}
}
