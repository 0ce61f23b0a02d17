package client

import (
	"errors"
	"os"
	"strings"

	"github.com/rdsiam/rdsiam"
)

// systemRoots are the files in which systems keep the certificate authorities that they
// trust. SSL_CERT_FILE goes before them, as in Go itself.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, Amazon Linux
	"/etc/pki/tls/certs/ca-bundle.crt",                  // RHEL
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/ssl/cert.pem",                                 // Alpine, macOS
}

// ErrNoSystemRoots means that the authorities of the system are needed and not to be found.
var ErrNoSystemRoots = errors.New("found no file with the certificate authorities of the system, which the endpoint needs; set SSL_CERT_FILE or name one with --root-cas")

// RootsPEM returns the certificate authorities that a client of the endpoint must trust.
func RootsPEM(endpoint rdsiam.Endpoint) (string, error) {
	text, system, err := endpoint.RootsPEM()
	if err != nil || !system {
		return text, err
	}
	ofSystem, err := readSystemRoots()
	if err != nil && text == "" {
		return "", err
	}
	// Without those of the system, the roots of RDS still verify nearly every cluster.
	return text + ofSystem, nil
}

func readSystemRoots() (string, error) {
	names := systemRoots
	if name := os.Getenv("SSL_CERT_FILE"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "BEGIN CERTIFICATE") {
			return string(text), nil
		}
	}
	return "", ErrNoSystemRoots
}
