package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDemo(t *testing.T) {
	text := runDemo(t)
	const builtIn = "no real server: "
	if os.Getenv("REQUIRE_SERVERS") == "1" && strings.Contains(text, builtIn) {
		t.Errorf("a real server is missing:\n%s", text)
	}
}

// A machine on which no real server can be started sees the same.
func TestDemoWithBuiltInAnswers(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing")) // real servers need it
	text := runDemo(t)
	if strings.Count(text, "built-in answers") != 2 || strings.Count(text, "no real server: ") != 2 {
		t.Errorf("the output does not say what answered and why:\n%s", text)
	}
}

func runDemo(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), &out)
	text := out.String()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, secret := range []string{"X-Amz-Signature", "X-Amz-Security-Token", "Action=connect"} {
		if strings.Contains(text, secret) {
			t.Errorf("the output shows a token: %q", secret)
		}
	}
	if steps := strings.Count(text, "\n  ok  "); steps != 12 || !strings.Contains(text, "All 12 steps") {
		t.Errorf("%d steps, want 12:\n%s", steps, text)
	}
	for line := range strings.Lines(text) {
		if len(line) > width+60 {
			t.Errorf("line of %d bytes: %s", len(line), line)
		}
	}
	return text
}
