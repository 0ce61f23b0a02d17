package rdsiamtest

import "fmt"

// TLSMode says how a server behaves towards TLS. Every mode but [TLSRequired]
// is misbehavior, for tests of what a client then lets out.
type TLSMode uint8

const (
	// TLSRequired refuses a plaintext login with the text that RDS sends.
	TLSRequired TLSMode = iota
	// TLSUnavailable offers no TLS and asks for the password in clear, as a
	// hostile server does.
	TLSUnavailable
	// WrongName shows a certificate for another name.
	WrongName
	// ExpiredCertificate shows a certificate that is no longer valid.
	ExpiredCertificate
	// UnknownAuthority shows a certificate of an authority that is not in
	// RootCAs.
	UnknownAuthority
)

// WithTLSMode makes the server misbehave. The default is [TLSRequired].
func WithTLSMode(mode TLSMode) Option {
	return func(s *settings) error {
		if mode > UnknownAuthority {
			return fmt.Errorf("WithTLSMode(%d): no such mode", mode)
		}
		s.tlsMode = mode
		return nil
	}
}

// AuthRequest is what a server asks a client for.
type AuthRequest uint8

const (
	// RequestToken asks IAM accounts for the token and password accounts as
	// the engine does by default.
	RequestToken AuthRequest = iota
	// RequestMD5 asks every client for PostgreSQL's MD5 hash.
	RequestMD5
	// RequestSCRAM asks every client for SCRAM-SHA-256. PostgreSQL only.
	RequestSCRAM
	// RequestNativePassword asks every client for mysql_native_password.
	RequestNativePassword
	// RequestCachingSHA2 asks every client for caching_sha2_password.
	RequestCachingSHA2
)

// WithAuthRequest makes the server ask every client for the same, whatever its
// account. The default is [RequestToken].
func WithAuthRequest(request AuthRequest) Option {
	return func(s *settings) error {
		known := request == RequestToken
		switch s.engine {
		case postgreSQL:
			known = known || request == RequestMD5 || request == RequestSCRAM
		case mySQL:
			known = known || request == RequestNativePassword || request == RequestCachingSHA2
		}
		if !known {
			return fmt.Errorf("WithAuthRequest(%d): this engine has no such request", request)
		}
		s.authRequest = request
		return nil
	}
}
