package admin_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/admin"
)

// certificate is a certificate for host that is its own authority, in files too.
type certificate struct {
	tls.Certificate
	certFile, keyFile string
}

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{host},
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	c := certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		filepath.Join(folder, "client.crt"), filepath.Join(folder, "client.key")}
	for name, block := range map[string]*pem.Block{
		c.certFile: {Type: "CERTIFICATE", Bytes: der}, c.keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// serve is a PostgreSQL that ends after TLS. It sends what it saw of the client.
func serve(conn net.Conn, c certificate, seen chan<- tls.ConnectionState) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // SSLRequest
		return
	}
	if _, err := conn.Write([]byte("S")); err != nil {
		return
	}
	encrypted := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{c.Certificate}, ClientAuth: tls.RequestClientCert})
	if encrypted.Handshake() != nil {
		return
	}
	seen <- encrypted.ConnectionState()
}

// pgx knows client certificates by the address of a tls.Config, so that one in its place
// sends none.
func TestPostgreSQLSendsClientCertificates(t *testing.T) {
	mine := newCertificate(t)
	roots := x509.NewCertPool()
	roots.AddCert(mine.Leaf)
	for _, mode := range []string{"prefer", "require", "verify-ca", "verify-full"} {
		t.Run(mode, func(t *testing.T) {
			config, err := admin.ConfigPostgreSQL("postgres://master:secret@"+host+":5432/db?sslmode="+mode+
				"&sslcert="+mine.certFile+"&sslkey="+mine.keyFile, []rdsiam.EndpointOption{rdsiam.WithRootCAs(roots)})
			if err != nil {
				t.Fatal(err)
			}
			seen := make(chan tls.ConnectionState, 1)
			config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"10.0.0.1"}, nil }
			config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go serve(server, mine, seen)
				return client, nil
			}
			db := stdlib.OpenDB(*config)
			defer db.Close()
			pinged := db.PingContext(t.Context())
			select {
			case state := <-seen:
				if state.ServerName != host || len(state.PeerCertificates) != 1 || !state.PeerCertificates[0].Equal(mine.Leaf) {
					t.Errorf("the server saw the name %q and %d client certificates", state.ServerName, len(state.PeerCertificates))
				}
			default:
				t.Errorf("the server saw no client: %v", pinged)
			}
		})
	}
}

// An address that cannot be read is not a socket of this machine, and must not go on
// without verification.
func TestMySQLRefusesUnreadableAddress(t *testing.T) {
	for _, address := range []string{host, "[" + host, host + ":3306:1", host + ":port"} {
		config := parseMySQL(t, "master:secret@tcp("+host+":3306)/db")
		config.Addr = address
		if err := admin.Verify(config, nil); err == nil {
			t.Errorf("%s goes on with the TLS configuration %v", address, config.TLS)
		}
	}
	if config := parseMySQL(t, "master:secret@tcp4("+host+":3306)/db"); admin.Verify(config, nil) != nil || config.TLS == nil {
		t.Error("tcp4 goes on unverified")
	}
	config := parseMySQL(t, "master:secret@unix(/run/mysqld.sock)/db")
	if err := admin.Verify(config, nil); err != nil || config.TLS != nil {
		t.Errorf("a socket of this machine: %v", err)
	}
}
