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

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const unsafeConnection = "rdsiam: connection to " + instance + ":5432: the token is not sent over "

// A configuration that is changed after the hook gets no token, and the server not even
// the name of the user.
func TestConfigurationChangedAfterTheHook(t *testing.T) {
	const changed = "TLS settings that were changed after the hook"
	insecure := &tls.Config{InsecureSkipVerify: true, ServerName: instance}
	tests := []struct {
		name, hosts string
		mode        rdsiamtest.TLSMode
		change      func(*pgx.ConnConfig)
		want        string
	}{
		{"TLSConfig nil", instance, rdsiamtest.TLSUnavailable, func(c *pgx.ConnConfig) { c.TLSConfig = nil }, "a connection without TLS"},
		{"plaintext fallback", instance, rdsiamtest.TLSUnavailable, func(c *pgx.ConnConfig) {
			c.Fallbacks = append(c.Fallbacks, &pgconn.FallbackConfig{Host: instance, Port: 5432})
		}, "a connection without TLS"},
		{"InsecureSkipVerify", instance, rdsiamtest.WrongName, func(c *pgx.ConnConfig) { c.TLSConfig = insecure }, changed},
		{"InsecureSkipVerify in place", instance, rdsiamtest.WrongName, func(c *pgx.ConnConfig) { c.TLSConfig.InsecureSkipVerify = true }, changed},
		{"InsecureSkipVerify with a callback", instance, rdsiamtest.WrongName, func(c *pgx.ConnConfig) {
			c.TLSConfig.InsecureSkipVerify = true
			c.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { return nil }
		}, changed},
		{"other ServerName", instance, rdsiamtest.TLSRequired, func(c *pgx.ConnConfig) { c.TLSConfig.ServerName = other }, changed},
		{"no ServerName", instance, rdsiamtest.TLSRequired, func(c *pgx.ConnConfig) { c.TLSConfig.ServerName = "" }, changed},
		{"other roots", instance, rdsiamtest.TLSRequired, func(c *pgx.ConnConfig) { c.TLSConfig.RootCAs = x509.NewCertPool() }, changed},
		{"one more host", instance, rdsiamtest.TLSRequired, func(c *pgx.ConnConfig) {
			c.Fallbacks = append(c.Fallbacks, &pgconn.FallbackConfig{Host: other, Port: 5432, TLSConfig: c.TLSConfig})
		}, changed},
		{"two hosts, TLSConfig nil", instance + "," + other, rdsiamtest.TLSUnavailable, func(c *pgx.ConnConfig) { c.TLSConfig = nil }, "a connection without TLS"},
		{"two hosts, the second without TLS", instance + "," + other, rdsiamtest.TLSUnavailable, func(c *pgx.ConnConfig) { c.Fallbacks[0].TLSConfig = nil }, "a connection without TLS"},
		{"two hosts, InsecureSkipVerify", instance + "," + other, rdsiamtest.WrongName, func(c *pgx.ConnConfig) { c.TLSConfig = insecure }, changed},
		{"two hosts, the second InsecureSkipVerify", instance + "," + other, rdsiamtest.WrongName, func(c *pgx.ConnConfig) { c.Fallbacks[0].TLSConfig = insecure }, changed},
		{"two hosts, the second's ServerName", instance + "," + other, rdsiamtest.TLSRequired, func(c *pgx.ConnConfig) { c.Fallbacks[0].TLSConfig.ServerName = proxy }, changed},
		{"two hosts, other roots", instance + "," + other, rdsiamtest.TLSRequired, func(c *pgx.ConnConfig) { c.TLSConfig.RootCAs = x509.NewCertPool() }, changed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, rdsiamtest.WithEndpoint(other), rdsiamtest.WithTLSMode(test.mode))
			config := configFor(t, server, "postgres://app@"+test.hosts+"/postgres")
			if err := hookFor(server)(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			test.change(config)
			_, err := pgx.ConnectConfig(t.Context(), config)
			wantContains(t, err, unsafeConnection+test.want+"; let rdspgx.BeforeConnect run last, and let DialFunc return the bare connection")
			if got := server.Logins(); len(got) > 0 {
				t.Errorf("the server heard of logins: %+v", got)
			}
		})
	}
}

// A TLS connection that DialFunc made is none that we know to be verified.
func TestTLSOfDialFunc(t *testing.T) {
	server := start(t, rdsiamtest.WithTLSMode(rdsiamtest.WrongName))
	config := configFor(t, server, "")
	if err := hookFor(server)(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	config.TLSConfig = nil
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := server.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), nil
	}
	_, err := pgx.ConnectConfig(t.Context(), config)
	wantContains(t, err, unsafeConnection)
	if got := server.Logins(); len(got) > 0 {
		t.Errorf("the server heard of logins: %+v", got)
	}
}

func TestVerifyConnectionTakenAwayAfterTheHook(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "postgres://app@"+instance+"/postgres?sslmode=require")
	config.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { return errors.New("nobody's server") }
	prepared(t, config, rdsiam.WithCallerVerification())
	config.TLSConfig.VerifyConnection = nil
	_, err := pgx.ConnectConfig(t.Context(), config)
	wantContains(t, err, unsafeConnection)
}

// saboteur swaps the TLS settings while pgx reads them.
type saboteur struct{ restore func() }

func (s *saboteur) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (s *saboteur) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *saboteur) TraceConnectEnd(context.Context, pgx.TraceConnectEndData)        {}
func (s *saboteur) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	config, ours := data.ConnConfig, data.ConnConfig.TLSConfig
	config.TLSConfig = ours.Clone()
	config.TLSConfig.InsecureSkipVerify = true
	s.restore = func() { config.TLSConfig = ours }
	return ctx
}

// With several hosts it is the connection that counts, whatever the settings say.
func TestUnverifiedConnectionToOneOfSeveralHosts(t *testing.T) {
	server := start(t, rdsiamtest.WithEndpoint(other), rdsiamtest.WithTLSMode(rdsiamtest.UnknownAuthority))
	config := configFor(t, server, bothHosts)
	var tracer saboteur
	config.Tracer = &tracer
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		tracer.restore()
		return server.DialContext(ctx, network, address)
	}
	_, err := connect(t, hookFor(server), config)
	wantContains(t, err, unsafeConnection+"a connection to a server whose certificate was not verified")
	if got := server.Logins(); len(got) > 0 {
		t.Errorf("the server heard of logins: %+v", got)
	}
}

// A hook of the caller's that takes the place of ours leaves no password to send.
func TestHookReplacedAfterwards(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	config.Password = "secret"
	if err := rdspgx.BeforeConnect(tokensOf(server), rdsiam.WithRootCAs(server.RootCAs()))(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	config.AfterNetConnect = nil
	if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		t.Fatal("logged in")
	}
	for _, logIn := range server.Logins() {
		if logIn.PasswordReceived {
			t.Errorf("a password was sent: %+v", logIn)
		}
	}
}
