package proof_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/internal/test/wiretap"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// What MySQL says when it has the password's hash in its cache, and when it has not; and
// how a client without TLS goes on then. The length, the number of the packet, the rest.
const (
	fastAuthentication = "\x02\x00\x00\x02\x01\x03"
	fullAuthentication = "\x02\x00\x00\x02\x01\x04"
	publicKeyRequest   = "\x01\x00\x00\x03\x02"
)

// MySQL asks for caching_sha2_password, by default: in full the first time, which needs
// TLS, a socket, or RSA, and then in short.
func TestSpliceCachingSHA2(t *testing.T) {
	ran := false
	for _, installation := range realserver.MySQLs() {
		if installation.Product != "MySQL" {
			continue
		}
		ran = true
		server := startBehind(t, installation, rdsiamtest.StartMySQL)
		for name, upstream := range map[string]rdsiamtest.Upstream{
			"TLS": server.overTLS(), "socket": server.overSocket(), "clear": server.inClear(),
		} {
			upstream.User = "sha2_" + name
			t.Run(name, func(t *testing.T) { proveCachingSHA2(t, server, upstream) })
		}
	}
	if !ran {
		t.Skip("no MySQL: its servers are in " + realserver.MatrixVariable)
	}
}

func proveCachingSHA2(t *testing.T, server *behind, upstream rdsiamtest.Upstream) {
	// An account that has never logged in is not in the cache.
	if err := server.Exec(t.Context(), "CREATE USER "+upstream.User+" IDENTIFIED WITH caching_sha2_password BY '"+behindPassword+"'"); err != nil {
		t.Fatal(err)
	}
	readable := upstream.TLS == nil && upstream.Network != "unix"
	for _, step := range []struct {
		name    string
		present []string
		absent  []string
	}{
		{"full", []string{fullAuthentication, publicKeyRequest}, []string{fastAuthentication}},
		{"fast", []string{fastAuthentication}, []string{fullAuthentication, publicKeyRequest}},
	} {
		t.Run(step.name, func(t *testing.T) {
			wire, tapped := tap(t, upstream)
			db := startFront(t, rdsiamtest.StartMySQL, tapped).openMySQL(t)
			var user string
			if err := db.QueryRowContext(t.Context(), "SELECT CURRENT_USER()").Scan(&user); err != nil || user != upstream.User+"@%" {
				t.Fatalf("got %q, %v", user, err)
			}
			if found := wire.Find(behindPassword); len(found) > 0 && upstream.Network != "unix" {
				t.Error("the password went over the wire in clear")
			}
			if !readable {
				return
			}
			if found := wire.Find(step.present...); len(found) != len(step.present) {
				t.Errorf("on the wire are %q, want %q", found, step.present)
			}
			if found := wire.Find(step.absent...); len(found) > 0 {
				t.Errorf("on the wire are %q, want them not", found)
			}
		})
	}
}

// tap records what goes between a front and its upstream, and returns the upstream that
// the front must be given instead.
func tap(t *testing.T, upstream rdsiamtest.Upstream) (*wiretap.Recorder, rdsiamtest.Upstream) {
	t.Helper()
	network := upstream.Network
	if network == "" {
		network = "tcp"
	}
	at := "127.0.0.1:0"
	if network == "unix" {
		at = strings.TrimSuffix(upstream.Address, ".sock") + ".tap"
	}
	listener, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	wire := wiretap.New()
	var relays sync.WaitGroup
	t.Cleanup(relays.Wait)
	t.Cleanup(func() { listener.Close() })
	relays.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := wire.Dial(new(net.Dialer).DialContext)(t.Context(), network, upstream.Address)
			if err != nil {
				client.Close()
				continue
			}
			relays.Go(func() { pgrelay.Splice(client, server) })
		}
	})
	tapped := upstream
	tapped.Address = listener.Addr().String()
	tapped.Database = "information_schema" // the one that every account may use
	return wire, tapped
}
