package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
)

// TestTokenOfAWSCLI compares with "aws rds generate-db-auth-token" in the same second: the
// text may differ in the order of its parameters, the signature may not. faketime stops the
// clock of the AWS CLI, and synctest that of rdsiam.
func TestTokenOfAWSCLI(t *testing.T) {
	aws := awsCLI(t)
	faketime, err := exec.LookPath("faketime")
	if err != nil {
		skipOrFail(t, "no faketime in PATH: on Debian or Ubuntu, apt-get install faketime")
	}
	tests := []struct{ name, host, port, region, user, session string }{
		{"long-term key", "prod.cluster-abc123.us-east-1.rds.amazonaws.com", "5432", "us-east-1", "app_user", ""},
		{"temporary key, user that needs escapes", "orders.abc123.rds.cn-north-1.amazonaws.com.cn", "3306", "cn-north-1", "a/b c+d@é", "c2Vzc2lvbg+/=="},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range map[string]string{
				"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AWS_SESSION_TOKEN": test.session,
				"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
				"AWS_ENDPOINT_URL": "", "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8",
			} {
				t.Setenv(name, value)
				if value == "" {
					os.Unsetenv(name)
				}
			}
			var ours bytes.Buffer
			var instant time.Time
			synctest.Test(t, func(t *testing.T) {
				instant = time.Now().UTC()
				var failed bytes.Buffer
				args := []string{"token", "--endpoint", test.host + ":" + test.port, "--user", test.user}
				if code := cli.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &ours, Err: &failed}); code != 0 {
					t.Fatalf("exit code %d: %s", code, &failed)
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, faketime, "-f", instant.Format(time.DateTime), aws, "rds", "generate-db-auth-token",
				"--hostname", test.host, "--port", test.port, "--username", test.user, "--region", test.region)
			var failed bytes.Buffer
			command.Stderr = &failed
			theirs, err := command.Output()
			if err != nil {
				t.Fatalf("aws: %v: %s", err, &failed)
			}
			ourAddress, our := takeApart(t, ours.String())
			theirAddress, their := takeApart(t, string(theirs))
			if ourAddress != theirAddress || our.Encode() != their.Encode() {
				t.Error("the tokens differ in:")
				for name := range their {
					if our.Get(name) != their.Get(name) {
						t.Errorf("%s", name) // the values are secret in other places
					}
				}
			}
			if len(our.Get("X-Amz-Signature")) != 64 {
				t.Error("there is no signature")
			}
		})
	}
}

func takeApart(t *testing.T, token string) (address string, parameters url.Values) {
	t.Helper()
	address, query, ok := strings.Cut(strings.TrimSpace(token), "?")
	parameters, err := url.ParseQuery(query)
	if !ok || err != nil {
		t.Fatal("this is no token")
	}
	return address, parameters
}

// awsCLI returns the AWS CLI, and skips the test where there is none that runs.
func awsCLI(t *testing.T) string {
	t.Helper()
	for _, candidate := range []string{"/usr/bin/aws", "aws"} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		if err := exec.CommandContext(t.Context(), path, "--version").Run(); err == nil {
			return path
		}
	}
	skipOrFail(t, "no AWS CLI that runs, as /usr/bin/aws or in PATH: on Debian or Ubuntu, apt-get install awscli")
	return ""
}
