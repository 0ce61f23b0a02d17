// Package clients_test logs in with other people's clients and a token of rdsiam: psql, the
// client of MariaDB, and the drivers pg and mysql2 for Node; to the servers of rdsiamtest,
// and to real ones that ask rdsiamtest's verifier.
//
// Every client connects over TCP to the name of an RDS endpoint, which leads to this
// machine, and verifies the server's certificate for that name against the authority of
// rdsiamtest; TestUnverifiedServer shows that it does. How the name leads here differs: psql
// has hostaddr, node's resolver is replaced in the process, and the client of MariaDB, which
// can neither be told an address nor another name to verify, gets a getaddrinfo of our own
// by LD_PRELOAD. The token comes from the environment (PGPASSWORD, MYSQL_PWD) or from a
// file descriptor (node), never from the command line, which every user of a machine can
// read.
package clients_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	endpointHost = "clients.abc123.eu-central-1.rds.amazonaws.com"

	app       = "app"
	odd       = "Jane O'Neil+reports@example.com"
	forbidden = "forbidden" // an IAM user that the policy does not allow
	ordinary  = "ordinary"  // a user with a password
)

// lab is a server to log in to, and the verifier of its tokens.
type lab struct {
	name      string // of the server, for the summary of the tests
	verifier  *rdsiamtest.Server
	real      bool   // else the server is the verifier itself
	port      string // on 127.0.0.1
	authority string // file with the root certificate

	clock sync.Mutex
	ahead time.Duration // of the verifier's clock
}

type startVerifier func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server

// newLab starts a server of rdsiamtest.
func newLab(t *testing.T, start startVerifier, options ...rdsiamtest.Option) *lab {
	t.Helper()
	l := new(lab)
	l.verifier = start(t, append(options,
		rdsiamtest.WithEndpoint(endpointHost), rdsiamtest.WithClock(l.now),
		rdsiamtest.WithIAMUser(app, odd, forbidden), rdsiamtest.WithPasswordUser(ordinary, "a password"))...)
	const allow = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect",
		"NotResource": "arn:aws:rds-db:*:*:dbuser:*/` + forbidden + `"}}`
	if err := l.verifier.SetPolicies(allow); err != nil {
		t.Fatal(err)
	}
	l.authority = filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(l.authority, l.verifier.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	l.name, l.port = "rdsiamtest", portOf(t, l.verifier.Addr().String())
	return l
}

// newRealLab starts a real server that asks the verifier.
func newRealLab(t *testing.T, verifier startVerifier, installation realserver.Installation, method realserver.Method) *lab {
	t.Helper()
	l := newLab(t, verifier)
	server, err := installation.Start(t.Context(), realserver.Options{
		Method:        method,
		Check:         l.verifier.Verify,
		Certificate:   l.verifier.Certificate(),
		IAMUsers:      []string{app, odd, forbidden},
		PasswordUsers: map[string]string{ordinary: "a password"},
	})
	var missing *realserver.MissingError
	if errors.As(err, &missing) {
		skip(t, missing.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	l.real, l.port = true, portOf(t, server.Addr())
	l.name = installation.Product + " " + server.Version() + " (" + string(server.Method()) + ")"
	return l
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// skip skips a test for want of a program, unless the machine is said to have everything.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// now is the verifier's clock.
func (l *lab) now() time.Time {
	l.clock.Lock()
	defer l.clock.Unlock()
	return time.Now().Add(l.ahead)
}

// setClockAhead sets the verifier's clock for the rest of the test.
func (l *lab) setClockAhead(t *testing.T, ahead time.Duration) {
	set := func(d time.Duration) {
		l.clock.Lock()
		defer l.clock.Unlock()
		l.ahead = d
	}
	set(ahead)
	t.Cleanup(func() { set(0) })
}

// token signs a token of rdsiam.
func (l *lab) token(t *testing.T, user string) string {
	t.Helper()
	endpoint, err := rdsiam.ResolveEndpoint(l.verifier.Endpoint(), 0)
	if err != nil {
		t.Fatal(err)
	}
	login := rdsiam.Login{Endpoint: endpoint, User: user}
	token, err := login.Token(t.Context(), rdsiam.NewTokenSource(l.verifier.Credentials()))
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

// forged is a token with another signature.
func forged(token string) string {
	at := strings.Index(token, "X-Amz-Signature=") + len("X-Amz-Signature=")
	digit := byte('0')
	if token[at] == digit {
		digit = '1'
	}
	return token[:at] + string(digit) + token[at+1:]
}
