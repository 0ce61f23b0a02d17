package rdsiamtest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestDefaults(t *testing.T) {
	postgres := rdsiamtest.StartPostgreSQL(t)
	mysql := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory())
	const host = "rdsiamtest.abc123.us-east-1.rds.amazonaws.com"
	for _, test := range []struct{ got, want string }{
		{postgres.Endpoint(), host + ":5432"},
		{mysql.Endpoint(), host + ":3306"},
		{postgres.DSN("app"), "postgres://app@" + host + ":5432/postgres"},
		{postgres.DSN("a@b:c/d e"), "postgres://a%40b%3Ac%2Fd%20e@" + host + ":5432/postgres"},
		{mysql.DSN("app"), "app@tcp(" + host + ":3306)/mysql"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	if addr := postgres.Addr(); addr == nil || !strings.HasPrefix(addr.String(), "127.0.0.1:") {
		t.Errorf("address = %v, want one on 127.0.0.1", addr)
	}
	if addr := mysql.Addr(); addr != nil {
		t.Errorf("address in memory = %v, want nil", addr)
	}
}

// fakeTB records what a test helper does.
type fakeTB struct {
	failed   string
	cleanups []func()
}

func (*fakeTB) Helper()                          {}
func (f *fakeTB) Cleanup(c func())               { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Fatalf(format string, a ...any) { f.failed = fmt.Sprintf(format, a...) }

func TestBadOptions(t *testing.T) {
	tests := []struct {
		name   string
		option rdsiamtest.Option
		want   string
	}{
		{"nil", nil, "nil Option"},
		{"no region", rdsiamtest.WithEndpoint("db.example.com"), `WithEndpoint("db.example.com")`},
		{"empty endpoint", rdsiamtest.WithEndpoint(""), `WithEndpoint("")`},
		{"contradicting region", rdsiamtest.WithRegion("eu-west-1"), "eu-west-1"},
		{"empty user", rdsiamtest.WithIAMUser(""), "empty user name"},
		{"user twice", rdsiamtest.WithIAMUser("app", "app"), `user "app" is given twice`},
		{"identity without secret", rdsiamtest.WithIdentity(rdsiamtest.Identity{Credentials: aws.Credentials{AccessKeyID: "A"}}), "secret access key"},
		{"ARN", rdsiamtest.WithIdentity(rdsiamtest.Identity{ARN: "x", Credentials: aws.Credentials{AccessKeyID: "A", SecretAccessKey: "s"}}), `ARN "x"`},
		{"context", rdsiamtest.WithIdentity(rdsiamtest.Identity{Context: map[string]string{"aws:SourceIp": "10.0.0.1"}, Credentials: aws.Credentials{AccessKeyID: "A", SecretAccessKey: "s"}}), "do not have it"},
		{"policy", rdsiamtest.WithIdentity(rdsiamtest.Identity{Policies: []string{"{}"}, Credentials: aws.Credentials{AccessKeyID: "A", SecretAccessKey: "s"}}), "no Statement"},
		{"resource id", rdsiamtest.WithResourceID(""), "empty resource id"},
		{"account id", rdsiamtest.WithAccountID(""), "empty account id"},
		{"short account id", rdsiamtest.WithAccountID("12"), "12 digits"},
		{"name for a resource id", rdsiamtest.WithResourceID("prod"), "db-…, cluster-… or prx-… followed by letters and digits"},
		{"clock", rdsiamtest.WithClock(nil), "nil clock"},
		{"no address", rdsiamtest.WithAddresses(0), "give 1 to 250"},
		{"too many addresses", rdsiamtest.WithAddresses(251), "give 1 to 250"},
		{"authority", rdsiamtest.WithCertificateAuthority(nil), "nil certificate authority"},
		{"TLS mode", rdsiamtest.WithTLSMode(99), "no such mode"},
		{"MySQL request", rdsiamtest.WithAuthRequest(rdsiamtest.RequestCachingSHA2), "no such request"},
		{"upstream", rdsiamtest.WithUpstream(rdsiamtest.Upstream{}), "empty Address"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithIAMUser("other"), test.option)
			if err == nil {
				server.Close()
				t.Fatal("the server started")
			}
			if !strings.HasPrefix(err.Error(), "rdsiamtest: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %q, want it to say %q", err, test.want)
			}
			tb := new(fakeTB)
			rdsiamtest.StartPostgreSQL(tb, rdsiamtest.WithIAMUser("other"), test.option)
			if tb.failed != err.Error() || len(tb.cleanups) != 0 {
				t.Errorf("test failed with %q, want %q", tb.failed, err)
			}
		})
	}
	if _, err := rdsiamtest.NewMySQL(rdsiamtest.WithAuthRequest(rdsiamtest.RequestSCRAM)); err == nil {
		t.Error("a MySQL server that asks for SCRAM started")
	}
}

