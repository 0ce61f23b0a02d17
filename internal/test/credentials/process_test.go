package credentials_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// pool is a pool whose driver asks for the token before it dials.
func pool(t *testing.T, provider aws.CredentialsProvider, options ...rdsiam.ConnectorOption) *sql.DB {
	t.Helper()
	driver, err := rdsmysql.ParseDSN("app@tcp(prod.abc123.us-east-1.rds.amazonaws.com:3306)/db")
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(driver, rdsiam.NewTokenSource(provider), options...))
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// The SDK quotes all that a credential_process printed where that is not as it must be.
func TestOutputOfAProcessIsNotShown(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell: run this test on Linux or macOS")
	}
	const keys = `{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"SECRETKEY","SessionToken":"SESSIONTOKEN","Expiration":"%s"}`
	for name, output := range map[string]string{
		"a word before the JSON": "Hello! " + fmt.Sprintf(keys, "2030-01-01T00:00:00Z"),
		"a bad date":             fmt.Sprintf(keys, "tomorrow SECRETKEY"),
		"a key that is a number": `{"Version":1,"SecretAccessKey":5,"SessionToken":"SESSIONTOKEN","x":"SECRETKEY"}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "output")
			if err := os.WriteFile(file, []byte(output), 0o600); err != nil {
				t.Fatal(err)
			}
			home(t, map[string]string{"config": "[default]\ncredential_process = cat " + file + "\n"})
			for _, provider := range []aws.CredentialsProvider{load(t).Credentials, processcreds.NewProvider("cat " + file)} {
				var seen []string
				see := func(_ context.Context, event rdsiam.Event) {
					seen = append(seen, fmt.Sprintf("%v %+v %#v %v", event, event, event, event.Err))
				}
				err := pool(t, provider, rdsiam.WithObserver(see)).PingContext(t.Context())
				if codeOf(err) != "process-output" {
					t.Errorf("code %s: %v", codeOf(err), err)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					seen = append(seen, fmt.Sprintf("%v %s %q %+v %#v", e, e, e, e, e))
				}
				seen = append(seen, fmt.Sprintf("%+v", rdsiam.Explain(err)))
				for _, text := range seen {
					if strings.Contains(text, "SECRETKEY") || strings.Contains(text, "SESSIONTOKEN") {
						t.Error(text)
					}
				}
				if _, err := provider.Retrieve(t.Context()); !strings.Contains(fmt.Sprint(err), "SECRETKEY") {
					t.Logf("the SDK quotes it no longer: %v", err)
				}
			}
		})
	}
}

// database/sql logs in up to three times for an error that wraps driver.ErrBadConn.
func TestProviderWithABadConnectionIsAskedOnce(t *testing.T) {
	var asked atomic.Int64
	provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		asked.Add(1)
		return aws.Credentials{}, fmt.Errorf("vault: %w", driver.ErrBadConn)
	})
	err := pool(t, provider).PingContext(t.Context())
	if asked.Load() != 1 || errors.Is(err, driver.ErrBadConn) || codeOf(err) != "credentials-failed" {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// As the doc comment of NewTokenSource says.
func TestCredentialsFileIsReadOnce(t *testing.T) {
	home(t, map[string]string{"credentials": "[default]\naws_access_key_id = AKIDOLD\naws_secret_access_key = secret\n"})
	source := everyLogin(load(t).Credentials)
	rotated := "[default]\naws_access_key_id = AKIDNEW\naws_secret_access_key = secret\n"
	if err := os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(rotated), 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := login(t).Token(t.Context(), source)
	if err != nil || token.AccessKeyID() != "AKIDOLD" {
		t.Errorf("signed with %s, %v", token.AccessKeyID(), err)
	}
}
