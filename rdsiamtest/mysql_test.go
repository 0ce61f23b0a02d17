package rdsiamtest_test

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// mysqlConfig is a bare go-sql-driver configuration for the server.
func mysqlConfig(t testing.TB, server *rdsiamtest.Server, user, password string) *mysql.Config {
	t.Helper()
	config, err := mysql.ParseDSN(server.DSN(user))
	if err != nil {
		t.Fatalf("parse the DSN of the server: %v", err)
	}
	host, _, err := net.SplitHostPort(server.Endpoint())
	if err != nil {
		t.Fatalf("split the endpoint: %v", err)
	}
	config.Passwd = password
	config.DialFunc = server.DialContext
	config.TLS = &tls.Config{RootCAs: server.RootCAs(), ServerName: host}
	config.AllowCleartextPasswords = true
	config.Logger = &mysql.NopLogger{}
	return config
}

func openMySQL(t testing.TB, config *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatalf("make the connector: %v", err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// mysqlRefusal fails the test unless err is an error from the server.
func mysqlRefusal(t *testing.T, err error) *mysql.MySQLError {
	t.Helper()
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want one from the server", err)
	}
	return refusal
}

func lastLogin(t *testing.T, server *rdsiamtest.Server) rdsiamtest.Login {
	t.Helper()
	logIns := server.Logins()
	if len(logIns) == 0 {
		t.Fatal("the log is empty, want a login")
	}
	return logIns[len(logIns)-1]
}

func TestMySQLLogin(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		options := []rdsiamtest.Option{rdsiamtest.WithIAMUser("app")}
		name := "tcp"
		if inMemory {
			options, name = append(options, rdsiamtest.WithInMemory()), "in memory"
		}
		t.Run(name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, options...)
			db := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app")))
			if err := db.PingContext(t.Context()); err != nil {
				t.Fatalf("ping: %v", err)
			}
			var user, version string
			if err := db.QueryRowContext(t.Context(), "select current_user(), version()").Scan(&user, &version); err != nil {
				t.Fatalf("query: %v", err)
			}
			if user != "app@%" || !strings.HasPrefix(version, "8.4.") || !strings.Contains(version, "rdsiamtest") {
				t.Errorf("got user %q and version %q, want app@%% and 8.4.x-rdsiamtest", user, version)
			}
			logIn := lastLogin(t, server)
			if !logIn.Accepted || !logIn.TLS || !logIn.PasswordReceived || logIn.User != "app" || logIn.Database != "mysql" {
				t.Errorf("got log entry %+v, want an accepted one of app over TLS", logIn)
			}
			if host, _, _ := net.SplitHostPort(server.Endpoint()); logIn.SNI != host {
				t.Errorf("got server name %q in the log, want %q", logIn.SNI, host)
			}
		})
	}
}

func TestMySQLLongToken(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
	for _, size := range []int{300, 5_000, 60_000} {
		db := openMySQL(t, mysqlConfig(t, server, "app", strings.Repeat("x", size)))
		if got := mysqlRefusal(t, db.PingContext(t.Context())).Number; got != 1045 {
			t.Errorf("a token of %d bytes: got error %d, want 1045", size, got)
		}
		if got := lastLogin(t, server).Reason; got != rdsiamtest.ReasonMalformed {
			t.Errorf("a token of %d bytes: got reason %q, want %q: it was not read", size, got, rdsiamtest.ReasonMalformed)
		}
	}
}