func TestLookupHost(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithAddresses(3),
		rdsiamtest.WithEndpoint("a.abc123.us-east-1.rds.amazonaws.com"), rdsiamtest.WithEndpoint("b.abc123.eu-west-1.rds.amazonaws.com"))
	for _, host := range []string{"a.abc123.us-east-1.rds.amazonaws.com", "B.abc123.eu-west-1.RDS.amazonaws.com."} {
		addresses, err := server.LookupHost(t.Context(), host)
		if err != nil || fmt.Sprint(addresses) != "[127.0.0.1 127.0.0.2 127.0.0.3]" {
			t.Errorf("LookupHost(%q) = %q, %v", host, addresses, err)
		}
	}
	_, err := server.LookupHost(t.Context(), "c.abc123.us-east-1.rds.amazonaws.com")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("error = %v, want a DNS error", err)
	}
}

// A driver may dial a name or an address, and any port.
func TestDialed(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		t.Run(fmt.Sprintf("in memory %t", inMemory), func(t *testing.T) {
			options := []rdsiamtest.Option{rdsiamtest.WithIAMUser("app")}
			if inMemory {
				options = append(options, rdsiamtest.WithInMemory())
			}
			server := rdsiamtest.StartPostgreSQL(t, options...)
			var clients sync.WaitGroup
			for i := range 20 {
				clients.Go(func() {
					config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
					config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"10.0.0.1"}, nil }
					config.Port = uint16(6000 + i)
					conn, err := pgx.ConnectConfig(t.Context(), config)
					if err != nil {
						t.Error(err)
						return
					}
					conn.Close(t.Context())
				})
			}
			clients.Wait()
			dialed := make(map[string]bool)
			for _, l := range server.Logins() {
				dialed[l.Dialed] = true
			}
			for i := range 20 {
				if address := fmt.Sprintf("10.0.0.1:%d", 6000+i); !dialed[address] {
					t.Errorf("no login by %s", address)
				}
			}
		})
	}
}

// Other programs reach the server by its address and trust the PEM file.
func TestFromOutside(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	block, _ := pem.Decode(server.CertificatePEM())
	if block == nil {
		t.Fatal("no PEM block")
	}
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
	config.TLSConfig.RootCAs = roots
	config.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Addr().String())
	}
	connectPGX(t, config).Close(t.Context())
	if got := lastLogin(t, server); got.Dialed != "" || !got.Accepted || got.SNI == "" {
		t.Errorf("login = %+v", got)
	}
}

func TestSharedAuthority(t *testing.T) {
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
			rdsiamtest.WithCertificateAuthority(authority))
		config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
		config.TLSConfig.RootCAs = authority.RootCAs()
		connectPGX(t, config).Close(t.Context())
	}
}

func TestPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app", "other"))
		verify := func(user string, want rdsiamtest.Reason) {
			t.Helper()
			wantReason(t, server.Verify(t.Context(), user, tokenFor(t, server, user)), want)
		}
		set := func(documents ...string) {
			t.Helper()
			if err := server.SetPolicies(documents...); err != nil {
				t.Fatal(err)
			}
		}
		verify("app", rdsiamtest.ReasonAccepted)
		set(allowConnect("other"))
		verify("app", rdsiamtest.ReasonPolicy)
		verify("other", rdsiamtest.ReasonAccepted)
		set()
		verify("other", rdsiamtest.ReasonPolicy)
		set(allowConnect("*"), strings.Replace(allowConnect("other"), "Allow", "Deny", 1))
		verify("app", rdsiamtest.ReasonAccepted)
		verify("other", rdsiamtest.ReasonPolicy)
		if err := server.SetPolicies("{"); err == nil {
			t.Error("a broken policy was taken")
		}
		verify("app", rdsiamtest.ReasonAccepted)

		set(strings.Replace(allowConnect("app"), `"Resource"`, `"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}},"Resource"`, 1))
		verify("app", rdsiamtest.ReasonPolicy)
		if got := lastLogin(t, server); !strings.Contains(got.Detail, "aws:SourceIp") {
			t.Errorf("detail = %q, want it to name the condition key", got.Detail)
		}
	})
}

// The ARN of the identity and its tags are policy variables.
func TestPolicyVariables(t *testing.T) {
	tests := []struct {
		name     string
		identity rdsiamtest.Identity
		variable string
		want     rdsiamtest.Reason
	}{
		{"user name", rdsiamtest.Identity{ARN: "arn:aws:iam::123456789012:user/team/app"}, "${aws:username}", rdsiamtest.ReasonAccepted},
		{"role has no user name", rdsiamtest.Identity{ARN: "arn:aws:sts::123456789012:assumed-role/app/app"}, "${aws:username}", rdsiamtest.ReasonPolicy},
		{"tag", rdsiamtest.Identity{Tags: map[string]string{"dbuser": "app"}}, "${aws:PrincipalTag/dbuser}", rdsiamtest.ReasonAccepted},
		{"other tag", rdsiamtest.Identity{Tags: map[string]string{"dbuser": "*"}}, "${aws:PrincipalTag/dbuser}", rdsiamtest.ReasonPolicy},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.identity.Credentials = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
			test.identity.Policies = []string{strings.Replace(allowConnect(test.variable), "db-RDSIAMTEST0123456789ABCDEF", "db-OTHER", 1)}
			server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
				rdsiamtest.WithIdentity(test.identity), rdsiamtest.WithResourceID("db-OTHER"))
			wantReason(t, server.Verify(t.Context(), "app", tokenFor(t, server, "app")), test.want)
		})
	}
}

