package proof_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const spliceEndpoint = "splice.abc123.eu-central-1.rds.amazonaws.com"

// behind is a real server whose account "app" has a password, for fronts that check
// tokens and hand their sessions to it.
type behind struct {
	*realserver.Server
	roots *rdsiamtest.Server // its authority issued the server's certificate
}

const (
	behindPassword = "a password of more than twenty bytes"

	// patience is how long an answer may take that does come.
	patience = time.Minute
)

func startBehind(t *testing.T, installation realserver.Installation, start startVerifier) *behind {
	t.Helper()
	issuer := start(t, rdsiamtest.WithEndpoint(spliceEndpoint))
	server, err := installation.Start(t.Context(), realserver.Options{
		Check:         func(context.Context, string, string) error { return errors.New("no token may come here") },
		Certificate:   issuer.Certificate(),
		PasswordUsers: map[string]string{allowed: behindPassword},
	})
	var missing *realserver.MissingError
	if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	t.Logf("server: %s %s", installation.Product, server.Version())
	return &behind{server, issuer}
}

// overTLS, overSocket and inClear are how a front can reach the server.
func (b *behind) overTLS() rdsiamtest.Upstream {
	upstream := b.inClear()
	upstream.TLS = &tls.Config{RootCAs: b.roots.RootCAs(), ServerName: spliceEndpoint}
	return upstream
}

func (b *behind) overSocket() rdsiamtest.Upstream {
	return rdsiamtest.Upstream{Network: "unix", Address: b.Socket(), Password: behindPassword}
}

func (b *behind) inClear() rdsiamtest.Upstream {
	return rdsiamtest.Upstream{Address: b.Addr(), Password: behindPassword}
}

// front is a server that checks tokens, with what a client of it needs.
type front struct {
	*rdsiamtest.Server
	tokens rdsiam.TokenSource
}

func startFront(t *testing.T, start startVerifier, upstream rdsiamtest.Upstream, options ...rdsiamtest.Option) *front {
	t.Helper()
	server := start(t, append(options, rdsiamtest.WithEndpoint(spliceEndpoint), rdsiamtest.WithIAMUser(allowed),
		rdsiamtest.WithUpstream(upstream))...)
	return &front{server, rdsiam.NewTokenSource(server.Credentials())}
}

// longToken gives the front an identity whose tokens have about 60 kB.
func longToken(t *testing.T) rdsiamtest.Option {
	t.Helper()
	return rdsiamtest.WithIdentity(rdsiamtest.Identity{
		Credentials: aws.Credentials{
			AccessKeyID:     "ASIALONGTOKEN",
			SecretAccessKey: "secret",
			SessionToken:    strings.Repeat("long", 15_000),
		},
		Policies: []string{policyFor(t, allowed)},
	})
}

func (f *front) rootCAs() rdsiam.EndpointOption { return rdsiam.WithRootCAs(f.RootCAs()) }

// dial is for clients that speak the protocol by hand.
func (f *front) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := f.DialContext(t.Context(), "tcp", f.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience)) // an answer that never comes fails the test
	return conn
}

func (f *front) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: f.RootCAs(), ServerName: spliceEndpoint, NextProtos: []string{"postgresql"}}
}

// token is that of the client.
func (f *front) token(t *testing.T) string {
	t.Helper()
	endpoint, err := rdsiam.ResolveEndpoint(f.Endpoint(), 0)
	if err != nil {
		t.Fatal(err)
	}
	token, err := f.tokens.Token(t.Context(), rdsiam.Login{Endpoint: endpoint, User: allowed})
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}