func TestMySQLRefusals(t *testing.T) {
	const instance = "rdsiamtest.abc123.us-east-1.rds.amazonaws.com:3306"
	const proxy = "p.proxy-abc123.us-east-1.rds.amazonaws.com:3306"
	plaintext := func(c *mysql.Config) { c.TLS = nil }
	denied := "Access denied for user 'app'@'127.0.0.1' (using password: YES)"
	tests := []struct {
		name     string
		endpoint string
		user     string
		token    func(valid string) string
		change   func(*mysql.Config)
		number   uint16
		text     string
		reason   rdsiamtest.Reason
	}{
		{name: "wrong token", endpoint: instance, user: "app", token: func(string) string { return "not a token" },
			number: 1045, text: denied, reason: rdsiamtest.ReasonMalformed},
		{name: "wrong signature", endpoint: instance, user: "app", token: breakSignature,
			number: 1045, text: denied, reason: rdsiamtest.ReasonSignature},
		{name: "plaintext", endpoint: instance, user: "app", change: plaintext,
			number: 1045, text: denied, reason: rdsiamtest.ReasonPlaintext},
		{name: "password account", endpoint: instance, user: "legacy",
			number: 1045, text: strings.Replace(denied, "app", "legacy", 1), reason: rdsiamtest.ReasonNotIAM},
		{name: "no such account", endpoint: instance, user: "App",
			number: 1045, text: strings.Replace(denied, "app", "App", 1), reason: rdsiamtest.ReasonUnknownUser},
		{name: "proxy, wrong token", endpoint: proxy, user: "app", token: breakSignature,
			number: 1045, text: strings.Replace(denied, "127.0.0.1", "%", 1), reason: rdsiamtest.ReasonSignature},
		{name: "proxy, plaintext", endpoint: proxy, user: "app", change: plaintext,
			number: 3159, text: "This RDS Proxy requires TLS connections.", reason: rdsiamtest.ReasonPlaintext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithEndpoint(tt.endpoint),
				rdsiamtest.WithIAMUser("app"), rdsiamtest.WithPasswordUser("legacy", "secret"))
			token := tokenFor(t, server, tt.user)
			if tt.token != nil {
				token = tt.token(token)
			}
			config := mysqlConfig(t, server, tt.user, token)
			if tt.change != nil {
				tt.change(config)
			}
			refusal := mysqlRefusal(t, openMySQL(t, config).PingContext(t.Context()))
			if refusal.Number != tt.number || refusal.Message != tt.text {
				t.Errorf("got error %d %q, want %d %q", refusal.Number, refusal.Message, tt.number, tt.text)
			}
			logIns := server.Logins()
			if len(logIns) != 1 || logIns[0].Accepted || logIns[0].Reason != tt.reason {
				t.Errorf("got log %+v, want one refusal with reason %q", logIns, tt.reason)
			}
			if strings.Contains(logIns[0].Detail, token) {
				t.Error("the log shows the token")
			}
		})
	}
}

func breakSignature(token string) string {
	last := "0"
	if strings.HasSuffix(token, last) {
		last = "1"
	}
	return token[:len(token)-1] + last
}

func TestMySQLTokenAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		db := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app")))
		db.SetMaxIdleConns(0)

		time.Sleep(15*time.Minute - time.Second)
		if err := db.PingContext(t.Context()); err != nil {
			t.Errorf("at 14:59: %v, want the token to be accepted", err)
		}
		time.Sleep(time.Second)
		if got := mysqlRefusal(t, db.PingContext(t.Context())).Number; got != 1045 {
			t.Errorf("at 15:00: got error %d, want 1045", got)
		}
		if got := lastLogin(t, server); got.Reason != rdsiamtest.ReasonExpired || got.TokenAge != 15*time.Minute {
			t.Errorf("at 15:00: got log entry %+v, want an expired token of 15 minutes", got)
		}
	})
}

// A session outlives the token that opened it.
func TestMySQLSessionOutlivesToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		db := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app")))
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
		defer conn.Close()
		time.Sleep(time.Hour)
		if err := conn.PingContext(t.Context()); err != nil {
			t.Errorf("after an hour: %v", err)
		}
	})
}

// A client that says nothing is dropped when the time for a login is over.
func TestMySQLLoginTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithInMemory())
		conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		defer conn.Close()
		start := time.Now()
		buffer := make([]byte, 512)
		for err == nil {
			_, err = conn.Read(buffer)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("dropped after %s, want 10s", took)
		}
	})
}

