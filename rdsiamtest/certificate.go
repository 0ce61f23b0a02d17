package rdsiamtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
)

// certificateTable issues what the endpoints show.
type certificateTable struct {
	mu        sync.Mutex
	authority *CertificateAuthority               // guarded by mu; the one in RootCAs
	unknown   *CertificateAuthority               // guarded by mu; that of UnknownAuthority, nil until it is needed
	issued    map[certificateKey]*tls.Certificate // guarded by mu
}

type certificateKey struct {
	host string
	mode TLSMode
}

// of returns the certificate of a host, or the one that the mode wants in its place.
func (t *certificateTable) of(host string, mode TLSMode) (*tls.Certificate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := certificateKey{host, mode}
	if certificate, ok := t.issued[key]; ok {
		return certificate, nil
	}
	certificate, err := t.issue(key)
	if err != nil {
		return nil, err
	}
	t.issued[key] = certificate
	return certificate, nil
}

// issue is called with the table locked.
func (t *certificateTable) issue(key certificateKey) (*tls.Certificate, error) {
	authority, name, until := t.authority, key.host, validUntil
	switch key.mode {
	case UnknownAuthority:
		if t.unknown == nil {
			var err error
			if t.unknown, err = NewCertificateAuthority(); err != nil {
				return nil, err
			}
		}
		authority = t.unknown
	case ExpiredCertificate:
		until = validFrom.AddDate(0, 0, 1)
	case WrongName:
		name = "another-name.invalid"
	}
	return authority.issue(name, until)
}

// setAuthority replaces the authority and forgets what it has issued.
func (t *certificateTable) setAuthority(authority *CertificateAuthority) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.authority, t.issued = authority, make(map[certificateKey]*tls.Certificate)
}

func (t *certificateTable) currentAuthority() *CertificateAuthority {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.authority
}

// SetCertificateAuthority rotates the certificates: new connections are shown those of
// authority, a new one of [NewCertificateAuthority], which takes the place of the one
// before in [Server.RootCAs] and [Server.CertificatePEM]. Open connections stay;
// [Server.DropConnections] ends them. Clients that trust only the old authority refuse the
// server from then on; those that were given both, or the new [Server.RootCAs], do not.
func (s *Server) SetCertificateAuthority(authority *CertificateAuthority) error {
	if authority == nil {
		return errors.New("rdsiamtest: nil certificate authority: make one with NewCertificateAuthority")
	}
	s.certificates.setAuthority(authority)
	return s.issueCertificates()
}

// issueCertificates makes the certificate of each endpoint, so that it is there when a
// client comes.
func (s *Server) issueCertificates() error {
	for _, endpoint := range s.endpoints {
		if _, err := s.certificates.of(endpoint.Host(), s.tlsMode); err != nil {
			return err
		}
	}
	return nil
}

// RootCAs returns a new pool with the certificate authority of the server.
func (s *Server) RootCAs() *x509.CertPool { return s.certificates.currentAuthority().RootCAs() }

// CertificatePEM returns the certificate authority of the server for clients
// that read it from a file.
func (s *Server) CertificatePEM() []byte { return s.certificates.currentAuthority().CertificatePEM() }

// Certificate returns the certificate and key of the first endpoint, for a real
// database server that a test runs itself and that asks [Server.Verify].
func (s *Server) Certificate() tls.Certificate {
	certificate, err := s.certificates.of(s.endpoints[0].Host(), s.tlsMode)
	if err != nil {
		panic(err) // it was issued before
	}
	return *certificate
}

// serverTLS returns the server's side of TLS: the certificate of the endpoint
// that the client names, or of the first one.
func (s *Server) serverTLS(mode TLSMode) *tls.Config {
	return &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			host := s.endpoints[0].Host()
			for _, endpoint := range s.endpoints {
				if endpoint.Host() == hello.ServerName {
					host = hello.ServerName
				}
			}
			return s.certificates.of(host, mode)
		},
		MinVersion: tls.VersionTLS12,
		Time:       s.clock,
	}
}
