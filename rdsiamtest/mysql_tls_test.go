package rdsiamtest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// recordingConn keeps what a client writes.
type recordingConn struct {
	net.Conn
	mu      sync.Mutex
	written bytes.Buffer // guarded by mu
}

func (c *recordingConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.written.Write(b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *recordingConn) contains(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(c.written.Bytes(), []byte(text))
}

// A bare driver gives the token to any server that asks in clear. This server
// does so only when it is told to be hostile.
func TestMySQLPlaintextToken(t *testing.T) {
	tests := []struct {
		name string
		mode rdsiamtest.TLSMode
		sent bool
	}{
		{"as RDS requires", rdsiamtest.TLSRequired, false},
		{"hostile", rdsiamtest.TLSUnavailable, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithTLSMode(tt.mode))
			token := tokenFor(t, server, "app")
			config := mysqlConfig(t, server, "app", token)
			config.TLS = nil
			var conn *recordingConn
			config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := server.DialContext(ctx, network, address)
				conn = &recordingConn{Conn: c}
				return conn, err
			}
			if got := mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context())).Number; got != 1045 {
				t.Errorf("got error %d, want 1045", got)
			}
			if sent := conn.contains(token); sent != tt.sent {
				t.Errorf("the token was sent in clear: %t, want %t", sent, tt.sent)
			}
			if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonPlaintext || got.TLS {
				t.Errorf("got log entry %+v, want a plaintext refusal", got)
			}
		})
	}
}

// Without TLS nobody gets in, whatever the server asks for.
func TestMySQLPlaintextPassword(t *testing.T) {
	for name, request := range map[string]rdsiamtest.AuthRequest{
		"clear":                 rdsiamtest.RequestToken,
		"mysql_native_password": rdsiamtest.RequestNativePassword,
		"caching_sha2_password": rdsiamtest.RequestCachingSHA2,
	} {
		t.Run(name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("legacy", "secret"),
				rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable), rdsiamtest.WithAuthRequest(request))
			config := mysqlConfig(t, server, "legacy", "secret")
			config.TLS = nil
			if got := mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context())).Number; got != 1045 {
				t.Errorf("got error %d, want 1045", got)
			}
			if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonPlaintext || !got.PasswordReceived {
				t.Errorf("got log entry %+v, want a plaintext refusal of a password", got)
			}
		})
	}
}

func TestMySQLNoTLSOffered(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
	err := openMySQL(t, mysqlConfig(t, server, "app", "x")).PingContext(t.Context())
	if !errors.Is(err, mysql.ErrNoTLS) {
		t.Errorf("got error %v, want %v", err, mysql.ErrNoTLS)
	}
	if logIns := server.Logins(); len(logIns) != 0 {
		t.Errorf("got log %+v, want none: no user was named", logIns)
	}
}

func TestMySQLCertificateRefused(t *testing.T) {
	for name, mode := range map[string]rdsiamtest.TLSMode{
		"wrong name":        rdsiamtest.WrongName,
		"expired":           rdsiamtest.ExpiredCertificate,
		"unknown authority": rdsiamtest.UnknownAuthority,
	} {
		t.Run(name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithTLSMode(mode))
			config := mysqlConfig(t, server, "app", "x")
			err := openMySQL(t, config).PingContext(t.Context())
			var certificate *tls.CertificateVerificationError
			if !errors.As(err, &certificate) {
				t.Errorf("got error %v, want one about the certificate", err)
			}
		})
	}
}
