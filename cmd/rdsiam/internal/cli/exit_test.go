package cli_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
	"github.com/rdsiam/rdsiam/provision"
)

// The exit code depends on what an error is, and not on what it says.
func TestDecisionsOnExitCodes(t *testing.T) {
	const host = "prod.abc123.eu-west-1.rds.amazonaws.com:5432"
	endpoint, err := rdsiam.ResolveEndpoint(host, 5432)
	if err != nil {
		t.Fatal(err)
	}
	login := rdsiam.Login{Endpoint: endpoint, User: "app"}
	_, unnamed := rdsiam.ResolveEndpoint("10.0.0.1", 5432)
	_, contradicted := rdsiam.ResolveEndpoint(host, 5432, rdsiam.WithRegion("us-east-1"))
	_, keyless := login.Token(t.Context(), rdsiam.NewTokenSource(aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("none here") })))
	_, public := provision.Account{Engine: provision.PostgreSQL, Name: "public"}.Plan()
	for _, test := range []struct {
		name string
		err  error
		want int
	}{
		{"endpoint", unnamed, 2},
		{"region", contradicted, 2},
		{"account", public, 2},
		{"credentials", keyless, 3},
		{"refused", &rdsiam.LoginError{Endpoint: endpoint, User: "app", Code: "28000", Refused: true}, 4},
		{"unreachable", &rdsiam.LoginError{Endpoint: endpoint, User: "app"}, 1},
		{"step of provision", &provision.Error{Kind: provision.ErrUnmanaged, Code: "account-unmanaged", Account: "app"}, 1},
		{"other", errors.New("no space left on device"), 1},
	} {
		if got := cli.ExitCode(test.err); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
		if got := cli.ExitCode(fmt.Errorf("--as: %w", test.err)); got != test.want {
			t.Errorf("%s, in another error: exit code %d, want %d", test.name, got, test.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if !cli.Interrupted(ended, keyless) || cli.Interrupted(ended, unnamed) || cli.Interrupted(t.Context(), keyless) {
		t.Error("a command is not interrupted exactly where it ends while it waits for credentials")
	}
}
