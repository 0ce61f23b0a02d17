package rdspgx_test

import (
	"context"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/wiretap"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Names are the same in any case and with a trailing dot, also where they tell hosts apart.
func TestSpellingOfHosts(t *testing.T) {
	for _, hosts := range []string{
		strings.ToUpper(instance), instance + ".", strings.ToUpper(instance) + "," + other, "nobody.abc123.us-east-1.rds.amazonaws.com," + strings.ToUpper(other) + ".",
	} {
		server := start(t, rdsiamtest.WithEndpoint(other))
		if _, err := connect(t, hookFor(server), configFor(t, server, "postgres://app@"+hosts+"/postgres")); err != nil {
			t.Errorf("%s: %v", hosts, err)
		}
		if ok, all := accepted(server); ok != 1 || all != 1 {
			t.Errorf("%s: %d of %d logins accepted", hosts, ok, all)
		}
	}
}

// Behind a tunnel the endpoint at its end is signed and verified.
func TestTunnel(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "postgres://app@localhost:15432/postgres")
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	hook := rdspgx.BeforeConnect(tokensOf(server), rdsiam.WithRootCAs(server.RootCAs()), rdsiam.WithEndpoint(instance))
	if _, err := connect(t, hook, config); err != nil {
		t.Fatal(err)
	}
	if got := server.Logins()[0]; !got.Accepted || got.SNI != instance {
		t.Errorf("got %+v", got)
	}
}

// Cancelling a statement takes a connection of its own, with TLS and without a token.
func TestCancelRequestNeedsNoToken(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	recorder := wiretap.New()
	config.DialFunc = recorder.Dial(server.DialContext)
	tokens := &keeper{TokenSource: tokensOf(server, rdsiam.WithReuse(0))}
	conn, err := connect(t, rdspgx.BeforeConnect(tokens, rdsiam.WithRootCAs(server.RootCAs())), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Error(err)
	}
	if got := recorder.Dials(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
	if got := len(tokens.kept()); got != len(secretsOf("?X-Amz-Signature=x&X-Amz-Security-Token=x")) {
		t.Errorf("%d secrets, want those of one token", got)
	}
}
