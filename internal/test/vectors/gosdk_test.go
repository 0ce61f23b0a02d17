package vectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
)

var update = flag.Bool("update", false, "write testdata/go.json")

// TestGoSDK fails if the SDK of go.mod makes other tokens than those in testdata. A newer
// version that makes the same ones is no failure.
func TestGoSDK(t *testing.T) {
	set := readRequests(t)
	got := vectorFile{Tool: authModule, Version: versionOf(t, authModule), Tokens: make(map[string]string)}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(set.Time))
		for _, r := range set.Requests {
			signer := set.Credentials[r.Credentials].provider()
			token, err := auth.BuildAuthToken(t.Context(), r.address(), r.Region, r.User, signer)
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			got.Tokens[r.Name] = token
		}
	})
	if *update {
		writeVectors(t, "testdata/go.json", got)
		return
	}
	want := readVectors(t, "go")
	for _, name := range differences(got.Tokens, want.Tokens) {
		t.Errorf("%s: %s %s makes another token than %s, which made testdata/go.json:\n got %q\nwant %q\n"+
			"Run generate.sh go and read what changed.",
			name, got.Tool, got.Version, want.Version, got.Tokens[name], want.Tokens[name])
	}
}

// differences returns the sorted names of the requests with different tokens.
func differences(got, want map[string]string) []string {
	var names []string
	for name := range want {
		if got[name] != want[name] {
			names = append(names, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

const authModule = "github.com/aws/aws-sdk-go-v2/feature/rds/auth"

// versionOf asks the go command, which go test puts into PATH: the build information of
// a test tells no versions.
func versionOf(t *testing.T, module string) string {
	t.Helper()
	version, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", module).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(version))
}

func (c credentials) provider() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c.aws(), nil })
}

func writeVectors(t *testing.T, path string, file vectorFile) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
