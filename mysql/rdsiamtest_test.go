package rdsmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// openers open a *sql.DB on a server that checks tokens, by the Driver and by the hook.
var openers = map[string]func(*testing.T, *rdsiamtest.Server, *wire, rdsiam.TokenSource) *sql.DB{
	"Driver": func(t *testing.T, server *rdsiamtest.Server, w *wire, tokens rdsiam.TokenSource) *sql.DB {
		d, err := rdsmysql.New(serverConfig(t, server, w), rdsiam.WithRootCAs(server.RootCAs()))
		if err != nil {
			t.Fatal(err)
		}
		return sql.OpenDB(rdsiam.NewConnector(d, tokens))
	},
	"hook": func(t *testing.T, server *rdsiamtest.Server, w *wire, tokens rdsiam.TokenSource) *sql.DB {
		config := serverConfig(t, server, w)
		hook := rdsmysql.BeforeConnect(tokens, rdsiam.WithRootCAs(server.RootCAs()))
		if err := config.Apply(mysql.BeforeConnect(hook)); err != nil {
			t.Fatal(err)
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		return sql.OpenDB(connector)
	},
}

func serverConfig(t *testing.T, server *rdsiamtest.Server, w *wire) *mysql.Config {
	t.Helper()
	config, err := mysql.ParseDSN(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = &mysql.NopLogger{}
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := server.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &recordedConn{Conn: conn, wire: w}, nil
	}
	return config
}

func TestServerThatChecksTokens(t *testing.T) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
			var w wire
			source := &rememberingSource{source: rdsiam.NewTokenSource(server.Credentials())}
			db := open(t, server, &w, source)
			defer db.Close()
			var one int
			if err := db.QueryRowContext(t.Context(), "select 1").Scan(&one); err != nil || one != 1 {
				t.Fatalf("got %d, %v", one, err)
			}
			var echo string
			if err := db.QueryRowContext(t.Context(), "select ?", "prepared").Scan(&echo); err != nil || echo != "prepared" {
				t.Fatalf("got %q, %v", echo, err)
			}
			logIns := server.Logins()
			if len(logIns) != 1 || !logIns[0].Accepted || !logIns[0].TLS {
				t.Errorf("got %+v, want one login with TLS", logIns)
			}
			source.refuseOnWire(t, &w)
		})
	}
}

func TestServerRefusesOnce(t *testing.T) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			// With several addresses the driver still logs in once: it takes the
			// first that can be dialed.
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("other"), rdsiamtest.WithAddresses(3))
			var w wire
			source := &rememberingSource{source: rdsiam.NewTokenSource(server.Credentials())}
			db := open(t, server, &w, source)
			defer db.Close()
			err := db.PingContext(t.Context())
			var answer *mysql.MySQLError
			if !errors.As(err, &answer) || answer.Number != 1045 {
				t.Fatalf("got %v", err)
			}
			if len(source.texts) != 1 || len(server.Logins()) != 1 {
				t.Errorf("%d tokens, %d logins, want one of each", len(source.texts), len(server.Logins()))
			}
			source.refuseOnWire(t, &w)
		})
	}
}

// What the server does wrong decides whether the login gets through, never whether the
// token is seen.
func TestMisbehavingServers(t *testing.T) {
	tests := []struct {
		name   string
		option rdsiamtest.Option
	}{
		{"no TLS", rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable)},
		{"wrong name", rdsiamtest.WithTLSMode(rdsiamtest.WrongName)},
		{"expired certificate", rdsiamtest.WithTLSMode(rdsiamtest.ExpiredCertificate)},
		{"unknown authority", rdsiamtest.WithTLSMode(rdsiamtest.UnknownAuthority)},
		{"native password", rdsiamtest.WithAuthRequest(rdsiamtest.RequestNativePassword)},
		{"caching sha2", rdsiamtest.WithAuthRequest(rdsiamtest.RequestCachingSHA2)},
	}
	for _, test := range tests {
		for name, open := range openers {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"), test.option)
				var w wire
				source := &rememberingSource{source: rdsiam.NewTokenSource(server.Credentials())}
				db := open(t, server, &w, source)
				defer db.Close()
				if err := db.PingContext(t.Context()); err == nil {
					t.Error("logged in")
				}
				source.refuseOnWire(t, &w)
			})
		}
	}
}

// rememberingSource keeps what its source gave, to look for it on the wire. It is for
// one connection at a time.
type rememberingSource struct {
	source rdsiam.TokenSource
	texts  []string
}

func (s *rememberingSource) Token(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	token, err := s.source.Token(ctx, login)
	s.texts = append(s.texts, token.Reveal())
	return token, err
}

func (s *rememberingSource) refuseOnWire(t *testing.T, w *wire) {
	t.Helper()
	if len(s.texts) == 0 {
		t.Error("no token was asked for, so nothing is proven")
	}
	for _, text := range s.texts {
		presigned, err := url.Parse("https://" + text)
		if err != nil {
			t.Fatal(err)
		}
		w.refuse(t, text, presigned.Query().Get("X-Amz-Signature"), presigned.Query().Get("X-Amz-Security-Token"))
	}
}
