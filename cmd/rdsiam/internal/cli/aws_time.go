package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/rdsiam/rdsiam"
)

const (
	// tryTime bounds each try of a call to AWS, of which the SDK makes three. The SDK itself
	// waits forever where something takes the connection and never answers.
	tryTime = 10 * time.Second

	// credentialsTime bounds all tries together. For a role that is assumed with credentials
	// of another strategy, the SDK makes three tries for each of three.
	credentialsTime = 40 * time.Second

	// processTime is what the SDK gives a credential_process, which may ask a person.
	processTime = time.Minute
)

// dialAWS is nil for the dialer of the SDK.
var dialAWS func(ctx context.Context, network, address string) (net.Conn, error)

// awsClient returns the client for all calls to AWS.
func awsClient() *awshttp.BuildableClient {
	client := awshttp.NewBuildableClient().WithTimeout(tryTime)
	if dialAWS != nil {
		client = client.WithTransportOptions(func(t *http.Transport) { t.DialContext = dialAWS })
	}
	return client
}

// credentialsWait is the time that getting credentials may take. It remembers which service
// has not answered, which the error of a wait that ends early lacks.
type credentialsWait struct {
	ctx    context.Context
	end    context.CancelFunc
	silent atomic.Pointer[string] // host:port; nil for none
}

func newCredentialsWait(ctx context.Context, loaded aws.Config) *credentialsWait {
	limit := credentialsTime
	if cache, ok := loaded.Credentials.(*aws.CredentialsCache); ok && hasProcess(cache.ProviderSources()) {
		limit += processTime
	}
	w := new(credentialsWait)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(address string) { w.silent.Store(&address) },
		GotFirstResponseByte: func() { w.silent.Store(nil) },
	})
	w.ctx, w.end = context.WithTimeout(ctx, limit)
	return w
}

func hasProcess(sources []aws.CredentialSource) bool {
	return slices.Contains(sources, aws.CredentialSourceProcess) || slices.Contains(sources, aws.CredentialSourceProfileProcess)
}

// explain adds to err who has not answered, where the time is up.
func (w *credentialsWait) explain(err error) error {
	if silent := w.silent.Load(); err != nil && silent != nil && errors.Is(w.ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w; %s did not answer in time", err, *silent)
	}
	return err
}

// tokensOf returns a source that signs with the credentials of loaded, and stops waiting for
// them after a while.
func tokensOf(loaded aws.Config) rdsiam.TokenSource {
	source := rdsiam.NewTokenSource(loaded.Credentials)
	return rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		wait := newCredentialsWait(ctx, loaded)
		defer wait.end()
		token, err := source.Token(wait.ctx, login)
		return token, wait.explain(err)
	})
}
