package rdsiam_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam"
)

// embeddedRoots reads the embedded file in its own way: by the region in the name
// of each certificate, not by the sections.
func embeddedRoots(t testing.TB) map[string][]*x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("internal", "roots", "rds.pem"))
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^Amazon RDS (\S+) Root CA \S+ G1$`)
	roots := make(map[string][]*x509.Certificate)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		match := name.FindStringSubmatch(root.Subject.CommonName)
		if match == nil {
			t.Fatalf("root %q is of no region", root.Subject.CommonName)
		}
		roots[match[1]] = append(roots[match[1]], root)
	}
	return roots
}

func poolOf(pool *x509.CertPool, roots []*x509.Certificate) *x509.CertPool {
	for _, root := range roots {
		pool.AddCert(root)
	}
	return pool
}

func TestEmbeddedRoots(t *testing.T) {
	roots := embeddedRoots(t)
	if len(roots) != 34 {
		t.Errorf("got %d regions, want 34", len(roots))
	}
	// Time enough to release a version with newer roots and for users to take it.
	soon := time.Now().AddDate(0, 12, 0)
	for region, certificates := range roots {
		if len(certificates) != 3 {
			t.Errorf("%s: got %d roots, want 3 (RSA2048, RSA4096, ECC384)", region, len(certificates))
		}
		for _, root := range certificates {
			if root.NotAfter.Before(soon) {
				t.Errorf("%s: expires on %s, in less than 12 months: renew the bundle", root.Subject.CommonName, root.NotAfter)
			}
			if !root.IsCA || root.CheckSignatureFrom(root) != nil {
				t.Errorf("%s: no self-signed authority", root.Subject.CommonName)
			}
		}
		want := poolOf(x509.NewCertPool(), certificates)
		endpoint := mustResolve(t, "inst.xyz."+region+".rds.amazonaws.com")
		if got := mustTLSConfig(t, endpoint, nil).RootCAs; !got.Equal(want) {
			t.Errorf("%s: an instance does not get exactly the roots of its region", region)
		}
	}
}

func TestRootsByKind(t *testing.T) {
	region := embeddedRoots(t)["us-east-1"]
	rds := poolOf(x509.NewCertPool(), region)
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	both := poolOf(system, region)
	tests := []struct {
		host string
		kind rdsiam.EndpointKind
		want *x509.CertPool // nil: the system's
	}{
		{instanceHost, rdsiam.KindInstance, rds},
		{clusterHost, rdsiam.KindCluster, both},
		{"c.cluster-ro-xyz.us-east-1.rds.amazonaws.com", rdsiam.KindReader, both},
		{"c.shardgrp-xyz.us-east-1.rds.amazonaws.com", rdsiam.KindShardGroup, both},
		{"g.global-xyz.global.rds.amazonaws.com", rdsiam.KindGlobalWriter, both},
		{"db.example.org", rdsiam.KindOther, both},
		{proxyHost, rdsiam.KindProxy, nil},
		{"ep.endpoint.proxy-xyz.us-east-1.rds.amazonaws.com", rdsiam.KindProxyEndpoint, nil},
	}
	for _, tt := range tests {
		t.Run(tt.kind.String(), func(t *testing.T) {
			var options []rdsiam.EndpointOption
			if tt.kind == rdsiam.KindGlobalWriter || tt.kind == rdsiam.KindOther {
				options = append(options, rdsiam.WithRegion("us-east-1"))
			}
			endpoint := mustResolve(t, tt.host, options...)
			if endpoint.Kind() != tt.kind {
				t.Fatalf("got kind %s", endpoint.Kind())
			}
			got := mustTLSConfig(t, endpoint, nil).RootCAs
			if (got == nil) != (tt.want == nil) || got != nil && !got.Equal(tt.want) {
				t.Error("got other roots")
			}
		})
	}
}

// The roots of an endpoint behind a tunnel are those of the endpoint.
func TestRootsBehindTunnel(t *testing.T) {
	want := poolOf(x509.NewCertPool(), embeddedRoots(t)["us-east-1"])
	endpoint := mustResolve(t, "127.0.0.1:5433", rdsiam.WithEndpoint(instanceHost))
	if got := mustTLSConfig(t, endpoint, nil).RootCAs; !got.Equal(want) {
		t.Error("got other roots")
	}
}

// What a caller adds to a pool is trusted by nobody else.
func TestPoolsBelongToTheCaller(t *testing.T) {
	stranger := newAuthority(t, "stranger")
	for _, host := range []string{instanceHost, clusterHost} {
		endpoint := mustResolve(t, host)
		before := mustTLSConfig(t, endpoint, nil)
		mine := mustTLSConfig(t, endpoint, nil)
		mine.RootCAs.AddCert(stranger.cert)
		for _, others := range []*tls.Config{before, mustTLSConfig(t, endpoint, nil)} {
			if others.RootCAs.Equal(mine.RootCAs) {
				t.Errorf("%s: a certificate that one caller added is in the pool of another", host)
			}
			server := &tls.Config{Certificates: []tls.Certificate{stranger.issue(host)}}
			if _, err := handshake(t, others, server); err == nil {
				t.Errorf("%s: the server of a stranger was verified", host)
			}
		}
	}
}

func TestRootsConcurrently(t *testing.T) {
	endpoints := []rdsiam.Endpoint{
		mustResolve(t, "inst.xyz.eu-south-2.rds.amazonaws.com"),
		mustResolve(t, "c.cluster-xyz.eu-south-2.rds.amazonaws.com"),
		mustResolve(t, "inst.xyz.ca-west-1.rds.amazonaws.com"),
	}
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range 30 {
		group.Go(func() {
			<-start
			config, err := endpoints[i%len(endpoints)].TLSConfig(nil)
			if err != nil {
				t.Error(err)
				return
			}
			config.RootCAs.AppendCertsFromPEM(nil)
		})
	}
	close(start)
	group.Wait()
}

// Clusters and proxies may have certificates of public authorities, which only
// the system knows; instances never do. The system's roots are read once in a process,
// so the handshakes run in a process of their own.
func TestSystemRoots(t *testing.T) {
	const child = "RDSIAM_TEST_SYSTEM_ROOTS"
	if runtime.GOOS != "linux" {
		t.Skip("SSL_CERT_FILE replaces the system's roots on Linux only")
	}
	if os.Getenv(child) == "" {
		executable, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "system.pem")
		command := exec.CommandContext(t.Context(), executable, "-test.run=^TestSystemRoots$", "-test.v")
		command.Env = append(os.Environ(), child+"="+file, "SSL_CERT_FILE="+file, "SSL_CERT_DIR="+t.TempDir())
		output, err := command.CombinedOutput()
		if err != nil || !bytes.Contains(output, []byte("--- PASS: TestSystemRoots")) {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}

	public, private := newAuthority(t, "public"), newAuthority(t, "private")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public.cert.Raw})
	if err := os.WriteFile(os.Getenv(child), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for host, trusted := range map[string]bool{clusterHost: true, proxyHost: true, instanceHost: false} {
		endpoint := mustResolve(t, host)
		server := &tls.Config{Certificates: []tls.Certificate{public.issue(host)}}
		if _, err := handshake(t, mustTLSConfig(t, endpoint, nil), server); (err == nil) != trusted {
			t.Errorf("%s with a public certificate: %v", host, err)
		}
		server = &tls.Config{Certificates: []tls.Certificate{private.issue(host)}}
		if _, err := handshake(t, mustTLSConfig(t, endpoint, nil), server); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("%s with a private certificate: %v", host, err)
		}
		base := &tls.Config{RootCAs: private.pool()}
		server = &tls.Config{Certificates: []tls.Certificate{public.issue(host)}}
		if _, err := handshake(t, mustTLSConfig(t, endpoint, base), server); err == nil {
			t.Errorf("%s: the system's roots are trusted beside the caller's", host)
		}
	}
}

func BenchmarkTLSConfig(b *testing.B) {
	for _, host := range []string{instanceHost, clusterHost, proxyHost} {
		endpoint := mustResolve(b, host)
		b.Run(endpoint.Kind().String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustTLSConfig(b, endpoint, nil)
			}
		})
	}
}
