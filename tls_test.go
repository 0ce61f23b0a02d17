package rdsiam_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam"
)

const (
	instanceHost = "inst.xyz.us-east-1.rds.amazonaws.com"
	clusterHost  = "c.cluster-xyz.us-east-1.rds.amazonaws.com"
	proxyHost    = "p.proxy-xyz.us-east-1.rds.amazonaws.com"
)

// authority is a certificate authority for one test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(1),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	return authority{t: t, cert: sign(t, template, template, key, key), key: key}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a certificate for a host name or an IP address.
func (a authority) issue(name string, changes ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(2),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	for _, change := range changes {
		change(template)
	}
	key := newKey(a.t)
	cert := sign(a.t, template, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// bufferedConn takes all that the server has written in one read. Without it a
// client that sends an alert in the middle of the server's messages and a server
// that goes on writing wait for each other, because net.Pipe has no buffer.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// handshake lets a client with config meet a server, and returns the client's
// error and what the server saw.
func handshake(t testing.TB, config *tls.Config, server *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	clientSide, serverSide := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	for _, conn := range []net.Conn{clientSide, serverSide} {
		if err := conn.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(chan tls.ConnectionState)
	go func() {
		conn := tls.Server(serverSide, server)
		_ = conn.Handshake()
		state := conn.ConnectionState()
		_ = serverSide.Close()
		seen <- state
	}()
	client := tls.Client(bufferedConn{clientSide, bufio.NewReaderSize(clientSide, 1<<16)}, config)
	err := client.Handshake()
	if err == nil && server.ClientAuth != tls.NoClientCert {
		// In TLS 1.3 the server judges the client after the client is done.
		_, err = client.Read(make([]byte, 1))
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	_ = clientSide.Close()
	return <-seen, err
}

func mustTLSConfig(t testing.TB, e rdsiam.Endpoint, base *tls.Config) *tls.Config {
	t.Helper()
	config, err := e.TLSConfig(base)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestTLSConfigHandshake(t *testing.T) {
	right, wrong := newAuthority(t, "right"), newAuthority(t, "wrong")
	roots := rdsiam.WithRootCAs(right.pool())
	accept := func(tls.ConnectionState) error { return nil }
	refuse := func(tls.ConnectionState) error { return errors.New("refused by the caller") }
	direct := func(options ...rdsiam.EndpointOption) rdsiam.Endpoint {
		return mustResolve(t, instanceHost, options...)
	}
	tunnel := mustResolve(t, "127.0.0.1:5433", roots, rdsiam.WithEndpoint(instanceHost))

	tests := []struct {
		name     string
		endpoint rdsiam.Endpoint
		base     *tls.Config
		server   tls.Certificate
		want     string // in the error; "": the handshake succeeds
	}{
		{"verified", direct(roots), nil, right.issue(instanceHost), ""},
		{"another name", direct(roots), nil, right.issue(clusterHost), "not " + instanceHost},
		{"another authority", direct(roots), nil, wrong.issue(instanceHost), "unknown authority"},
		{"embedded roots only", direct(), nil, right.issue(instanceHost), "unknown authority"},
		{"expired", direct(roots), nil, right.issue(instanceHost, expired), "expired"},

		{"InsecureSkipVerify is raised", direct(roots), &tls.Config{InsecureSkipVerify: true}, wrong.issue(instanceHost), "unknown authority"},
		{"InsecureSkipVerify is raised for names", direct(roots), &tls.Config{InsecureSkipVerify: true}, right.issue(clusterHost), "not " + instanceHost},
		{"InsecureSkipVerify with callback is raised", direct(roots), &tls.Config{InsecureSkipVerify: true, VerifyConnection: accept}, wrong.issue(instanceHost), "unknown authority"},
		{"caller verifies", direct(roots, rdsiam.WithCallerVerification()), &tls.Config{InsecureSkipVerify: true, VerifyConnection: accept}, wrong.issue(instanceHost), ""},
		{"caller verifies and refuses", direct(roots, rdsiam.WithCallerVerification()), &tls.Config{InsecureSkipVerify: true, VerifyConnection: refuse}, right.issue(instanceHost), "refused by the caller"},
		{"the option alone changes nothing", direct(roots, rdsiam.WithCallerVerification()), &tls.Config{VerifyConnection: accept}, wrong.issue(instanceHost), "unknown authority"},
		{"VerifyConnection is kept", direct(roots), &tls.Config{VerifyConnection: refuse}, right.issue(instanceHost), "refused by the caller"},
		{"VerifyPeerCertificate is kept", direct(roots), &tls.Config{VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return errors.New("refused by the caller") }}, right.issue(instanceHost), "refused by the caller"},

		{"caller's roots", direct(), &tls.Config{RootCAs: right.pool()}, right.issue(instanceHost), ""},
		{"caller's roots replace the embedded", direct(), &tls.Config{RootCAs: wrong.pool()}, right.issue(instanceHost), "unknown authority"},
		{"the option wins over the caller's roots", direct(roots), &tls.Config{RootCAs: wrong.pool()}, right.issue(instanceHost), ""},
		{"the option wins against the caller's roots", direct(roots), &tls.Config{RootCAs: wrong.pool()}, wrong.issue(instanceHost), "unknown authority"},
		{"caller's roots for a proxy", mustResolve(t, proxyHost), &tls.Config{RootCAs: right.pool()}, right.issue(proxyHost), ""},
		{"caller's roots where none are embedded", mustResolve(t, "inst.xyz.us-gov-west-1.rds.amazonaws.com"), &tls.Config{RootCAs: right.pool()}, right.issue("inst.xyz.us-gov-west-1.rds.amazonaws.com"), ""},

		{"a tunnel leads to the endpoint", tunnel, &tls.Config{ServerName: "127.0.0.1"}, right.issue(instanceHost), ""},
		{"a tunnel leads elsewhere", tunnel, &tls.Config{ServerName: "127.0.0.1"}, right.issue("127.0.0.1"), "not valid for any names, but wanted to match " + instanceHost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := mustTLSConfig(t, tt.endpoint, tt.base)
			state, err := handshake(t, config, &tls.Config{Certificates: []tls.Certificate{tt.server}})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want success", err)
			case tt.want == "" && state.ServerName != tt.endpoint.Host():
				t.Errorf("the server was asked for %q, want %q", state.ServerName, tt.endpoint.Host())
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTLSConfigRefusesOldVersions(t *testing.T) {
	ca := newAuthority(t, "ca")
	endpoint := mustResolve(t, instanceHost, rdsiam.WithRootCAs(ca.pool()))
	old := &tls.Config{Certificates: []tls.Certificate{ca.issue(instanceHost)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if _, err := handshake(t, mustTLSConfig(t, endpoint, &tls.Config{MinVersion: tls.VersionTLS10}), old); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	if got := mustTLSConfig(t, endpoint, &tls.Config{MinVersion: tls.VersionTLS13}).MinVersion; got != tls.VersionTLS13 {
		t.Errorf("MinVersion 1.3 became %s", tls.VersionName(got))
	}
}

func TestTLSConfigKeepsClientCertificates(t *testing.T) {
	ca := newAuthority(t, "ca")
	endpoint := mustResolve(t, instanceHost, rdsiam.WithRootCAs(ca.pool()))
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue(instanceHost)}, ClientCAs: ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert}

	config := mustTLSConfig(t, endpoint, &tls.Config{Certificates: []tls.Certificate{ca.issue("client")}})
	state, err := handshake(t, config, server)
	if err != nil || len(state.PeerCertificates) != 1 {
		t.Errorf("with a client certificate: %v, the server saw %d", err, len(state.PeerCertificates))
	}
	if _, err := handshake(t, mustTLSConfig(t, endpoint, nil), server); err == nil {
		t.Error("without one: accepted, so the test proves nothing")
	}
}

func TestTLSConfigCopiesBase(t *testing.T) {
	cache := tls.NewLRUClientSessionCache(1)
	base := &tls.Config{
		ServerName: "127.0.0.1", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10,
		NextProtos: []string{"postgresql"}, ClientSessionCache: cache, CurvePreferences: []tls.CurveID{tls.CurveP256},
	}
	endpoint := mustResolve(t, "127.0.0.1", rdsiam.WithEndpoint(instanceHost))
	config := mustTLSConfig(t, endpoint, base)
	if config == base {
		t.Fatal("base itself was returned")
	}
	if base.ServerName != "127.0.0.1" || !base.InsecureSkipVerify || base.MinVersion != tls.VersionTLS10 || base.RootCAs != nil {
		t.Errorf("base was changed: %q, %v, %x, %v", base.ServerName, base.InsecureSkipVerify, base.MinVersion, base.RootCAs)
	}
	if len(config.NextProtos) != 1 || config.NextProtos[0] != "postgresql" || config.ClientSessionCache != cache || len(config.CurvePreferences) != 1 {
		t.Error("NextProtos, ClientSessionCache or CurvePreferences are lost")
	}
	if config.ServerName != instanceHost || config.InsecureSkipVerify || config.MinVersion != tls.VersionTLS12 || config.RootCAs == nil {
		t.Errorf("got %q, %v, %x, %v", config.ServerName, config.InsecureSkipVerify, config.MinVersion, config.RootCAs)
	}
	again := mustTLSConfig(t, endpoint, config)
	if again.ServerName != config.ServerName || !again.RootCAs.Equal(config.RootCAs) {
		t.Error("the result of TLSConfig is changed when it is the base")
	}
}

func TestTLSConfigServerName(t *testing.T) {
	direct := mustResolve(t, instanceHost)
	tunnel := mustResolve(t, "[2001:DB8::1]:5433", rdsiam.WithEndpoint(instanceHost))
	alias := mustResolve(t, "DB.example.org", rdsiam.WithEndpoint(instanceHost))
	tests := []struct {
		name       string
		endpoint   rdsiam.Endpoint
		serverName string
		ok         bool
	}{
		{"unset", direct, "", true},
		{"the host", direct, instanceHost, true},
		{"the host in upper case with a dot", direct, strings.ToUpper(instanceHost) + ".", true},
		{"another host", direct, clusterHost, false},
		{"a suffix", direct, "xyz.us-east-1.rds.amazonaws.com", false},
		{"the address of a tunnel", tunnel, "2001:db8::1", true},
		{"the address in another form", tunnel, "2001:0db8:0::1", true},
		{"the endpoint behind a tunnel", tunnel, instanceHost, true},
		{"another address", tunnel, "2001:db8::2", false},
		{"the alias", alias, "db.EXAMPLE.org", true},
		{"another alias", alias, "db.example.com", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config, err := tt.endpoint.TLSConfig(&tls.Config{ServerName: tt.serverName})
			if tt.ok {
				if err != nil || config.ServerName != instanceHost {
					t.Errorf("got %v, %v", config, err)
				}
				return
			}
			wantConfigError(t, config, err, "tls.Config.ServerName", tt.serverName, instanceHost, "WithEndpoint")
		})
	}
}

func TestTLSConfigErrors(t *testing.T) {
	callerVerifies := mustResolve(t, instanceHost, rdsiam.WithCallerVerification())
	tests := []struct {
		name     string
		endpoint rdsiam.Endpoint
		base     *tls.Config
		setting  string
		texts    []string
	}{
		{"zero endpoint", rdsiam.Endpoint{}, nil, "Endpoint", []string{"ResolveEndpoint"}},
		{"nobody verifies", callerVerifies, &tls.Config{InsecureSkipVerify: true}, "WithCallerVerification", []string{"VerifyConnection", "InsecureSkipVerify"}},
		{"VerifyPeerCertificate alone", callerVerifies, &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return nil }}, "WithCallerVerification", []string{"VerifyConnection"}},
		{"TLS 1.1 at most", mustResolve(t, instanceHost), &tls.Config{MaxVersion: tls.VersionTLS11}, "tls.Config.MaxVersion", []string{"TLS 1.1", "1.2"}},
		{"GovCloud", mustResolve(t, "inst.xyz.us-gov-west-1.rds.amazonaws.com"), nil, "endpoint", []string{"us-gov-west-1", "2026-09-21", "WithRootCAs", "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"}},
		{"China", mustResolve(t, "c.cluster-xyz.rds.cn-north-1.amazonaws.com.cn"), nil, "endpoint", []string{"cn-north-1", "2026-09-21", "WithRootCAs", "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem"}},
		{"new region", mustResolve(t, "inst.xyz.zz-middle-3.rds.amazonaws.com"), nil, "endpoint", []string{"zz-middle-3", "2026-09-21", "WithRootCAs", "https://truststore.pki.rds.amazonaws.com/zz-middle-3/zz-middle-3-bundle.pem"}},
		{"sovereign cloud", mustResolve(t, "inst.xyz.eusc-de-east-1.rds.amazonaws.eu"), nil, "endpoint", []string{"eusc-de-east-1", "WithRootCAs"}},
		{"alias in a new region", mustResolve(t, "db.example.org", rdsiam.WithRegion("zz-middle-3")), nil, "endpoint", []string{"db.example.org:5432", "zz-middle-3"}},
		{"a region's prefix is no region", mustResolve(t, "inst.xyz.us-east-10.rds.amazonaws.com"), nil, "endpoint", []string{"us-east-10"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config, err := tt.endpoint.TLSConfig(tt.base)
			wantConfigError(t, config, err, tt.setting, tt.texts...)
		})
	}
}

// A caller that verifies alone needs no roots from us.
func TestTLSConfigCallerVerificationNeedsNoRoots(t *testing.T) {
	endpoint := mustResolve(t, "inst.xyz.us-gov-west-1.rds.amazonaws.com", rdsiam.WithCallerVerification())
	base := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
	if config := mustTLSConfig(t, endpoint, base); !config.InsecureSkipVerify || config.VerifyConnection == nil || config.ServerName != endpoint.Host() {
		t.Error("the caller's verification was changed")
	}
}

func wantConfigError(t *testing.T, config *tls.Config, err error, setting string, texts ...string) {
	t.Helper()
	var problem *rdsiam.ConfigError
	if config != nil || !errors.As(err, &problem) {
		t.Fatalf("got %v, %v; want a ConfigError", config, err)
	}
	if problem.Setting != setting {
		t.Errorf("got setting %q, want %q", problem.Setting, setting)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

// SecureTLS is the rule of TLSConfig without the copy.
func TestSecureTLSWorksInPlace(t *testing.T) {
	endpoint := mustResolve(t, "127.0.0.1:5433", rdsiam.WithEndpoint(instanceHost))
	base := func() *tls.Config {
		return &tls.Config{ServerName: "127.0.0.1", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"postgresql"}}
	}
	want, got := mustTLSConfig(t, endpoint, base()), base()
	if err := endpoint.SecureTLS(got); err != nil {
		t.Fatal(err)
	}
	if got.ServerName != want.ServerName || got.InsecureSkipVerify || got.MinVersion != want.MinVersion || !got.RootCAs.Equal(want.RootCAs) || len(got.NextProtos) != 1 {
		t.Errorf("got %q, %v, %x", got.ServerName, got.InsecureSkipVerify, got.MinVersion)
	}
	wantConfigError(t, nil, endpoint.SecureTLS(nil), "tls.Config", "is nil")
	wantConfigError(t, nil, endpoint.SecureTLS(&tls.Config{ServerName: clusterHost}), "tls.Config.ServerName", clusterHost)
	wantConfigError(t, nil, rdsiam.Endpoint{}.SecureTLS(new(tls.Config)), "Endpoint", "ResolveEndpoint")
}
