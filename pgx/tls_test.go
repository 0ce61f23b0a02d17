package rdspgx_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

const dsn = "postgres://app@" + instance + "/db"

// noTokens is for tests that end before a token is asked for.
var noTokens = rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
	return rdsiam.Token{}, errors.New("no token in this test")
})

// prepared applies the hook to config, which must succeed.
func prepared(t testing.TB, config *pgx.ConnConfig, options ...rdsiam.EndpointOption) *pgx.ConnConfig {
	t.Helper()
	if err := rdspgx.BeforeConnect(noTokens, options...)(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	return config
}

// wantVerifiedTLS checks every entry of config: full verification for the host's own
// name, and nothing else.
func wantVerifiedTLS(t testing.TB, config *pgx.ConnConfig) {
	t.Helper()
	entries := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for _, entry := range entries {
		switch c := entry.TLSConfig; {
		case c == nil:
			t.Errorf("%s:%d: no TLS", entry.Host, entry.Port)
		case c.InsecureSkipVerify:
			t.Errorf("%s: InsecureSkipVerify", entry.Host)
		case c.ServerName == "":
			t.Errorf("%s: no ServerName", entry.Host)
		case c.MinVersion < tls.VersionTLS12:
			t.Errorf("%s: MinVersion %s", entry.Host, tls.VersionName(c.MinVersion))
		}
	}
	if config.Password != "" {
		t.Error("a password is left in the configuration")
	}
}

func TestEverySSLModeBecomesFullVerification(t *testing.T) {
	tests := []struct{ name, query, env string }{
		{name: "no sslmode"},
		{name: "allow", query: "?sslmode=allow"},
		{name: "prefer", query: "?sslmode=prefer"},
		{name: "require", query: "?sslmode=require"},
		{name: "verify-ca", query: "?sslmode=verify-ca"},
		{name: "verify-full", query: "?sslmode=verify-full"},
		{name: "ssl=true", query: "?ssl=true"},
		{name: "PGSSLMODE=allow", env: "allow"},
		{name: "PGSSLMODE=verify-ca", env: "verify-ca"},
		{name: "without SNI", query: "?sslsni=0"},
		{name: "direct", query: "?sslnegotiation=direct"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PGSSLMODE", test.env)
			config := prepared(t, parse(t, dsn+test.query))
			wantVerifiedTLS(t, config)
			if len(config.Fallbacks) > 0 {
				t.Errorf("%d fallbacks are left, want none", len(config.Fallbacks))
			}
			if config.TLSConfig.ServerName != instance {
				t.Errorf("ServerName %q", config.TLSConfig.ServerName)
			}
			if config.TLSConfig.RootCAs == nil {
				t.Error("the roots of RDS are not set")
			}
			if config.TLSConfig.VerifyPeerCertificate != nil {
				t.Error("pgx's own verification, which does not know the roots of RDS, is left")
			}
		})
	}
}

func TestPlaintextSettingsAreRefused(t *testing.T) {
	const want = `rdsiam: sslmode "disable": would send the token to ` + instance + ` in clear text; ` +
		`remove sslmode from the DSN and PGSSLMODE from the environment, or set them to verify-full; if Host was set after pgx.ParseConfig, name it in the DSN`
	tests := []struct {
		name, query, env string
		change           func(*pgx.ConnConfig)
	}{
		{name: "sslmode=disable", query: "?sslmode=disable"},
		{name: "PGSSLMODE=disable", env: "disable"},
		{name: "TLSConfig nil", query: "?sslmode=require", change: func(c *pgx.ConnConfig) { c.TLSConfig = nil }},
		{name: "TLSConfig nil beside a plaintext fallback", change: func(c *pgx.ConnConfig) { c.TLSConfig = nil }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PGSSLMODE", test.env)
			config := parse(t, dsn+test.query)
			if test.change != nil {
				test.change(config)
			}
			_, err := rdspgx.New(config)
			wantConfigError(t, err, want)
			wantConfigError(t, rdspgx.BeforeConnect(noTokens)(t.Context(), config), want)
		})
	}
}

