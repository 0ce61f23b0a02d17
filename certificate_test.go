package rdsiam_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

func TestDescribeCertificateError(t *testing.T) {
	right, wrong := newAuthority(t, "right"), newAuthority(t, "wrong")
	roots := rdsiam.WithRootCAs(right.pool())
	refuse := func(state tls.ConnectionState) error {
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: right.pool()})
		return err
	}
	tests := []struct {
		name     string
		endpoint rdsiam.Endpoint
		base     *tls.Config
		server   tls.Certificate
		texts    []string
	}{
		{"embedded roots", mustResolve(t, instanceHost), nil, wrong.issue(instanceHost), []string{
			instanceHost + ":5432", "unknown authority", `expected the name "` + instanceHost + `"`, "embedded RDS roots of us-east-1 (bundle of 2026-09-21);", "WithRootCAs",
		}},
		{"embedded and system roots", mustResolve(t, clusterHost), nil, wrong.issue(clusterHost), []string{
			"embedded RDS roots of us-east-1 (bundle of 2026-09-21) and the roots of the system", "WithRootCAs",
		}},
		{"system roots", mustResolve(t, proxyHost), nil, wrong.issue(proxyHost), []string{
			"trusted: the roots of the system", "install the CA certificates", "SSL_CERT_FILE", "WithRootCAs",
		}},
		{"roots of the option", mustResolve(t, instanceHost, roots), &tls.Config{RootCAs: wrong.pool()}, wrong.issue(instanceHost), []string{
			"trusted: the roots given with WithRootCAs", "leave WithRootCAs out",
		}},
		{"roots of the caller", mustResolve(t, instanceHost), &tls.Config{RootCAs: right.pool()}, wrong.issue(instanceHost), []string{
			"RootCAs of the caller's tls.Config", "sslrootcert", "PGSSLROOTCERT", "~/.postgresql/root.crt", "RDS roots of us-east-1",
		}},
		{"callback of the caller", mustResolve(t, instanceHost, rdsiam.WithCallerVerification()), &tls.Config{InsecureSkipVerify: true, VerifyConnection: refuse}, wrong.issue(instanceHost), []string{
			"unknown authority", "trusted: what the caller's VerifyConnection accepts",
		}},
		{"another name", mustResolve(t, instanceHost, roots), nil, right.issue(clusterHost), []string{
			"valid for " + clusterHost + ", not " + instanceHost, "another server answers",
		}},
		{"another name behind a tunnel", mustResolve(t, "127.0.0.1:5433", roots, rdsiam.WithEndpoint(instanceHost)), nil, right.issue(clusterHost), []string{
			instanceHost + ":5432 (dialed as 127.0.0.1)", "make the tunnel or alias lead to " + instanceHost,
		}},
		{"another name behind an alias", mustResolve(t, "db.example.org", roots, rdsiam.WithRegion("us-east-1")), nil, right.issue(instanceHost), []string{
			`expected the name "db.example.org"`, "name the RDS endpoint behind this name with WithEndpoint",
		}},
		{"expired", mustResolve(t, instanceHost, roots), nil, right.issue(instanceHost, expired), []string{
			"expired", "clock of this machine", "new server certificate",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, cause := handshake(t, mustTLSConfig(t, tt.endpoint, tt.base), &tls.Config{Certificates: []tls.Certificate{tt.server}})
			if cause == nil {
				t.Fatal("the handshake succeeded")
			}
			// As drivers wrap it, several hosts joined.
			wrapped := fmt.Errorf("connect with secret settings: %w", errors.Join(errors.New("first host: timeout"), fmt.Errorf("second host: %w", cause)))
			err := tt.endpoint.DescribeCertificateError(wrapped, tt.base)
			var described *rdsiam.CertificateError
			if !errors.As(err, &described) || described.Endpoint != tt.endpoint {
				t.Fatalf("got %v", err)
			}
			for _, text := range tt.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not say %q", err, text)
				}
			}
			if !errors.Is(err, cause) {
				t.Error("the cause is lost")
			}
			if strings.Contains(err.Error(), "secret settings") {
				t.Errorf("error %q prints what the driver put around the cause", err)
			}
			if again := tt.endpoint.DescribeCertificateError(err, tt.base); again != err {
				t.Errorf("described twice: %v", again)
			}
		})
	}
}

func TestDescribeCertificateErrorLeavesOthersAlone(t *testing.T) {
	endpoint := mustResolve(t, instanceHost)
	if err := endpoint.DescribeCertificateError(nil, nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	for _, err := range []error{errors.New("connection refused"), tls.AlertError(42), tls.RecordHeaderError{Msg: "no TLS"}} {
		if got := endpoint.DescribeCertificateError(err, nil); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// Each way in which a certificate can fail is found without the wrapper of crypto/tls,
// as VerifyConnection callbacks return it.
func TestDescribeCertificateErrorKinds(t *testing.T) {
	endpoint := mustResolve(t, instanceHost)
	certificate := newAuthority(t, "ca").cert
	for _, cause := range []error{
		x509.HostnameError{Certificate: certificate, Host: instanceHost},
		x509.UnknownAuthorityError{Cert: certificate},
		x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired},
		x509.ConstraintViolationError{},
		x509.UnhandledCriticalExtension{},
		x509.SystemRootsError{},
		&tls.CertificateVerificationError{Err: errors.New("new kind of error")},
	} {
		err := endpoint.DescribeCertificateError(fmt.Errorf("driver: %w", cause), nil)
		if !errors.As(err, new(*rdsiam.CertificateError)) || !strings.Contains(err.Error(), cause.Error()) {
			t.Errorf("%T: got %v", cause, err)
		}
	}
}

// Who verifies alone needs no advice about our roots.
func TestDescribeCertificateErrorOfCallerVerification(t *testing.T) {
	endpoint := mustResolve(t, instanceHost, rdsiam.WithCallerVerification())
	base := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
	var described *rdsiam.CertificateError
	if err := endpoint.DescribeCertificateError(x509.UnknownAuthorityError{}, base); !errors.As(err, &described) || described.Fix != "" {
		t.Errorf("got %v", err)
	}
}

func TestCertificateErrorZeroValue(t *testing.T) {
	if text := new(rdsiam.CertificateError).Error(); !strings.HasPrefix(text, "rdsiam: ") {
		t.Errorf("got %q", text)
	}
}

// Where a proxy opens TLS, the credentials service fails first.
func TestCertificateOfTheCredentialsServiceIsNotTheDatabases(t *testing.T) {
	at := login(t)
	_, err := rdsiam.NewTokenSource(&provider{give: failing(x509.UnknownAuthorityError{})}).Token(t.Context(), at)
	if got := at.Endpoint.DescribeCertificateError(err, nil); got != err || !errors.As(got, new(x509.UnknownAuthorityError)) {
		t.Errorf("got %v", got)
	}
}

// certificateBases are configurations that differ in what is trusted.
func certificateBases(t *testing.T) []*tls.Config {
	t.Helper()
	return []*tls.Config{nil, {RootCAs: newAuthority(t, "ca").pool()}}
}
