package rdsiamtest

import "crypto/tls"

// Certificate returns the certificate and key of the first endpoint, for a real
// database server that a test runs itself and that asks [Server.Verify].
func (s *Server) Certificate() tls.Certificate { return *s.certificates[s.endpoints[0].Host()] }
