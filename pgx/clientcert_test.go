package rdspgx_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// clientCertificate is a certificate of a client in files, as sslcert and sslkey name.
type clientCertificate struct {
	der       []byte
	cert, key string
}

// newClientCertificate writes a certificate into a folder.
func newClientCertificate(t testing.TB, folder string) clientCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := clientCertificate{der: der, cert: filepath.Join(folder, "postgresql.crt"), key: filepath.Join(folder, "postgresql.key")}
	for path, block := range map[string]*pem.Block{c.cert: {Type: "CERTIFICATE", Bytes: der}, c.key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// certificatesSeen makes a server that asks for client certificates, and returns what
// reads the one that it saw last.
func certificatesSeen(t testing.TB, hosts ...string) (*fake, func() []byte) {
	t.Helper()
	server := startFake(t, hosts, func(s *talk) {
		token, _ := s.askPassword()
		if !strings.Contains(token, "?Action=connect") {
			s.refuse("28000", "no token")
			return
		}
		s.accept(nil)
	})
	seen := make(chan []byte, 100)
	server.config.ClientAuth = tls.RequestClientCert
	server.config.VerifyConnection = func(state tls.ConnectionState) error {
		var der []byte
		if len(state.PeerCertificates) > 0 {
			der = state.PeerCertificates[0].Raw
		}
		seen <- der
		return nil
	}
	return server, func() (last []byte) {
		for {
			select {
			case last = <-seen:
			default:
				return last
			}
		}
	}
}

// waysToConnect are the ways to log in, each of which must behave like the others.
var waysToConnect = map[string]func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error{
	"hook": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		_, err := connect(t, rdspgx.BeforeConnect(tokens, options...), config)
		return err
	},
	"hook, three times": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		for range 2 {
			if err := rdspgx.BeforeConnect(tokens, options...)(t.Context(), config); err != nil {
				return err
			}
		}
		_, err := connect(t, rdspgx.BeforeConnect(tokens, options...), config)
		return err
	},
	"hook on the configuration of a live connection": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		hook := rdspgx.BeforeConnect(tokens, options...)
		conn, err := connect(t, hook, config)
		if err != nil {
			return err
		}
		_, err = connect(t, hook, conn.Config())
		return err
	},
	"pgxpool": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		poolConfig, err := pgxpool.ParseConfig(config.ConnString())
		if err != nil {
			return err
		}
		poolConfig.ConnConfig = config
		poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens, options...)
		pool, err := pgxpool.NewWithConfig(t.Context(), poolConfig)
		if err != nil {
			return err
		}
		defer pool.Close()
		conn, err := pool.Acquire(t.Context())
		if err == nil {
			conn.Release()
		}
		return err
	},
	"stdlib": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(rdspgx.BeforeConnect(tokens, options...)))
		return connectAndClose(t, db)
	},
	"Driver": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		d, err := rdspgx.New(config, options...)
		if err != nil {
			return err
		}
		return connectAndClose(t, sql.OpenDB(rdsiam.NewConnector(d, tokens)))
	},
	"Driver with options": func(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
		d, err := rdspgx.New(config, options...)
		d = d.WithOptions(stdlib.OptionBeforeConnect(stdlib.RandomizeHostOrderFunc))
		if err != nil {
			return err
		}
		return connectAndClose(t, sql.OpenDB(rdsiam.NewConnector(d, tokens)))
	},
}

func connectAndClose(t *testing.T, db *sql.DB) error {
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err == nil {
		err = conn.Close()
	}
	return err
}

// pgx keeps client certificates of files by the address of the tls.Config.
func TestServerSeesTheClientCertificate(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, ".postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	mine := newClientCertificate(t, filepath.Join(folder, ".postgresql"))
	files := "?sslcert=" + mine.cert + "&sslkey=" + mine.key
	tests := []struct{ name, home, dsn string }{
		{"sslcert", "", dsn + files},
		{"sslcert, verify-full", "", dsn + files + "&sslmode=verify-full"},
		{"sslcert, allow", "", dsn + files + "&sslmode=allow"},
		{"sslcertmode=require", "", dsn + files + "&sslcertmode=require"},
		{"two hosts", "", bothHosts + files},
		{"two hosts, sslcertmode=require", "", bothHosts + files + "&sslcertmode=require"},
		{"~/.postgresql", folder, dsn},
		{"~/.postgresql, two hosts", folder, bothHosts},
	}
	for _, test := range tests {
		for way, connect := range waysToConnect {
			t.Run(test.name+"/"+way, func(t *testing.T) {
				if test.home != "" {
					t.Setenv("HOME", test.home)
				}
				server, seen := certificatesSeen(t, instance, other)
				config := parse(t, test.dsn)
				config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
				if err := connect(t, config, rdsToken, rdsiam.WithRootCAs(server.roots)); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(seen(), mine.der) {
					t.Error("the server did not see the client certificate")
				}
			})
		}
	}
}

func TestSSLCertModeDisableSendsNoCertificate(t *testing.T) {
	mine := newClientCertificate(t, t.TempDir())
	for way, connect := range waysToConnect {
		t.Run(way, func(t *testing.T) {
			server, seen := certificatesSeen(t, instance)
			config := parse(t, dsn+"?sslcertmode=disable&sslcert="+mine.cert+"&sslkey="+mine.key)
			config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
			if err := connect(t, config, rdsToken, rdsiam.WithRootCAs(server.roots)); err != nil {
				t.Error(err)
			}
			if seen() != nil {
				t.Error("the server saw a client certificate")
			}
		})
	}
}

// Connections that share what a shallow copy shares get the certificate, too, and change
// nothing of it.
func TestClientCertificateOfShallowCopies(t *testing.T) {
	mine := newClientCertificate(t, t.TempDir())
	server, seen := certificatesSeen(t, instance, other)
	shared := parse(t, bothHosts+"?sslcert="+mine.cert+"&sslkey="+mine.key)
	shared.DialFunc, shared.LookupFunc = server.DialContext, server.LookupHost
	before := *shared
	given := *shared.Fallbacks[0]
	hook := rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots))
	done := make(chan error)
	for range 8 {
		go func() {
			config := *shared
			if err := hook(context.Background(), &config); err != nil {
				done <- err
				return
			}
			conn, err := pgx.ConnectConfig(context.Background(), &config)
			if err == nil {
				err = conn.Close(context.Background())
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(seen(), mine.der) {
		t.Error("the server did not see the client certificate")
	}
	if shared.TLSConfig != before.TLSConfig || len(shared.Fallbacks) != 3 || *shared.Fallbacks[0] != given || shared.TLSConfig.RootCAs != nil || !shared.TLSConfig.InsecureSkipVerify {
		t.Error("the shared configuration changed")
	}
}
