package rdsiamtest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// What each kind of account is told for each kind of mistake, and what the log
// says of it.
func TestPostgreSQLRefusals(t *testing.T) {
	const (
		pam       = `PAM authentication failed for user "app"`
		proxyIAM  = "The IAM authentication failed for the role app. Check the IAM token for this role and try again."
		proxyNone = "This RDS proxy has no credentials for the role none. Check the credentials for this role and try again."
	)
	proxy := rdsiamtest.WithEndpoint("p.proxy-abc123.us-east-1.rds.amazonaws.com")
	readOnly := rdsiamtest.WithEndpoint("p.endpoint.proxy-abc123.us-east-1.rds.amazonaws.com")
	tests := []struct {
		name     string
		option   rdsiamtest.Option // nil: an instance
		user     string
		password string // "token": one for user
		noTLS    bool
		code     string // "": accepted
		message  string
		reason   rdsiamtest.Reason
	}{
		{name: "token", user: "app", password: "token", reason: rdsiamtest.ReasonAccepted},
		{name: "password for a token", user: "app", password: "secret", code: "28000", message: pam, reason: rdsiamtest.ReasonMalformed},
		{name: "password", user: "old", password: "secret", reason: rdsiamtest.ReasonAccepted},
		{name: "wrong password", user: "old", password: "Secret", code: "28P01",
			message: `password authentication failed for user "old"`, reason: rdsiamtest.ReasonPassword},
		{name: "token without rds_iam", user: "bare", password: "token", code: "28P01",
			message: `password authentication failed for user "bare"`, reason: rdsiamtest.ReasonNotIAM},
		{name: "empty password", user: "bare", password: "", code: "28P01",
			message: `password authentication failed for user "bare"`, reason: rdsiamtest.ReasonNotIAM},
		{name: "unknown user", user: "none", password: "token", code: "28P01",
			message: `password authentication failed for user "none"`, reason: rdsiamtest.ReasonUnknownUser},
		{name: "case of the user", user: "App", password: "token", code: "28P01",
			message: `password authentication failed for user "App"`, reason: rdsiamtest.ReasonUnknownUser},
		{name: "token without TLS", user: "app", password: "token", noTLS: true, code: "28000",
			message: `pg_hba.conf rejects connection for host "127.0.0.1", user "app", database "postgres", no encryption`,
			reason:  rdsiamtest.ReasonPlaintext},
		{name: "password without TLS", user: "old", password: "secret", noTLS: true, code: "28000",
			message: `no pg_hba.conf entry for host "127.0.0.1", user "old", database "postgres", no encryption`,
			reason:  rdsiamtest.ReasonPlaintext},

		{name: "proxy", option: proxy, user: "app", password: "token", reason: rdsiamtest.ReasonAccepted},
		{name: "proxy, no token", option: proxy, user: "app", password: "secret", code: "28000", message: proxyIAM, reason: rdsiamtest.ReasonMalformed},
		{name: "proxy endpoint, no token", option: readOnly, user: "app", password: "secret", code: "28000", message: proxyIAM, reason: rdsiamtest.ReasonMalformed},
		{name: "proxy, unknown user", option: proxy, user: "none", password: "token", code: "28000", message: proxyNone, reason: rdsiamtest.ReasonUnknownUser},
		{name: "proxy, wrong password", option: proxy, user: "old", password: "Secret", code: "28P01",
			message: "The password that was provided for the role old is wrong.", reason: rdsiamtest.ReasonPassword},
		{name: "proxy, token without TLS", option: proxy, user: "app", password: "token", noTLS: true, code: "28000",
			message: "IAM authentication is allowed only with SSL connections.", reason: rdsiamtest.ReasonPlaintext},
		{name: "proxy, password without TLS", option: proxy, user: "old", password: "secret", noTLS: true, code: "28000",
			message: "This RDS Proxy requires TLS connections.", reason: rdsiamtest.ReasonPlaintext},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				options := []rdsiamtest.Option{rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
					rdsiamtest.WithPasswordUser("old", "secret"), rdsiamtest.WithPasswordUser("bare", "")}
				if test.option != nil {
					options = append(options, test.option)
				}
				server := rdsiamtest.StartPostgreSQL(t, options...)
				if test.password == "token" {
					test.password = tokenFor(t, server, test.user)
				}
				config := pgxConfig(t, server, test.user, test.password)
				if test.noTLS {
					config.TLSConfig = nil
				}
				conn, err := pgx.ConnectConfig(t.Context(), config)
				if test.code == "" {
					if err != nil {
						t.Fatal(err)
					}
					conn.Close(t.Context())
				} else {
					wantPgError(t, err, test.code, test.message)
				}
				got := lastLogin(t, server)
				if got.Reason != test.reason || got.TLS == test.noTLS || got.PasswordReceived == test.noTLS ||
					got.User != test.user || got.Database != "postgres" || len(server.Logins()) != 1 {
					t.Errorf("logins = %+v, want one with %q", server.Logins(), test.reason)
				}
			})
		})
	}
}