func TestResourceARN(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithEndpoint("db.abc123.rds.cn-north-1.amazonaws.com.cn"),
		rdsiamtest.WithAccountID("999999999999"), rdsiamtest.WithResourceID("cluster-ABC"))
	if err := server.SetPolicies(); err != nil {
		t.Fatal(err)
	}
	r := goodRequest(server, "app")
	r.region = "cn-north-1"
	err := server.Verify(t.Context(), "app", r.sign(t))
	wantReason(t, err, rdsiamtest.ReasonPolicy)
	if want := "arn:aws-cn:rds-db:cn-north-1:999999999999:dbuser:cluster-ABC/app"; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("error = %v, want it to name %s", err, want)
	}
}

func TestRotation(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	provider := server.Credentials()
	before := server.Identities()[0]
	old := tokenFor(t, server, "app")
	after := before
	after.Credentials.AccessKeyID, after.Credentials.SecretAccessKey = "ASIANEW", "another secret"

	if err := server.SetIdentities(after, before); err != nil {
		t.Fatal(err)
	}
	if got, err := provider.Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIANEW" {
		t.Errorf("credentials of %q, %v; want the new ones", got.AccessKeyID, err)
	}
	wantReason(t, server.Verify(t.Context(), "app", old), rdsiamtest.ReasonAccepted)
	wantReason(t, server.Verify(t.Context(), "app", tokenFor(t, server, "app")), rdsiamtest.ReasonAccepted)
	if err := server.SetIdentities(after); err != nil {
		t.Fatal(err)
	}
	wantReason(t, server.Verify(t.Context(), "app", old), rdsiamtest.ReasonAccessKey)

	if err := server.SetIdentities(); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Retrieve(t.Context()); err == nil {
		t.Error("credentials of nobody")
	}
	if err := server.SetPolicies(); err == nil {
		t.Error("policies of nobody were set")
	}
}

// Close ends sessions and half-open connections, and refuses new ones.
func TestClose(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		t.Run(fmt.Sprintf("in memory %t", inMemory), func(t *testing.T) {
			options := []rdsiamtest.Option{rdsiamtest.WithIAMUser("app")}
			if inMemory {
				options = append(options, rdsiamtest.WithInMemory())
			}
			server, err := rdsiamtest.NewPostgreSQL(options...)
			if err != nil {
				t.Fatal(err)
			}
			session := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
			defer session.Close(context.Background())
			idle, _ := dialRaw(t, server)
			handshake, _ := dialRaw(t, server)
			if _, err := handshake.Write([]byte{0x16, 3, 1}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := session.Ping(t.Context()); err == nil {
				t.Error("a session outlived Close")
			}
			for _, conn := range []net.Conn{idle, handshake} {
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					t.Error("a half-open connection outlived Close")
				}
			}
			if conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint()); err == nil {
				conn.Close()
				t.Error("a closed server took a connection")
			}
		})
	}
}

func TestContexts(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
	token := tokenFor(t, server, "app")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, dialErr := server.DialContext(ctx, "tcp", server.Endpoint())
	_, lookupErr := server.LookupHost(ctx, "rdsiamtest.abc123.us-east-1.rds.amazonaws.com")
	_, credentialsErr := server.Credentials().Retrieve(ctx)
	for name, err := range map[string]error{
		"DialContext": dialErr, "LookupHost": lookupErr, "Credentials": credentialsErr, "Verify": server.Verify(ctx, "app", token),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
}

// A day of a pool passes in no time, with one login for each connection that it
// opens.
func TestFakeDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
		config, err := pgxpool.ParseConfig(server.DSN("app"))
		if err != nil {
			t.Fatal(err)
		}
		config.ConnConfig = pgxConfig(t, server, "app", "")
		config.MaxConnLifetime = time.Hour
		config.BeforeConnect = func(_ context.Context, config *pgx.ConnConfig) error {
			config.Password = tokenFor(t, server, "app")
			return nil
		}
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		for range 24 * 4 {
			if err := pool.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
		}
		logIns := server.Logins()
		for _, l := range logIns {
			if !l.Accepted {
				t.Fatalf("login = %+v", l)
			}
		}
		if len(logIns) < 20 {
			t.Errorf("%d logins in a day of connections that live an hour", len(logIns))
		}
	})
}

// Whatever name a client asks for, the server shows a certificate of its own.
func TestServerName(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint("db.abc123.us-east-1.rds.amazonaws.com"))
	for _, name := range []string{"", "db.abc123.us-east-1.rds.amazonaws.com", "elsewhere.example"} {
		conn, _ := dialRaw(t, server)
		client := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"postgresql"}})
		if err := client.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := client.ConnectionState().PeerCertificates[0].VerifyHostname("db.abc123.us-east-1.rds.amazonaws.com"); err != nil {
			t.Errorf("asked for %q: %v", name, err)
		}
		client.Close()
		io.Copy(io.Discard, conn)
	}
}
