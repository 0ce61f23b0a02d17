package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
)

// issue makes a certificate for host, and the authority that issued it, in PEM.
func issue(t *testing.T, authority, host string, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustDo(t, err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: authority}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	mustDo(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: root.NotBefore, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), key)
	mustDo(t, err)
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
}

// showing dials a PostgreSQL server that shows a certificate and says no more.
func showing(t *testing.T, certificate tls.Certificate) func(context.Context, string) (net.Conn, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	mustDo(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { show(conn, certificate) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	}
}

func show(conn net.Conn, certificate tls.Certificate) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // the SSLRequest
		return
	}
	if _, err := conn.Write([]byte{'S'}); err == nil {
		tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
	}
}

// Who issued a certificate, and until when, decides what is to be done about it.
func TestCertificates(t *testing.T) {
	const renewal = "aws rds modify-db-instance --region eu-west-1 --db-instance-identifier orders --ca-certificate-identifier rds-ca-rsa2048-g1"
	year, week := time.Now().AddDate(1, 0, 0), time.Now().AddDate(0, 0, 7)
	tests := []struct {
		name, authority, host string
		until                 time.Time
		trusted               bool
		status                doctor.Status
		found, fix, command   string
	}{
		{"ends soon", "Amazon RDS eu-west-1 Root CA RSA2048 G1", ordersHost, week, true, doctor.Warning,
			"certificate until " + week.Format(time.DateOnly), "the certificate ends soon", renewal},
		{"instance for a proxy", "Amazon RDS eu-west-1 Root CA RSA2048 G1", proxyHost, year, false, doctor.Failed,
			`shown is one by "Amazon RDS eu-west-1 Root CA RSA2048 G1"`, "that is an instance or cluster, and no proxy",
			"aws rds describe-db-instances --region eu-west-1 --query 'DBInstances[].Endpoint'"},
		{"proxy for an instance", "Amazon RSA 2048 M01", ordersHost, year, false, doctor.Failed,
			`shown is one by "Amazon RSA 2048 M01"`, "that is a public certificate, as RDS Proxy has",
			"aws rds describe-db-proxies --region eu-west-1 --query 'DBProxies[].Endpoint'"},
		{"on the way", "Example Firewall", ordersHost, year, false, doctor.Failed,
			`shown is one by "Example Firewall"`, "something opens TLS on the way",
			"openssl s_client -connect " + ordersHost + ":5432 -starttls postgres -showcerts </dev/null"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			certificate, authority := issue(t, test.authority, test.host, test.until)
			s := newStage(t, doctor.PostgreSQL)
			s.Endpoint, s.RootCAs, s.network.dial = test.host, nil, showing(t, certificate)
			if test.trusted {
				s.RootCAs = authority
			}
			got := result(t, s.examine(t), "tls")
			if got.Status != test.status || !strings.Contains(got.Found, test.found) {
				t.Errorf("tls is %s: %s; want %s: %s", got.Status, got.Found, test.status, test.found)
			}
			if !strings.Contains(got.Fix, test.fix) || got.Command != test.command {
				t.Errorf("fix %q, command %q; want %q, %q", got.Fix, got.Command, test.fix, test.command)
			}
		})
	}
}