// A client that only gives its password in clear inside TLS, as a hook for
// tokens does, stops when it is asked for anything else: the log says that the
// account is the cause.
func TestPostgreSQLClientGivesUp(t *testing.T) {
	tests := []struct {
		name   string
		option rdsiamtest.Option
		user   string
		want   rdsiamtest.Reason
	}{
		{"account without rds_iam", rdsiamtest.WithAuthRequest(rdsiamtest.RequestToken), "old", rdsiamtest.ReasonNotIAM},
		{"unknown user", rdsiamtest.WithAuthRequest(rdsiamtest.RequestToken), "none", rdsiamtest.ReasonUnknownUser},
		{"server that asks for SCRAM", rdsiamtest.WithAuthRequest(rdsiamtest.RequestSCRAM), "app", rdsiamtest.ReasonAbandoned},
		{"server that asks for MD5", rdsiamtest.WithAuthRequest(rdsiamtest.RequestMD5), "app", rdsiamtest.ReasonAbandoned},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), test.option,
					rdsiamtest.WithIAMUser("app"), rdsiamtest.WithPasswordUser("old", "secret"))
				config := pgxConfigFrom(t, server, server.DSN(test.user)+"?sslmode=verify-full&require_auth=password")
				config.Password = tokenFor(t, server, test.user)
				if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
					t.Fatal("logged in")
				}
				if got := lastLogin(t, server); got.Reason != test.want || got.PasswordReceived {
					t.Errorf("login = %+v, want %q and no password", got, test.want)
				}
			})
		})
	}
}

// A server that asks every client for a hash gets what a careless client makes
// of the token, and lets in only who has a password.
func TestPostgreSQLAuthRequest(t *testing.T) {
	for name, request := range map[string]rdsiamtest.AuthRequest{"MD5": rdsiamtest.RequestMD5, "SCRAM": rdsiamtest.RequestSCRAM} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithAuthRequest(request),
					rdsiamtest.WithIAMUser("app"), rdsiamtest.WithPasswordUser("old", "secret"),
					rdsiamtest.WithPasswordUser("bare", ""))
				connectPGX(t, pgxConfig(t, server, "old", "secret")).Close(t.Context())
				_, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "old", "other"))
				wantPgError(t, err, "28P01", `password authentication failed for user "old"`)
				_, err = pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "bare", ""))
				wantPgError(t, err, "28P01", `password authentication failed for user "bare"`)
				_, err = pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "app", tokenFor(t, server, "app")))
				wantPgError(t, err, "28000", "")
				if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonPassword || !got.PasswordReceived {
					t.Errorf("login = %+v, want a wrong password", got)
				}
			})
		})
	}
}

// Without TLS a careless client shows its token to whoever asks: that is what
// TLSUnavailable is there to catch.
func TestPostgreSQLTLSUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
			rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable))
		token := tokenFor(t, server, "app")

		if _, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "app", token)); err == nil {
			t.Error("a client that insists on TLS logged in")
		}
		if logIns := server.Logins(); len(logIns) != 0 {
			t.Errorf("logins = %+v, want none: the client never named a user", logIns)
		}
		config := pgxConfigFrom(t, server, server.DSN("app")+"?sslmode=prefer")
		config.Password = token
		_, err := pgx.ConnectConfig(t.Context(), config)
		wantPgError(t, err, "28000", `PAM authentication failed for user "app"`)
		if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonPlaintext || !got.PasswordReceived || got.TLS {
			t.Errorf("login = %+v, want a token received without TLS", got)
		}
	})
}