func TestPlaintextEntryOfAnotherHostIsRefused(t *testing.T) {
	config := parse(t, dsn) // sslmode=prefer: a second entry without TLS
	config.Host = other     // as programs do that forget the other three fields
	config.TLSConfig = &tls.Config{}
	_, err := rdspgx.New(config)
	wantConfigError(t, err, `rdsiam: pgx.ConnConfig.Fallbacks "`+instance+`": has no TLS, and is not the plaintext twin of an entry with TLS, `+
		`which would be dropped; name all hosts in the DSN; if Host was set after pgx.ParseConfig, set TLSConfig to an empty tls.Config and Fallbacks to nil with it`)
}

func TestPlaintextEntriesOfSeveralHostsAreDropped(t *testing.T) {
	for _, mode := range []string{"allow", "prefer"} {
		config := prepared(t, parse(t, "postgres://app@"+instance+","+other+":5433/db?sslmode="+mode))
		wantVerifiedTLS(t, config)
		if config.Host != instance || config.Port != 5432 || config.TLSConfig.ServerName != instance {
			t.Errorf("%s: first entry %s:%d %s", mode, config.Host, config.Port, config.TLSConfig.ServerName)
		}
		if len(config.Fallbacks) != 1 {
			t.Fatalf("%s: %d fallbacks, want 1", mode, len(config.Fallbacks))
		}
		if second := config.Fallbacks[0]; second.Host != other || second.Port != 5433 || second.TLSConfig.ServerName != other {
			t.Errorf("%s: second entry %s:%d %s", mode, second.Host, second.Port, second.TLSConfig.ServerName)
		}
	}
}

func TestTLSSettingsOfTheCallerAreKept(t *testing.T) {
	roots := x509.NewCertPool()
	verifyConnection := func(tls.ConnectionState) error { return nil }
	verifyPeer := func([][]byte, [][]*x509.Certificate) error { return nil }
	cache := tls.NewLRUClientSessionCache(1)
	config := parse(t, dsn+"?sslmode=require&sslnegotiation=direct")
	config.TLSConfig = &tls.Config{
		InsecureSkipVerify:    true,
		RootCAs:               roots,
		Certificates:          []tls.Certificate{{Certificate: [][]byte{{1}}}},
		NextProtos:            []string{"postgresql"},
		VerifyConnection:      verifyConnection,
		VerifyPeerCertificate: verifyPeer,
		ClientSessionCache:    cache,
	}
	given := config.TLSConfig
	got := prepared(t, config).TLSConfig
	wantVerifiedTLS(t, config)
	if got.RootCAs != roots {
		t.Error("RootCAs changed")
	}
	if len(got.Certificates) != 1 || len(got.NextProtos) != 1 || got.ClientSessionCache != cache {
		t.Error("client certificate, protocol or session cache lost")
	}
	if !sameFunc(got.VerifyConnection, verifyConnection) {
		t.Error("VerifyConnection lost")
	}
	if !sameFunc(got.VerifyPeerCertificate, verifyPeer) {
		t.Error("the caller's VerifyPeerCertificate lost")
	}
	if config.SSLNegotiation != "direct" {
		t.Error("sslnegotiation lost")
	}
	if given.ServerName != "" || !given.InsecureSkipVerify || given.MinVersion != 0 {
		t.Error("the caller's tls.Config was changed")
	}
}

// VerifyPeerCertificate of pgx for sslmode=verify-ca goes, and nothing else does, also
// where PGSSLROOTCERT makes sslmode=require a verify-ca.
func TestVerifyCAKeepsTheRootsAndLosesTheCallback(t *testing.T) {
	server := start(t)
	for _, mode := range []string{"require", "verify-ca"} {
		t.Setenv("PGSSLROOTCERT", writeFile(t, "root.crt", server.CertificatePEM()))
		config := parse(t, dsn+"?sslmode="+mode)
		if config.TLSConfig.VerifyPeerCertificate == nil {
			t.Fatalf("sslmode=%s: pgx has no callback; this test is of no use any more", mode)
		}
		roots := config.TLSConfig.RootCAs
		prepared(t, config)
		if config.TLSConfig.VerifyPeerCertificate != nil {
			t.Errorf("sslmode=%s: pgx's callback is left; has the name of its closure changed?", mode)
		}
		if config.TLSConfig.RootCAs != roots {
			t.Errorf("sslmode=%s: the roots of PGSSLROOTCERT are lost", mode)
		}
	}
}

