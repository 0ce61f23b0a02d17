package rdspgx_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestHookAThousandTimes(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "postgres://app@"+instance+"/postgres?sslmode=verify-ca")
	var calls calls
	calls.observe(config)
	hook := hookFor(server)
	apply := func() {
		if err := hook(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	first := config.TLSConfig
	once := testing.AllocsPerRun(10, apply)
	for range 1000 {
		apply()
	}
	if after := testing.AllocsPerRun(10, apply); after > once+1 {
		t.Errorf("%v allocations at the beginning, %v after a thousand times", once, after)
	}
	if got := config.TLSConfig; got.ServerName != first.ServerName || got.RootCAs != first.RootCAs || got.InsecureSkipVerify || got.VerifyPeerCertificate != nil {
		t.Error("the TLS configuration changed")
	}
	if _, err := connect(t, hook, config); err != nil {
		t.Fatal(err)
	}
	calls.want(t, onceEach)
	if ok, all := accepted(server); ok != 1 || all != 1 {
		t.Errorf("%d of %d logins accepted, want 1 of 1", ok, all)
	}
}

// pgx's stdlib gives each connection a shallow copy.
func TestHookOnShallowCopiesAtOnce(t *testing.T) {
	server := start(t, rdsiamtest.WithEndpoint(other))
	shared := configFor(t, server, "postgres://app@"+instance+","+other+"/postgres")
	hook := hookFor(server)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				config := *shared
				if err := hook(t.Context(), &config); err != nil {
					t.Error(err)
					return
				}
				conn, err := pgx.ConnectConfig(t.Context(), &config)
				if err != nil {
					t.Error(err)
					return
				}
				closeConn(t, conn)
			}
		})
	}
	group.Wait()
	if len(shared.Fallbacks) != 3 || shared.AfterNetConnect != nil || !shared.TLSConfig.InsecureSkipVerify {
		t.Error("the shared configuration changed")
	}
}

// pgx.ConnectConfig may be called any number of times for one application of the hook.
func TestOneHookForManyConnectionsAtOnce(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	if err := hookFor(server)(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			conn, err := pgx.ConnectConfig(t.Context(), config)
			if err != nil {
				t.Error(err)
				return
			}
			closeConn(t, conn)
		})
	}
	group.Wait()
}

// Config of a live connection is a template for others, with and without the hook, while
// the connection is in use.
func TestConfigOfALiveConnection(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("hook applied again: %v", again), func(t *testing.T) {
			server := start(t)
			config := configFor(t, server, "")
			var calls calls
			calls.observe(config)
			validate := config.ValidateConnect
			source := &counter{TokenSource: tokensOf(server, rdsiam.WithReuse(0))}
			hook := rdspgx.BeforeConnect(source, rdsiam.WithRootCAs(server.RootCAs()))
			conn, err := connect(t, hook, config)
			if err != nil {
				t.Fatal(err)
			}
			calls.want(t, onceEach)
			hooked := config.AfterNetConnect
			for generation := range 5 {
				config := conn.Config()
				if config.Password != "" {
					t.Fatal("a live connection keeps the token")
				}
				if !sameFunc(config.AfterNetConnect, hooked) || !sameFunc(config.ValidateConnect, validate) {
					t.Fatal("a live connection keeps the hooks of its login")
				}
				var busy sync.WaitGroup
				busy.Go(func() { _, _ = conn.Exec(t.Context(), "nonsense") })
				if again {
					if err := hook(t.Context(), config); err != nil {
						t.Fatal(err)
					}
				}
				next, err := pgx.ConnectConfig(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { closeConn(t, next) })
				busy.Wait()
				if whoAmI(t, next) != "app" {
					t.Error("somebody else")
				}
				if got := calls.n["AfterNetConnect"] + calls.n["ValidateConnect"] + calls.n["AfterConnect"]; got != 3 {
					t.Errorf("generation %d: %v", generation, calls.n)
				}
				calls.n = nil
				conn = next
			}
			if source.calls.Load() != 6 {
				t.Errorf("%d tokens for 6 connections", source.calls.Load())
			}
		})
	}
}

// What the caller sets between two applications of the hook counts.
func TestTLSSettingsBetweenTwoHooksAreKept(t *testing.T) {
	config := prepared(t, parse(t, dsn))
	config.TLSConfig.NextProtos = []string{"mine"}
	if got := prepared(t, config).TLSConfig.NextProtos; len(got) != 1 {
		t.Errorf("NextProtos %q", got)
	}
}

// A second hook may be of another endpoint, with other roots.
func TestAnotherHookOnTheSameConfiguration(t *testing.T) {
	config := prepared(t, parse(t, "postgres://app@localhost/db"), rdsiam.WithEndpoint(instance))
	first := config.TLSConfig
	prepared(t, config, rdsiam.WithEndpoint(other))
	if got := config.TLSConfig; got.ServerName != other || got.RootCAs == first.RootCAs {
		t.Errorf("ServerName %s, roots the same: %v", got.ServerName, got.RootCAs == first.RootCAs)
	}
}
