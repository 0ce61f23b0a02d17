package rdspgx_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// What rdspgx knows of pgx's insides may change with any version of it. Each test has the
// thing as it is, and as it might become.

func TestVerifyCallbackOfPGXIsKnownByAnotherOfItsKind(t *testing.T) {
	ofCaller := func([][]byte, [][]*x509.Certificate) error { return errors.New("the caller's") }
	tests := []struct {
		name          string
		given, sample rdspgx.PeerCallback
		dropped       bool
		code          string
	}{
		{"pgx's", parse(t, dsn+"?sslmode=verify-ca").TLSConfig.VerifyPeerCertificate, rdspgx.CallbackOfPGX(), true, ""},
		{"the caller's", ofCaller, rdspgx.CallbackOfPGX(), false, ""},
		{"pgx has another", parse(t, dsn+"?sslmode=verify-ca").TLSConfig.VerifyPeerCertificate, ofCaller, false, ""},
		{"pgx has none", ofCaller, nil, false, "verify-callback-unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: test.given}
			wantCode(t, rdspgx.DropVerifyCA(config, test.sample), test.code)
			if dropped := config.VerifyPeerCertificate == nil; dropped != test.dropped {
				t.Errorf("dropped: %v, want %v", dropped, test.dropped)
			}
		})
	}
}

// wantCode checks that err is a ConfigError with this code and a fix, or nil for "".
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var problem *rdsiam.ConfigError
	switch {
	case code == "" && err == nil:
	case !errors.As(err, &problem):
		t.Errorf("got %v, want a ConfigError with the code %q", err, code)
	case problem.Code != code || problem.Fix == "":
		t.Errorf("got code %q and fix %q, want the code %q", problem.Code, problem.Fix, code)
	}
}

// The callback of a DSN is pgx's, whatever it looks like.
func TestParseDSNDropsTheVerifyCallback(t *testing.T) {
	server := start(t)
	t.Setenv("PGSSLROOTCERT", writeFile(t, "root.crt", server.CertificatePEM()))
	for _, hosts := range []string{instance, instance + "," + other} {
		d, err := rdspgx.ParseDSN("postgres://app@" + hosts + "/db?sslmode=verify-ca")
		if err != nil {
			t.Fatal(err)
		}
		if config := d.Given(); config.TLSConfig.VerifyPeerCertificate != nil {
			t.Error("the callback is left")
		}
	}
}

func TestHookThatIsNotRecognizedGivesWay(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	if err := hookFor(server)(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	stranger := func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) { return conn, nil }
	if !rdspgx.IsOurs(config.AfterNetConnect, rdspgx.OurHooks()...) {
		t.Error("a hook of ours is not recognized")
	}
	if rdspgx.IsOurs(config.AfterNetConnect, stranger) || rdspgx.IsOurs(stranger, rdspgx.OurHooks()...) {
		t.Error("a hook is taken for another")
	}

	server = start(t)
	config = configFor(t, server, "")
	var calls calls
	calls.observe(config)
	source := &counter{TokenSource: tokensOf(server, rdsiam.WithReuse(0))}
	hook := rdspgx.BeforeConnect(source, rdsiam.WithRootCAs(server.RootCAs()))
	for range 3 {
		if err := hook(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		rdspgx.Unknown(config)
	}
	for range 2 {
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeConn(t, conn) })
		calls.want(t, onceEach)
	}
	if ok, all := accepted(server); ok != 2 || all != 2 || source.calls.Load() != 2 {
		t.Errorf("%d of %d logins accepted with %d tokens, want 2 of 2 with 2", ok, all, source.calls.Load())
	}
}

func TestOptionsThatCannotBeRead(t *testing.T) {
	server := start(t)
	plain := newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs()))
	option := stdlib.OptionBeforeConnect(func(context.Context, *pgx.ConnConfig) error { return nil })
	for _, field := range []string{"Renamed", "AfterConnect", "pool", ""} {
		err := open(t, plain.WithOptionsReading(field, option), tokensOf(server))
		wantCode(t, err, "stdlib-options-unreadable")
	}
	for name, d := range map[string]*rdspgx.Driver{
		"without options": plain, "no option": plain.WithOptionsReading("Renamed"), "nil option": plain.WithOptionsReading("Renamed", nil),
		"as it is": plain.WithOptions(option),
	} {
		if err := open(t, d, tokensOf(server)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
