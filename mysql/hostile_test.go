package rdsmysql_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// eachWay logs in to the server by the Driver and by the hook, on a Config with TLS
// given in each way that is accepted.
func eachWay(t *testing.T, f *fakeServer, log func(t *testing.T, connect func(context.Context) (driver.Conn, error))) {
	for name, change := range map[string]func(*mysql.Config){
		"no tls":   func(*mysql.Config) {},
		"tls=true": func(c *mysql.Config) { c.TLSConfig = "true" },
		"custom":   func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} },
	} {
		config := testConfig(func(c *mysql.Config) {
			c.DialFunc, c.Logger, c.AllowCleartextPasswords = f.dial, &mysql.NopLogger{}, true
			change(c)
		})
		t.Run(name+"/Driver", func(t *testing.T) {
			d, err := rdsmysql.New(config, rdsiam.WithRootCAs(f.roots))
			if err != nil {
				t.Fatal(err)
			}
			log(t, func(ctx context.Context) (driver.Conn, error) { return d.Open(ctx, &countingSource{}) })
		})
		t.Run(name+"/hook", func(t *testing.T) {
			config := config.Clone()
			if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(&countingSource{}, rdsiam.WithRootCAs(f.roots)))); err != nil {
				t.Fatal(err)
			}
			connector, err := mysql.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			log(t, connector.Connect)
		})
	}
}

// Whatever plugin a server greets with, and without TLS it gets nothing, not even a
// hash.
func TestServerWithoutTLS(t *testing.T) {
	for _, plugin := range []string{"mysql_clear_password", "mysql_native_password", "caching_sha2_password", "sha256_password", "mysql_old_password", "dialog"} {
		t.Run(plugin, func(t *testing.T) {
			f := startFake(t, func(f *fakeServer) { f.noTLS, f.greeting = true, plugin })
			eachWay(t, f, func(t *testing.T, connect func(context.Context) (driver.Conn, error)) {
				if conn, err := connect(t.Context()); !errors.Is(err, mysql.ErrNoTLS) {
					t.Errorf("got %v %v, want ErrNoTLS", conn, err)
				}
			})
			if sent := f.wire.clientSent(); len(sent) != 0 || f.logIns.Load() != 0 {
				t.Errorf("%d bytes were sent", len(sent))
			}
		})
	}
}

// A server that cannot prove its name gets the request for TLS and the start of a
// handshake, then nothing.
func TestServerOfAnotherName(t *testing.T) {
	trusted := startFake(t, nil)
	for name, change := range map[string]func(*fakeServer){
		"name":      func(f *fakeServer) { f.certificate, f.roots = issue(t, "other.abc123.us-east-1.rds.amazonaws.com") },
		"authority": func(f *fakeServer) { f.roots = trusted.roots },
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, change)
			eachWay(t, f, func(t *testing.T, connect func(context.Context) (driver.Conn, error)) {
				_, err := connect(t.Context())
				var certificate *tls.CertificateVerificationError
				if !errors.As(err, &certificate) {
					t.Errorf("got %v", err)
				}
			})
			if f.logIns.Load() != 0 {
				t.Errorf("%d logins", f.logIns.Load())
			}
			f.wire.refuseSecrets(t)
		})
	}
}