func TestMySQLPasswordAccounts(t *testing.T) {
	tests := []struct {
		name     string
		request  rdsiamtest.AuthRequest
		password string
		accepted bool
	}{
		{"caching_sha2_password", rdsiamtest.RequestToken, "secret", true},
		{"caching_sha2_password, wrong", rdsiamtest.RequestToken, "Secret", false},
		{"caching_sha2_password, empty", rdsiamtest.RequestToken, "", false},
		{"mysql_native_password", rdsiamtest.RequestNativePassword, "secret", true},
		{"mysql_native_password, wrong", rdsiamtest.RequestNativePassword, "Secret", false},
		{"mysql_native_password, empty", rdsiamtest.RequestNativePassword, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("legacy", "secret"),
				rdsiamtest.WithPasswordUser("locked", ""), rdsiamtest.WithAuthRequest(tt.request))
			err := openMySQL(t, mysqlConfig(t, server, "legacy", tt.password)).PingContext(t.Context())
			if tt.accepted {
				if err != nil {
					t.Errorf("got %v, want the password to be accepted", err)
				}
				return
			}
			if got := mysqlRefusal(t, err).Number; got != 1045 {
				t.Errorf("got error %d, want 1045", got)
			}
			if got := lastLogin(t, server).Reason; got != rdsiamtest.ReasonPassword {
				t.Errorf("got reason %q, want %q", got, rdsiamtest.ReasonPassword)
			}
			err = openMySQL(t, mysqlConfig(t, server, "locked", tt.password)).PingContext(t.Context())
			if got := mysqlRefusal(t, err).Number; got != 1045 {
				t.Errorf("an account without a password: got error %d, want 1045", got)
			}
		})
	}
}

// Servers that ask an IAM account for something else learn nothing by
// mysql_native_password. By caching_sha2_password they get the token, if the
// client trusts their certificate.
func TestMySQLHostileRequests(t *testing.T) {
	for name, request := range map[string]rdsiamtest.AuthRequest{
		"mysql_native_password": rdsiamtest.RequestNativePassword,
		"caching_sha2_password": rdsiamtest.RequestCachingSHA2,
	} {
		t.Run(name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithAuthRequest(request))
			err := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app"))).PingContext(t.Context())
			if got := mysqlRefusal(t, err).Number; got != 1045 {
				t.Errorf("got error %d, want 1045", got)
			}
			logIn := lastLogin(t, server)
			if logIn.Reason != rdsiamtest.ReasonPassword || !logIn.PasswordReceived {
				t.Errorf("got log entry %+v, want a refused password", logIn)
			}
		})
	}
}

func TestMySQLClientGivesUp(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	config := mysqlConfig(t, server, "app", tokenFor(t, server, "app"))
	config.AllowCleartextPasswords = false
	err := openMySQL(t, config).PingContext(t.Context())
	if !errors.Is(err, mysql.ErrCleartextPassword) {
		t.Fatalf("got error %v, want %v", err, mysql.ErrCleartextPassword)
	}
	server.Close() // waits for the entry
	if got := lastLogin(t, server).Reason; got != rdsiamtest.ReasonAbandoned {
		t.Errorf("got reason %q, want %q", got, rdsiamtest.ReasonAbandoned)
	}
}

// Close ends sessions that are idle and those that have not logged in.
func TestMySQLClose(t *testing.T) {
	for _, options := range [][]rdsiamtest.Option{nil, {rdsiamtest.WithInMemory()}} {
		server := rdsiamtest.StartMySQL(t, append(options, rdsiamtest.WithIAMUser("app"))...)
		db := openMySQL(t, mysqlConfig(t, server, "app", tokenFor(t, server, "app")))
		if err := db.PingContext(t.Context()); err != nil {
			t.Fatalf("ping: %v", err)
		}
		silent, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		defer silent.Close()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := db.PingContext(t.Context()); err == nil {
			t.Error("a closed server answers")
		}
	}
}
