package realserver_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		startAndWait()
		return
	}
	goleak.VerifyTestMain(m)
}

const serverName = "db.example"

// Accounts that each test server has.
const (
	iamUser      = "iam_user"
	passwordUser = "Password'User\\"
	password     = `pass'w"or\d`
)

var errRefused = errors.New("refused")

// checker accepts tokens that start with good, and remembers what it was asked.
type checker struct {
	good string // goodToken if empty
	mu   sync.Mutex
	got  []string
}

func (c *checker) check(_ context.Context, user, token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, user+" "+token)
	if !strings.HasPrefix(token, cmp.Or(c.good, goodToken)) {
		return errRefused
	}
	return nil
}

func (c *checker) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

const goodToken = "good:?Action=connect&X-Amz-Security-Token=%2F"

// tokenOf makes a good token of the given length.
func tokenOf(length int) string {
	return goodToken + strings.Repeat("x", length-len(goodToken)-1) + "$"
}

type startFunc func(context.Context, realserver.Options) (*realserver.Server, error)

// start starts a server, or skips the test where the machine lacks one.
func start(t *testing.T, f startFunc, o realserver.Options) *realserver.Server {
	t.Helper()
	begin := time.Now()
	s, err := f(t.Context(), o)
	if err != nil {
		skipMissing(t, err)
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Logf("version %s, method %s, started in %v", s.Version(), s.Method(), time.Since(begin).Round(time.Millisecond))
	return s
}

// skipMissing skips the test if err says that the machine lacks something, which
// REQUIRE_SERVERS=1 does not allow.
func skipMissing(t *testing.T, err error) {
	t.Helper()
	var missing *realserver.MissingError
	if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	}
}

// options are those of a server with the accounts above, and what a client needs
// to verify it.
func options(t *testing.T, check realserver.Check) (realserver.Options, *tls.Config) {
	t.Helper()
	certificate, roots := newCertificate(t)
	return realserver.Options{
		Check:         check,
		Certificate:   certificate,
		IAMUsers:      []string{iamUser},
		PasswordUsers: map[string]string{passwordUser: password},
	}, &tls.Config{RootCAs: roots, ServerName: serverName}
}

func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: serverName},
		DNSNames:              []string{serverName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
