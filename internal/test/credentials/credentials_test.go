// Package credentials_test tries the library's token source with the SDK's own credentials
// providers on days when their services fail, hang or refuse.
package credentials_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
)

func TestMain(m *testing.M) {
	for _, variable := range os.Environ() { // only what a test sets counts
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			_ = os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// home gives the test a home of its own, with these files below .aws.
func home(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, ".aws", name), text)
	}
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, ".aws", "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, ".aws", "credentials"))
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// load chooses the strategy as a program does.
func load(t *testing.T, options ...func(*config.LoadOptions) error) aws.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), append([]func(*config.LoadOptions) error{config.WithRegion("us-east-1")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func login(t *testing.T) rdsiam.Login {
	t.Helper()
	endpoint, err := rdsiam.ResolveEndpoint("prod.abc123.us-east-1.rds.amazonaws.com", 5432)
	if err != nil {
		t.Fatal(err)
	}
	return rdsiam.Login{Endpoint: endpoint, User: "app"}
}

// everyLogin makes a source that signs a token for each login, so that each needs
// credentials.
func everyLogin(provider aws.CredentialsProvider) rdsiam.TokenSource {
	return rdsiam.NewTokenSource(provider, rdsiam.WithReuse(0))
}

// attempt is a login of at most so long. It returns how long it took.
func attempt(t *testing.T, source rdsiam.TokenSource, limit time.Duration) (rdsiam.Token, time.Duration, error) {
	t.Helper()
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	token, err := login(t).Token(ctx, source)
	return token, time.Since(started), err
}

func codeOf(err error) string {
	var failed *rdsiam.CredentialsError
	if !errors.As(err, &failed) {
		return fmt.Sprintf("%T", err)
	}
	return failed.Code
}
