package rdspgx_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/wiretap"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// keeper keeps what must not be seen of the tokens that it hands out.
type keeper struct {
	rdsiam.TokenSource
	mu      sync.Mutex
	secrets []string // guarded by mu
}

func (k *keeper) Token(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	token, err := k.TokenSource.Token(ctx, login)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.secrets = append(k.secrets, secretsOf(token.Reveal())...)
	return token, err
}

func (k *keeper) kept() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.secrets
}

// secretsOf returns a token, its signature and its session token.
func secretsOf(token string) []string {
	secrets := []string{token}
	_, query, _ := strings.Cut(token, "?")
	values, _ := url.ParseQuery(query)
	for _, name := range []string{"X-Amz-Signature", "X-Amz-Security-Token"} {
		if value := values.Get(name); value != "" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

func TestRecorderSeesWhatTravelsInClear(t *testing.T) {
	server := start(t, rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
	tokens := &keeper{TokenSource: tokensOf(server)}
	endpoint, err := rdsiam.ResolveEndpoint(instance, 5432)
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token(t.Context(), rdsiam.Login{Endpoint: endpoint, User: "app"})
	if err != nil {
		t.Fatal(err)
	}
	recorder := wiretap.New()
	config := configFor(t, server, "")
	config.DialFunc = recorder.Dial(server.DialContext)
	config.Password = token.Reveal()
	if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		t.Fatal("logged in")
	}
	if got := recorder.Find(tokens.kept()...); len(got) != 3 {
		t.Fatalf("the recorder found %d of 3 secrets that plain pgx with its default sslmode gives away", len(got))
	}
}

func TestNoTokenOutsideVerifiedTLS(t *testing.T) {
	modes := []string{"", "?sslmode=allow", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=verify-full", "?sslmode=disable", "?sslnegotiation=direct", "?require_auth=!none"}
	servers := []struct {
		name     string
		options  []rdsiamtest.Option
		refuses  bool // the identity lacks the policy
		accepted bool
		silent   bool // no password of any kind may reach the server
	}{
		{name: "normal", accepted: true},
		{name: "refuses", refuses: true},
		{name: "asks in clear", options: []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable)}, silent: true},
		{name: "wrong name", options: []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.WrongName)}, silent: true},
		{name: "wrong authority", options: []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.UnknownAuthority)}, silent: true},
		{name: "expired", options: []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.ExpiredCertificate)}, silent: true},
		{name: "MD5", options: []rdsiamtest.Option{rdsiamtest.WithAuthRequest(rdsiamtest.RequestMD5)}, silent: true},
		{name: "SCRAM", options: []rdsiamtest.Option{rdsiamtest.WithAuthRequest(rdsiamtest.RequestSCRAM)}, silent: true},
	}
	for _, hosts := range []string{instance, instance + "," + other} {
		for _, kind := range servers {
			options := append([]rdsiamtest.Option{rdsiamtest.WithEndpoint(other), rdsiamtest.WithAddresses(2)}, kind.options...)
			server := start(t, options...)
			if kind.refuses {
				server.SetPolicies()
			}
			for _, mode := range modes {
				t.Run(hosts+"/"+kind.name+"/"+mode, func(t *testing.T) {
					tap := &tap{server: server, recorder: wiretap.New(), tokens: &keeper{TokenSource: tokensOf(server)}}
					ok := tap.try(t, "postgres://app@"+hosts+"/postgres"+mode)
					if want := kind.accepted && mode != "?sslmode=disable"; ok != want {
						t.Errorf("logged in: %v, want %v", ok, want)
					}
					if mode != "?sslmode=disable" && tap.recorder.Bytes() == 0 {
						t.Error("nothing was recorded")
					}
					if found := tap.recorder.Find(tap.tokens.kept()...); len(found) > 0 {
						t.Errorf("%d secrets travelled in clear", len(found))
					}
				})
			}
			for _, logIn := range server.Logins() {
				if logIn.PasswordReceived && (kind.silent || !logIn.TLS) {
					t.Errorf("%s: the server was told a password: %+v", kind.name, logIn)
				}
			}
		}
	}
}

// tap tries to log in to a server in every way, and records.
type tap struct {
	server   *rdsiamtest.Server
	recorder *wiretap.Recorder
	tokens   *keeper
}

// try reports whether the login succeeded, which it must every time or never.
func (p *tap) try(t *testing.T, dsn string) bool {
	t.Helper()
	roots := rdsiam.WithRootCAs(p.server.RootCAs())
	config := configFor(t, p.server, dsn)
	config.DialFunc = p.recorder.Dial(p.server.DialContext)
	results := make(map[bool]int)
	hook := rdspgx.BeforeConnect(p.tokens, roots)
	for range 2 { // a retry is no first try
		_, err := connect(t, hook, config)
		results[err == nil]++
	}
	config = configFor(t, p.server, dsn)
	config.DialFunc = p.recorder.Dial(p.server.DialContext)
	if d, err := rdspgx.New(config, roots); err == nil {
		results[open(t, d, p.tokens) == nil]++
	}
	if len(results) != 1 {
		t.Errorf("logins succeeded %d times and failed %d times", results[true], results[false])
	}
	return results[true] > 0
}

// RDS Proxy may ask for other proofs than the token itself, inside TLS.
func TestProxyMayAskForSCRAM(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithEndpoint(proxy), rdsiamtest.WithIAMUser("app"), rdsiamtest.WithAuthRequest(rdsiamtest.RequestSCRAM))
	tap := &tap{server: server, recorder: wiretap.New(), tokens: &keeper{TokenSource: tokensOf(server)}}
	tap.try(t, "postgres://app@"+proxy+"/postgres")
	if found := tap.recorder.Find(tap.tokens.kept()...); len(found) > 0 {
		t.Errorf("%d secrets travelled in clear", len(found))
	}
	answered := false
	for _, logIn := range server.Logins() {
		answered = answered || logIn.PasswordReceived
	}
	if !answered {
		t.Error("the proxy was told nothing")
	}
}

func TestRequireAuth(t *testing.T) {
	tests := []struct{ hosts, query, want string }{
		{instance, "", "password"},
		{instance, "?require_auth=password,md5", "password"},
		{instance, "?require_auth=!md5", "password"},
		{"c.cluster-abc123.us-east-1.rds.amazonaws.com", "", "password"},
		{proxy, "", ""},
		{"ep.endpoint.proxy-abc123.us-east-1.rds.amazonaws.com", "", ""},
		{proxy + "," + instance, "", "password"},
	}
	for _, test := range tests {
		if got := prepared(t, parse(t, "postgres://app@"+test.hosts+"/db"+test.query)).RequireAuth; got != test.want {
			t.Errorf("%s%s: require_auth %q, want %q", test.hosts, test.query, got, test.want)
		}
	}
}
