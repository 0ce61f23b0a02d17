package rdspgx_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// home puts a file into the home directory for the time of the test.
func home(t *testing.T, name string, content []byte) {
	t.Helper()
	path := writeFile(t, name, content)
	t.Setenv("HOME", path[:len(path)-len(name)-1])
}

func TestRootsOfTheEnvironmentAreUsed(t *testing.T) {
	server := start(t)
	for _, given := range []string{"PGSSLROOTCERT", "~/.postgresql/root.crt"} {
		t.Run(given, func(t *testing.T) {
			if given == "PGSSLROOTCERT" {
				t.Setenv("PGSSLROOTCERT", writeFile(t, "root.crt", server.CertificatePEM()))
			} else {
				home(t, ".postgresql/root.crt", server.CertificatePEM())
			}
			if err := open(t, newDriver(t, configFor(t, server, "")), tokensOf(server)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCertificateErrorNamesTheRoots(t *testing.T) {
	server := start(t)
	stranger := start(t)
	const givenRoots = "the RootCAs of the caller's tls.Config (a PostgreSQL driver fills it from sslrootcert, PGSSLROOTCERT or ~/.postgresql/root.crt)"
	tests := []struct {
		name    string
		prepare func(t *testing.T)
		options []rdsiam.EndpointOption
		roots   string
	}{
		{"PGSSLROOTCERT", func(t *testing.T) { t.Setenv("PGSSLROOTCERT", writeFile(t, "root.crt", stranger.CertificatePEM())) }, nil, givenRoots},
		{"~/.postgresql/root.crt", func(t *testing.T) { home(t, ".postgresql/root.crt", stranger.CertificatePEM()) }, nil, givenRoots},
		{"WithRootCAs", func(*testing.T) {}, []rdsiam.EndpointOption{rdsiam.WithRootCAs(stranger.RootCAs())}, "the roots given with WithRootCAs"},
		{"embedded", func(*testing.T) {}, nil, "the embedded RDS roots of us-east-1 (bundle of 2026-09-21)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.prepare(t)
			err := open(t, newDriver(t, configFor(t, server, ""), test.options...), tokensOf(server))
			wantCertificateError(t, err, test.roots)
		})
	}
	if all := len(server.Logins()); all != 0 {
		t.Errorf("the server heard of %d logins", all)
	}
}

func wantCertificateError(t *testing.T, err error, roots string) {
	t.Helper()
	var certificate *rdsiam.CertificateError
	if !errors.As(err, &certificate) {
		t.Fatalf("got %T %v, want a *rdsiam.CertificateError", err, err)
	}
	if certificate.Roots != roots {
		t.Errorf("roots: got  %s\nwant %s", certificate.Roots, roots)
	}
	wantContains(t, err, `expected the name "`, "trusted: "+roots)
}

// The roots are those that the hook was first given, not those that it has set.
func TestCertificateErrorNamesTheRootsAfterManyHooks(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	for range 3 {
		prepared(t, config)
	}
	wantCertificateError(t, open(t, newDriver(t, config), tokensOf(server)), "the embedded RDS roots of us-east-1 (bundle of 2026-09-21)")
}

func TestCertificateErrorOfOneOfSeveralHosts(t *testing.T) {
	server := start(t, rdsiamtest.WithEndpoint(other))
	config := configFor(t, server, "postgres://app@"+instance+","+other+"/postgres")
	err := open(t, newDriver(t, config), tokensOf(server))
	wantCertificateError(t, err, "the embedded RDS roots of us-east-1 (bundle of 2026-09-21)")
	wantContains(t, err, instance, other, "the embedded RDS roots of eu-west-1 (bundle of 2026-09-21)")
}

func TestCertificatesThatDoNotVerify(t *testing.T) {
	tests := []struct {
		name string
		mode rdsiamtest.TLSMode
		want string
	}{
		{"wrong name", rdsiamtest.WrongName, "check where the name resolves to from here: another server answers"},
		{"expired", rdsiamtest.ExpiredCertificate, "check the clock of this machine"},
		{"unknown authority", rdsiamtest.UnknownAuthority, "put the RDS roots of us-east-1 into the pool"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, rdsiamtest.WithTLSMode(test.mode))
			err := open(t, newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server))
			wantCertificateError(t, err, "the roots given with WithRootCAs")
			wantContains(t, err, test.want)
			if _, all := accepted(server); all != 0 {
				t.Errorf("the server heard of %d logins", all)
			}
		})
	}
}