// Inside verified TLS a server may ask for the token, or for a hash of it, in each form
// that the driver knows; the network sees TLS and nothing else.
func TestWhatServersMayAskFor(t *testing.T) {
	tests := []struct {
		name      string
		greeting  string
		authorize func(*fakeConn)
		clear     bool // the server gets the token itself
		fails     error
	}{
		{name: "clear in the greeting", greeting: "mysql_clear_password", authorize: (*fakeConn).ok, clear: true},
		{name: "clear", authorize: func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.ok() }, clear: true},
		{name: "native", authorize: func(c *fakeConn) { c.ask("mysql_native_password", 20); c.ok() }},
		{name: "sha256", authorize: func(c *fakeConn) { c.ask("sha256_password", 20); c.ok() }, clear: true},
		{name: "caching sha2, short", greeting: "caching_sha2_password", authorize: func(c *fakeConn) { c.more(3); c.ok() }},
		{
			name: "caching sha2, full", greeting: "caching_sha2_password",
			authorize: func(c *fakeConn) { c.more(4); c.answer = c.receive(); c.ok() }, clear: true,
		},
		{name: "ed25519", authorize: func(c *fakeConn) { c.ask("client_ed25519", 32); c.ok() }},
		{name: "old", authorize: func(c *fakeConn) { c.ask("mysql_old_password", 8) }, fails: mysql.ErrOldPassword},
		{name: "unknown", authorize: func(c *fakeConn) { c.ask("dialog", 20) }, fails: mysql.ErrUnknownPlugin},
		{
			name:      "twice",
			authorize: func(c *fakeConn) { c.ask("mysql_native_password", 20); c.ask("mysql_clear_password", 20) },
			fails:     mysql.ErrMalformPkt,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answers := make(chan []byte, 1)
			f := startFake(t, func(f *fakeServer) {
				if test.greeting != "" {
					f.greeting = test.greeting
				}
				f.authorize = func(c *fakeConn) { test.authorize(c); answers <- c.answer }
			})
			eachWay(t, f, func(t *testing.T, connect func(context.Context) (driver.Conn, error)) {
				conn, err := connect(t.Context())
				if err == nil {
					conn.Close()
				}
				if err != test.fails {
					t.Fatalf("got %v, want %v", err, test.fails)
				}
				if got := bytes.Contains(<-answers, []byte(testToken)); got != test.clear {
					t.Errorf("the server was given the token: %v, want %v", got, test.clear)
				}
			})
			f.wire.refuseSecrets(t)
		})
	}
}

// For every TLS setting, safe or not, a server that cannot be verified sees no login,
// and the network nothing of the token: neither at first nor as a fallback.
func TestNoSettingLetsTheTokenOut(t *testing.T) {
	settings := map[string]func(*mysql.Config){
		"none":                     func(*mysql.Config) {},
		"true":                     func(c *mysql.Config) { c.TLSConfig = "true" },
		"false":                    func(c *mysql.Config) { c.TLSConfig = "false" },
		"preferred":                func(c *mysql.Config) { c.TLSConfig = "preferred" },
		"skip-verify":              func(c *mysql.Config) { c.TLSConfig = "skip-verify" },
		"fallback":                 func(c *mysql.Config) { c.AllowFallbackToPlaintext = true },
		"custom":                   func(c *mysql.Config) { c.TLS = &tls.Config{} },
		"custom with fallback":     func(c *mysql.Config) { c.TLS, c.AllowFallbackToPlaintext = &tls.Config{}, true },
		"custom without verifying": func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} },
	}
	servers := map[string]func(*fakeServer){
		"no TLS":    func(f *fakeServer) { f.noTLS = true },
		"name":      func(f *fakeServer) { f.certificate, f.roots = issue(t, "other.example.com") },
		"authority": func(f *fakeServer) { _, f.roots = issue(t, testHost) },
	}
	for serverName, change := range servers {
		for _, plugin := range []string{"mysql_clear_password", "mysql_native_password", "caching_sha2_password"} {
			t.Run(serverName+"/"+plugin, func(t *testing.T) {
				f := startFake(t, func(f *fakeServer) { f.greeting, f.authorize = plugin, askForToken; change(f) })
				for name, set := range settings {
					config := testConfig(func(c *mysql.Config) {
						c.DialFunc, c.Logger, c.AllowCleartextPasswords = f.dial, &mysql.NopLogger{}, true
						set(c)
					})
					if err := logInBothWays(t, config, rdsiam.WithRootCAs(f.roots)); err == nil {
						t.Errorf("%s: logged in", name)
					}
				}
				if f.logIns.Load() != 0 {
					t.Errorf("%d logins", f.logIns.Load())
				}
				f.wire.refuseSecrets(t)
			})
		}
	}
}

// logInBothWays returns an error unless the Driver or the hook logs in.
func logInBothWays(t *testing.T, config *mysql.Config, options ...rdsiam.EndpointOption) error {
	t.Helper()
	source := &countingSource{}
	d, driverErr := rdsmysql.New(config, options...)
	if driverErr == nil {
		_, driverErr = d.Open(t.Context(), source)
	}
	hooked := config.Clone()
	if err := hooked.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(source, options...))); err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(hooked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = connector.Connect(t.Context()); err == nil {
		return nil
	}
	return driverErr
}
