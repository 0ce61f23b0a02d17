package rdsmysql_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// What the server sees of each TLS setting that the README names.
func TestTLSAsTheServerSeesIt(t *testing.T) {
	client, _ := issue(t, "client.example.com")
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	stranger := x509.NewCertPool()
	ours := rdsiam.WithRootCAs(f.roots)
	if err := mysql.RegisterTLSConfig("rows", &tls.Config{Certificates: []tls.Certificate{client}}); err != nil {
		t.Fatal(err)
	}
	defer mysql.DeregisterTLSConfig("rows")
	verified := false
	tests := []struct {
		name       string
		change     func(*mysql.Config)
		options    []rdsiam.EndpointOption
		in         bool // the server sees a login
		clientCert bool
	}{
		{name: "no tls", options: []rdsiam.EndpointOption{ours}, in: true},
		{name: "tls=true", change: func(c *mysql.Config) { c.TLSConfig = "true" }, options: []rdsiam.EndpointOption{ours}, in: true},
		{name: "registered", change: func(c *mysql.Config) { c.TLSConfig = "rows" }, options: []rdsiam.EndpointOption{ours}, in: true, clientCert: true},
		{name: "client certificate", change: func(c *mysql.Config) { c.TLS = &tls.Config{Certificates: []tls.Certificate{client}} }, options: []rdsiam.EndpointOption{ours}, in: true, clientCert: true},
		{name: "GetClientCertificate", change: func(c *mysql.Config) {
			c.TLS = &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil }}
		}, options: []rdsiam.EndpointOption{ours}, in: true, clientCert: true},
		{name: "own roots", change: func(c *mysql.Config) { c.TLS = &tls.Config{RootCAs: f.roots} }, in: true},
		{name: "own roots without the server's", change: func(c *mysql.Config) { c.TLS = &tls.Config{RootCAs: stranger} }},
		{name: "roots filled in", change: func(c *mysql.Config) { c.TLS = &tls.Config{} }},
		{name: "VerifyConnection", change: func(c *mysql.Config) {
			c.TLS = &tls.Config{VerifyConnection: func(tls.ConnectionState) error { verified = true; return nil }}
		}, options: []rdsiam.EndpointOption{ours}, in: true},
		{name: "InsecureSkipVerify is raised", change: func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }},
		{name: "ServerName of the endpoint", change: func(c *mysql.Config) { c.TLS = &tls.Config{ServerName: testHost} }, options: []rdsiam.EndpointOption{ours}, in: true},
		{name: "ServerName of another", change: func(c *mysql.Config) { c.TLS = &tls.Config{ServerName: "other.example.com"} }, options: []rdsiam.EndpointOption{ours}},
		{name: "false", change: func(c *mysql.Config) { c.TLSConfig = "false" }, options: []rdsiam.EndpointOption{ours}},
		{name: "preferred", change: func(c *mysql.Config) { c.TLSConfig = "preferred" }, options: []rdsiam.EndpointOption{ours}},
		{name: "skip-verify", change: func(c *mysql.Config) { c.TLSConfig = "skip-verify" }, options: []rdsiam.EndpointOption{ours}},
		{name: "fallback", change: func(c *mysql.Config) { c.AllowFallbackToPlaintext = true }, options: []rdsiam.EndpointOption{ours}},
		{name: "unix", change: func(c *mysql.Config) { c.Net = "unix" }, options: []rdsiam.EndpointOption{ours}},
	}
	for _, test := range tests {
		config := testConfig(func(c *mysql.Config) { c.DialFunc, c.Logger = f.dial, &mysql.NopLogger{} })
		if test.change != nil {
			test.change(config)
		}
		check := func(t *testing.T, before int32, err error) {
			t.Helper()
			if in := f.logIns.Load() > before; in != test.in || (err == nil) != test.in {
				t.Fatalf("the server saw a login: %v, want %v; the client got %v", in, test.in, err)
			}
			if seen := f.seen.Load(); test.in && (seen.ServerName != testHost || seen.Version < tls.VersionTLS12 || (len(seen.PeerCertificates) > 0) != test.clientCert) {
				t.Errorf("the server saw the name %q, TLS %x, %d client certificates", seen.ServerName, seen.Version, len(seen.PeerCertificates))
			}
		}
		t.Run(test.name+"/Driver", func(t *testing.T) {
			before := f.logIns.Load()
			d, err := rdsmysql.New(config, test.options...)
			if err == nil {
				conn, openErr := d.Open(t.Context(), &countingSource{})
				if err = openErr; err == nil {
					conn.Close()
				}
			}
			check(t, before, err)
		})
		t.Run(test.name+"/hook", func(t *testing.T) {
			before := f.logIns.Load()
			conn, err := hookedWay(t, config, test.options...)(t.Context())
			if err == nil {
				conn.Close()
			}
			check(t, before, err)
		})
	}
	if !verified {
		t.Error("VerifyConnection was not called")
	}
	f.wire.refuseSecrets(t)
}