func TestCertificates(t *testing.T) {
	tests := []struct {
		name string
		mode rdsiamtest.TLSMode
		want func(error) bool
	}{
		{"required", rdsiamtest.TLSRequired, func(err error) bool { return err == nil }},
		{"wrong name", rdsiamtest.WrongName, func(err error) bool {
			var hostname x509.HostnameError
			return errors.As(err, &hostname)
		}},
		{"expired", rdsiamtest.ExpiredCertificate, func(err error) bool {
			var invalid x509.CertificateInvalidError
			return errors.As(err, &invalid) && invalid.Reason == x509.Expired
		}},
		{"unknown authority", rdsiamtest.UnknownAuthority, func(err error) bool {
			var unknown x509.UnknownAuthorityError
			return errors.As(err, &unknown)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
					rdsiamtest.WithTLSMode(test.mode))
				conn, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "app", tokenFor(t, server, "app")))
				if err == nil {
					conn.Close(t.Context())
				}
				if !test.want(err) {
					t.Errorf("error = %v", err)
				}
				if logIns := server.Logins(); (err == nil) != (len(logIns) == 1) {
					t.Errorf("logins = %+v", logIns)
				}
			})
		})
	}
}

func TestDirectTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"))
		config := pgxConfigFrom(t, server, server.DSN("app")+"?sslmode=verify-full&sslnegotiation=direct")
		config.Password = tokenFor(t, server, "app")
		connectPGX(t, config).Close(t.Context())

		// Without ALPN direct TLS could be a confused client of another protocol.
		config.TLSConfig.NextProtos = nil
		if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
			t.Error("logged in without ALPN")
		}
	})
}

// dialRaw connects without a driver.
func dialRaw(t *testing.T, server *rdsiamtest.Server) (net.Conn, *pgproto3.Frontend) {
	t.Helper()
	conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, pgproto3.NewFrontend(conn, conn)
}

