package cli_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
)

const (
	silentEndpoint = "orders.abc123.eu-west-1.rds.amazonaws.com:5432"
	containerURI   = "http://127.0.0.1:9/credentials"

	// longest is what a command may take that gets no credentials.
	longest = 45 * time.Second
)

// silentProfiles are strategies that ask a service; %HOME% is the directory of their files.
const silentProfiles = `
[profile keys]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = x
[profile role]
role_arn = arn:aws:iam::123456789012:role/app
source_profile = keys
[profile role-of-role]
role_arn = arn:aws:iam::123456789012:role/other
source_profile = role
[profile role-of-container]
role_arn = arn:aws:iam::123456789012:role/app
credential_source = EcsContainer
[profile role-of-sso]
role_arn = arn:aws:iam::123456789012:role/app
source_profile = sso
[profile web-identity]
role_arn = arn:aws:iam::123456789012:role/app
web_identity_token_file = %HOME%/jwt
[profile sso]
sso_session = fresh
sso_account_id = 123456789012
sso_role_name = app
[profile sso-to-renew]
sso_session = stale
sso_account_id = 123456789012
sso_role_name = app
[sso-session fresh]
sso_start_url = https://fresh.awsapps.com/start
sso_region = eu-west-1
[sso-session stale]
sso_start_url = https://stale.awsapps.com/start
sso_region = eu-west-1
`

// useSilentProfiles sets the environment of a user with those profiles.
func useSilentProfiles(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // restores it
			os.Unsetenv(name)
		}
	}
	home := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	session := func(name, expires string) {
		sum := sha1.Sum([]byte(name))
		write(".aws/sso/cache/"+hex.EncodeToString(sum[:])+".json", `{"accessToken": "a", "refreshToken": "r", "clientId": "c", "clientSecret": "s",
			"registrationExpiresAt": "2999-01-01T00:00:00Z", "expiresAt": "`+expires+`"}`)
	}
	session("fresh", "2999-01-01T00:00:00Z")
	session("stale", "1999-01-01T00:00:00Z")
	write("jwt", "x")
	write("config", strings.ReplaceAll(silentProfiles, "%HOME%", home))
	for name, value := range map[string]string{
		"HOME": home, "USERPROFILE": home, "AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "none"),
		"AWS_REGION": "eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": containerURI,
	} {
		t.Setenv(name, value)
	}
}

// silence accepts connections and never answers.
func silence(_ context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		buffer := make([]byte, 1024)
		for {
			if _, err := theirs.Read(buffer); err != nil {
				return
			}
		}
	}()
	return ours, nil
}

// runSilent runs a command whose calls to AWS are not answered.
func runSilent(t *testing.T, args ...string) (code int, out, said string, took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		defer cli.DialAWS(silence)()
		started := time.Now()
		var outText, errText bytes.Buffer
		code = cli.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &outText, Err: &errText})
		out, said, took = outText.String(), errText.String(), time.Since(started)
		time.Sleep(time.Hour) // what the SDK still tries ends, too
	})
	return code, out, said, took
}

// A strategy whose service takes the connection and never answers ends in time, with the name
// of who is silent.
func TestSilentServices(t *testing.T) {
	useSilentProfiles(t)
	for profile, silent := range map[string]string{
		"":                  containerURI,
		"role":              "sts.eu-west-1.amazonaws.com",
		"role-of-role":      "sts.eu-west-1.amazonaws.com",
		"role-of-container": "127.0.0.1:9",
		"role-of-sso":       "portal.sso.eu-west-1.amazonaws.com",
		"web-identity":      "sts.eu-west-1.amazonaws.com",
		"sso":               "portal.sso.eu-west-1.amazonaws.com",
		"sso-to-renew":      "oidc.eu-west-1.amazonaws.com",
	} {
		t.Run(profile, func(t *testing.T) {
			code, out, said, took := runSilent(t, "token", "--endpoint", silentEndpoint, "--user", "app", "--profile", profile)
			if code != 3 || out != "" || took > longest || !strings.Contains(said, silent) {
				t.Errorf("code %d after %v, want 3 after %v at most and %q in %q", code, took, longest, silent, said)
			}
		})
	}
}

// The same for every command that needs credentials.
func TestSilentServiceAndCommands(t *testing.T) {
	useSilentProfiles(t)
	for _, tt := range []struct {
		args string
		code int
	}{
		{"proxy " + silentEndpoint + " --user app", 3},
		{"status " + silentEndpoint, 3},
		{"status " + silentEndpoint + " --profile role-of-container", 3},
		{"enable " + silentEndpoint + " --apply now --yes", 3},
		{"policy attach --endpoint " + silentEndpoint + " --user app --role orders", 3},
		// MySQL: its login needs the token before the network.
		{"provision check --engine mysql --endpoint " + silentEndpoint + " --as admin --user app", 3},
		{"provision apply --engine mysql --endpoint " + silentEndpoint + " --as admin --user app --yes", 3},
		{"doctor " + silentEndpoint + " --user app --dial 127.0.0.1:1", 5},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, said, took := runSilent(t, strings.Fields(tt.args)...)
			// Doctor breaks its lines.
			text := strings.Join(strings.Fields(out+said), " ")
			if code != tt.code || took > longest || !strings.Contains(text, "127.0.0.1:9") {
				t.Errorf("code %d after %v, want %d after %v at most and 127.0.0.1:9 in %q", code, took, tt.code, longest, text)
			}
		})
	}
}
