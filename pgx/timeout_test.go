package rdspgx_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// What hung is named, also for users of the hook, who see errors of pgx.
func TestHookTellsWhatHung(t *testing.T) {
	hangs := rdsiam.TokenSourceFunc(func(ctx context.Context, _ rdsiam.Login) (rdsiam.Token, error) {
		<-ctx.Done()
		return rdsiam.Token{}, ctx.Err()
	})
	vault := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
		return rdsiam.Token{}, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	})
	const (
		noToken  = "AfterNetConnect failed: rdsiam: no token for app@" + instance + ":5432: the token source failed: "
		stalled  = "the server took the connection and did not answer in time"
		twoHosts = instance + "," + other
	)
	tests := []struct {
		name, hosts string
		tokens      rdsiam.TokenSource
		dial        func(context.Context, string, string) (net.Conn, error)
		wantError   string
		wantCause   string
		timedOut    error
	}{
		{"source", instance, hangs, nil, noToken + "context deadline exceeded", "", context.DeadlineExceeded},
		{"source, two hosts", twoHosts, hangs, nil, noToken + "context deadline exceeded", "", context.DeadlineExceeded},
		{"vault", instance, vault, nil, noToken + "dial tcp: i/o timeout", "", os.ErrDeadlineExceeded},
		{"handshake, two hosts", twoHosts, fixedToken, agreesToTLS, "AfterNetConnect failed: timeout", stalled, context.DeadlineExceeded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newFake(t, []string{instance, other}, func(s *talk) { s.askPassword() })
				config := parse(t, "postgres://app@"+test.hosts+"/db?connect_timeout=3")
				config.DialFunc, config.LookupFunc = server.dialPipe, server.LookupHost
				if test.dial != nil {
					config.DialFunc = test.dial
				}
				if err := rdspgx.BeforeConnect(test.tokens, rdsiam.WithRootCAs(server.roots))(t.Context(), config); err != nil {
					t.Fatal(err)
				}
				_, err := pgx.ConnectConfig(t.Context(), config)
				if err == nil || !strings.Contains(err.Error(), test.wantError) || !errors.Is(err, test.timedOut) {
					t.Errorf("got %v, want %s", err, test.wantError)
				}
				if noToken := test.wantCause == ""; errors.As(err, new(*rdsiam.CredentialsError)) != noToken {
					t.Errorf("a CredentialsError or none: %v", err)
				}
				explanation := rdsiam.Explain(err)
				if got := explanation.String(); !explanation.Retryable || !strings.Contains(got, test.wantCause) || (got == "") != (test.wantCause == "") {
					t.Errorf("explained as %+v", explanation)
				}
			})
		})
	}
}

// agreesToTLS connects to a server that takes the request for TLS and says no more.
func agreesToTLS(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		if _, err := io.ReadFull(server, make([]byte, 8)); err == nil {
			_, _ = server.Write([]byte{'S'})
			_, _ = io.Copy(io.Discard, server)
		}
	}()
	return client, nil
}
