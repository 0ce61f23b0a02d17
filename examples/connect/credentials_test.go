package connect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const assumeRoleResponse = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials>
<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken>
<Expiration>%s</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`

// STS is asked once for the tokens of twenty logins.
func TestRoleTokens(t *testing.T) {
	server := startPostgreSQL(t)
	keys := server.Identities()[0].Credentials
	var asked atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, assumeRoleResponse, keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer service.Close()
	client := service.Client()
	defer client.CloseIdleConnections()

	tokens := roleTokens(aws.Config{Region: "us-east-1", BaseEndpoint: &service.URL, HTTPClient: client,
		Credentials: server.Credentials()}, "arn:aws:iam::123456789012:role/shop")
	for range 20 {
		conn, err := connectOnce(t.Context(), connConfig(t, server, server.Endpoint()), tokens)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("STS was asked %d times, want once", n)
	}
}

// The options lead to a client that reaches the container endpoint.
func TestLoadConfig(t *testing.T) {
	server := startPostgreSQL(t)
	keys := server.Identities()[0].Credentials
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"AccessKeyId": keys.AccessKeyID, "SecretAccessKey": keys.SecretAccessKey, "Token": keys.SessionToken,
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		})
	}))
	defer service.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.URL)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())

	cfg, err := loadConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connectOnce(t.Context(), connConfig(t, server, server.Endpoint()), rdsiam.NewTokenSource(cfg.Credentials))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	checkUser(t, conn)
}

func TestFetchedTokens(t *testing.T) {
	server := startPostgreSQL(t)
	own := tokensOf(server)
	tokens := fetchedTokens(func(ctx context.Context, address, user string) (string, error) {
		endpoint, err := rdsiam.ResolveEndpoint(address, 5432)
		if err != nil {
			return "", err
		}
		token, err := own.Token(ctx, rdsiam.Login{Endpoint: endpoint, User: user})
		return token.Reveal() + "\n", err
	})
	conn, err := connectOnce(t.Context(), connConfig(t, server, server.Endpoint()), tokens)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if reason := server.Logins()[0].Reason; reason != rdsiamtest.ReasonAccepted {
		t.Error(reason)
	}
}