func writeAll(t *testing.T, conn net.Conn, messages ...pgproto3.FrontendMessage) {
	t.Helper()
	for _, message := range messages {
		b, err := message.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

// startUp sends the start-up message through TLS.
func startUp(t *testing.T, server *rdsiamtest.Server, user string) (net.Conn, *pgproto3.Frontend) {
	t.Helper()
	return startUpWith(t, server, &pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": user},
	})
}

func startUpWith(t *testing.T, server *rdsiamtest.Server, message *pgproto3.StartupMessage) (net.Conn, *pgproto3.Frontend) {
	t.Helper()
	conn, _ := dialRaw(t, server)
	writeAll(t, conn, &pgproto3.SSLRequest{})
	if got := readByte(t, conn); got != 'S' {
		t.Fatalf("answer = %q, want S", got)
	}
	host, _, err := net.SplitHostPort(server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	stream := tls.Client(conn, &tls.Config{RootCAs: server.RootCAs(), ServerName: host})
	writeAll(t, stream, message)
	return stream, pgproto3.NewFrontend(stream, stream)
}

// wantMessage receives a message of one type.
func wantMessage[M pgproto3.BackendMessage](t *testing.T, frontend *pgproto3.Frontend) M {
	t.Helper()
	got, err := frontend.Receive()
	if err != nil {
		t.Fatal(err)
	}
	message, ok := got.(M)
	if !ok {
		t.Fatalf("server sent %T %+v, want %T", got, got, message)
	}
	return message
}

func readByte(t *testing.T, conn net.Conn) byte {
	t.Helper()
	var b [1]byte
	if _, err := conn.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func TestPostgreSQLStartup(t *testing.T) {
	startup := func(parameters map[string]string) *pgproto3.StartupMessage {
		return &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: parameters}
	}
	refused := func(t *testing.T, frontend *pgproto3.Frontend, code, message string) {
		t.Helper()
		got, err := frontend.Receive()
		if err != nil {
			t.Fatal(err)
		}
		said, ok := got.(*pgproto3.ErrorResponse)
		if !ok || said.Severity != "FATAL" || said.Code != code || said.Message != message {
			t.Errorf("server said %+v, want FATAL %s %q", got, code, message)
		}
	}
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())

	t.Run("no user", func(t *testing.T) {
		conn, frontend := dialRaw(t, server)
		writeAll(t, conn, startup(map[string]string{"database": "postgres"}))
		refused(t, frontend, "28000", "no PostgreSQL user name specified in startup packet")
	})
	t.Run("database defaults to the user", func(t *testing.T) {
		conn, frontend := dialRaw(t, server)
		writeAll(t, conn, startup(map[string]string{"user": "app"}))
		refused(t, frontend, "28000",
			`pg_hba.conf rejects connection for host "127.0.0.1", user "app", database "app", no encryption`)
	})
	t.Run("GSS encryption is declined", func(t *testing.T) {
		conn, frontend := dialRaw(t, server)
		writeAll(t, conn, &pgproto3.GSSEncRequest{})
		if got := readByte(t, conn); got != 'N' {
			t.Fatalf("answer = %q, want N", got)
		}
		writeAll(t, conn, startup(map[string]string{"user": "none"}))
		refused(t, frontend, "28000",
			`no pg_hba.conf entry for host "127.0.0.1", user "none", database "none", no encryption`)
	})
	t.Run("bad version", func(t *testing.T) {
		conn, frontend := dialRaw(t, server)
		if _, err := conn.Write([]byte{0, 0, 0, 9, 0, 2, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		refused(t, frontend, "08P01", "invalid startup packet")
	})
	// CVE-2021-23222: what a client, or somebody in between, sends in clear
	// behind the request for TLS must not count as sent through TLS.
	t.Run("plaintext behind the request for TLS", func(t *testing.T) {
		conn, _ := dialRaw(t, server)
		before := len(server.Logins())
		writeAll(t, conn, &pgproto3.SSLRequest{})
		if got := readByte(t, conn); got != 'S' {
			t.Fatalf("answer = %q, want S", got)
		}
		b, err := startup(map[string]string{"user": "app"}).Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(b)
		var answer [1]byte
		if n, _ := conn.Read(answer[:]); n == 1 && answer[0] != 0x15 {
			t.Errorf("server answered %q, want a TLS alert or nothing", answer[0])
		}
		conn.Close()
		if after := len(server.Logins()); after != before {
			t.Error("a start-up message in clear was taken for one that came through TLS")
		}
	})
	t.Run("cancel request for nobody", func(t *testing.T) {
		conn, _ := dialRaw(t, server)
		writeAll(t, conn, &pgproto3.CancelRequest{ProcessID: 99, SecretKey: []byte{1, 2, 3, 4}})
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Error("the server answered a cancel request")
		}
	})
}

// A token as long as RDS takes one must not be cut.
func TestPostgreSQLLongToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		identity := server.Identities()[0]
		identity.Credentials.SessionToken = strings.Repeat("s", 60_000)
		if err := server.SetIdentities(identity); err != nil {
			t.Fatal(err)
		}
		connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app"))).Close(t.Context())

		// PostgreSQL drops a longer one without a word.
		identity.Credentials.SessionToken = strings.Repeat("s", 70_000)
		if err := server.SetIdentities(identity); err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "app", tokenFor(t, server, "app"))); err == nil {
			t.Error("a token of 70 kB was taken")
		}
	})
}

// A client that says nothing does not stay for ever, and a session does.
func TestPostgreSQLLoginTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		silent, _ := dialRaw(t, server)
		session := connectPGX(t, pgxConfig(t, server, "app", tokenFor(t, server, "app")))
		if _, err := silent.Read(make([]byte, 1)); err == nil { // waits for the fake minute
			t.Error("the server spoke first")
		}
		if err := session.Ping(t.Context()); err != nil {
			t.Errorf("a session ended after the time allowed for the login: %v", err)
		}
		session.Close(context.Background())
	})
}