func TestServerName(t *testing.T) {
	tests := []struct {
		name, host, serverName string
		options                []rdsiam.EndpointOption
		want, wantError        string
	}{
		{name: "empty", host: instance, want: instance},
		{name: "of the dialed host", host: "SRE.abc123.us-east-1.RDS.amazonaws.com", serverName: "SRE.abc123.us-east-1.RDS.amazonaws.com", want: instance},
		{name: "of the dialed tunnel", host: "localhost", serverName: "localhost", options: []rdsiam.EndpointOption{rdsiam.WithEndpoint(instance)}, want: instance},
		{name: "of the endpoint", host: "localhost", serverName: instance, options: []rdsiam.EndpointOption{rdsiam.WithEndpoint(instance)}, want: instance},
		{name: "of another server", host: instance, serverName: other,
			wantError: `rdsiam: tls.Config.ServerName "` + other + `": not the endpoint that the token is for, which is "` + instance +
				`"; leave ServerName empty, or name the endpoint that is signed with WithEndpoint`},
		{name: "of another server behind a tunnel", host: "localhost", serverName: other, options: []rdsiam.EndpointOption{rdsiam.WithEndpoint(instance)},
			wantError: `rdsiam: tls.Config.ServerName "` + other + `": not the endpoint that the token is for, which is "` + instance +
				`"; leave ServerName empty, or name the endpoint that is signed with WithEndpoint`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := parse(t, "postgres://app@"+test.host+"/db?sslmode=require")
			config.TLSConfig = &tls.Config{ServerName: test.serverName}
			err := rdspgx.BeforeConnect(noTokens, test.options...)(t.Context(), config)
			if test.wantError != "" {
				wantConfigError(t, err, test.wantError)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if config.TLSConfig.ServerName != test.want {
				t.Errorf("got %q, want %q", config.TLSConfig.ServerName, test.want)
			}
		})
	}
}

func TestCallerVerification(t *testing.T) {
	config := parse(t, dsn+"?sslmode=require")
	config.TLSConfig.InsecureSkipVerify = true
	_, err := rdspgx.New(config, rdsiam.WithCallerVerification())
	wantConfigError(t, err, "rdsiam: WithCallerVerification: the tls.Config sets InsecureSkipVerify and has no VerifyConnection, so nobody would verify the server; "+
		"verify the server in VerifyConnection, which also runs for resumed sessions, or leave the option out")

	config.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { return nil }
	if got := prepared(t, config, rdsiam.WithCallerVerification()); !got.TLSConfig.InsecureSkipVerify {
		t.Error("InsecureSkipVerify was raised in spite of the option")
	}
}

func TestCallerVerificationDecides(t *testing.T) {
	server := start(t)
	refusal := errors.New("not my server")
	for _, verdict := range []error{nil, refusal} {
		for _, hosts := range []string{instance, instance + "," + other} {
			config := configFor(t, server, "postgres://app@"+hosts+"/postgres?sslmode=require")
			verify := func(tls.ConnectionState) error { return verdict }
			for _, entry := range append(config.Fallbacks, &pgconn.FallbackConfig{TLSConfig: config.TLSConfig}) {
				entry.TLSConfig.InsecureSkipVerify = true
				entry.TLSConfig.VerifyConnection = verify
			}
			before := len(server.Logins())
			conn, err := connect(t, rdspgx.BeforeConnect(tokensOf(server), rdsiam.WithCallerVerification()), config)
			if verdict == nil && err != nil {
				t.Errorf("%s: accepted by VerifyConnection, and got %v", hosts, err)
			}
			if verdict != nil {
				if !errors.Is(err, refusal) {
					t.Errorf("%s: refused by VerifyConnection, and got %v, %v", hosts, conn, err)
				}
				if len(server.Logins()) != before {
					t.Errorf("%s: refused by VerifyConnection, and the server heard of a login", hosts)
				}
			}
		}
	}
}

func sameFunc(a, b any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
