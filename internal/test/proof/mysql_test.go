package proof_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestRealMySQL(t *testing.T) {
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) { proveMySQL(t, installation) })
	}
}

func proveMySQL(t *testing.T, installation realserver.Installation) {
	l := newLab(t, installation, rdsiamtest.StartMySQL, realserver.Options{})
	ways := l.waysOfMySQL(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Logf("server: %s", l.name)
			got, err := way.query(t.Context(), allowed, l.tokens, whoAmI(installation))
			if err != nil || got != "app@%, TLS: 1" {
				t.Errorf("got %q, %v", got, err)
			}
			if reason := l.lastReason(); reason != rdsiamtest.ReasonAccepted {
				t.Errorf("the verifier says %s", reason)
			}
		})
	}
	denied := func(user string) []string {
		return []string{"Error 1045 (28000): Access denied for user '" + user + "'@"}
	}
	l.proveRefusals(t, ways, []refusal{
		{"policy", forbidden, l.tokens, 0, denied(forbidden), rdsiamtest.ReasonPolicy, false},
		{"key", allowed, stranger(), 0, denied(allowed), rdsiamtest.ReasonAccessKey, false},
		{"expired", allowed, l.tokens, 15 * time.Minute, denied(allowed), rdsiamtest.ReasonExpired, false},
		{"without the plugin", ordinary, l.tokens, 0, denied(ordinary), "", true},
		{"no such account", "nobody", l.tokens, 0, denied("nobody"), "", true},
	})
}

// whoAmI asks for the account and whether the connection is encrypted, which the
// products keep in different places.
func whoAmI(installation realserver.Installation) string {
	status := "information_schema.session_status"
	if installation.Product == "MySQL" {
		status = "performance_schema.session_status"
	}
	return "SELECT CONCAT(CURRENT_USER(), ', TLS: ', variable_value <> '') FROM " + status + " WHERE variable_name = 'Ssl_cipher'"
}

func (l *lab) waysOfMySQL(t *testing.T) []way {
	config := func(user string) *mysql.Config {
		c, err := mysql.ParseDSN(l.verifier.DSN(user))
		if err != nil {
			t.Fatal(err)
		}
		c.DBName = ""
		c.DialFunc = l.dial
		return c
	}
	return []way{
		{"Connector", func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (string, error) {
			driver, err := rdsmysql.New(config(user), l.roots())
			if err != nil {
				return "", err
			}
			return queryDB(ctx, sql.OpenDB(rdsiam.NewConnector(driver, tokens)), statement)
		}},
		{"hook", func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (string, error) {
			c := config(user)
			if err := c.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(tokens, l.roots()))); err != nil {
				return "", err
			}
			connector, err := mysql.NewConnector(c)
			if err != nil {
				return "", err
			}
			return queryDB(ctx, sql.OpenDB(connector), statement)
		}},
	}
}
