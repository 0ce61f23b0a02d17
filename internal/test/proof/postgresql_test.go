package proof_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestRealPostgreSQL(t *testing.T) {
	for _, installation := range realserver.PostgreSQLs() {
		for _, method := range []realserver.Method{realserver.MethodPAM, realserver.MethodLDAP} {
			t.Run(installation.String()+"/"+string(method), func(t *testing.T) { provePostgreSQL(t, installation, method) })
		}
	}
}

func provePostgreSQL(t *testing.T, installation realserver.Installation, method realserver.Method) {
	l := newLab(t, installation, rdsiamtest.StartPostgreSQL, realserver.Options{Method: method})
	ways := l.waysOfPostgreSQL(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Logf("server: %s", l.name)
			const who = "SELECT current_user || ', TLS: ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
			got, err := way.query(t.Context(), allowed, l.tokens, who)
			if err != nil || got != "app, TLS: true" {
				t.Errorf("got %q, %v", got, err)
			}
			if reason := l.lastReason(); reason != rdsiamtest.ReasonAccepted {
				t.Errorf("the verifier says %s", reason)
			}
		})
	}
	refused := strings.ToUpper(string(method)) + ` authentication failed for user "`
	l.proveRefusals(t, ways, []refusal{
		{"policy", forbidden, l.tokens, 0, []string{refused + forbidden, "28000"}, rdsiamtest.ReasonPolicy, false},
		{"key", allowed, stranger(), 0, []string{refused + allowed, "28000"}, rdsiamtest.ReasonAccessKey, false},
		{"expired", allowed, l.tokens, 15 * time.Minute, []string{refused + allowed, "28000"}, rdsiamtest.ReasonExpired, false},
		{"no member of rds_iam", ordinary, l.tokens, 0, []string{"server requested scram-sha-256 authentication"}, "", true},
		{"no such role", "nobody", l.tokens, 0, []string{"server requested scram-sha-256 authentication"}, "", true},
	})
}

func (l *lab) waysOfPostgreSQL(t *testing.T) []way {
	config := func(user string) *pgx.ConnConfig {
		c, err := pgx.ParseConfig(l.verifier.DSN(user))
		if err != nil {
			t.Fatal(err)
		}
		c.DialFunc, c.LookupFunc = l.dial, l.verifier.LookupHost
		return c
	}
	return []way{
		{"Connector", func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (string, error) {
			driver, err := rdspgx.New(config(user), l.roots())
			if err != nil {
				return "", err
			}
			return queryDB(ctx, sql.OpenDB(rdsiam.NewConnector(driver, tokens)), statement)
		}},
		{"stdlib hook", func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (string, error) {
			hook := stdlib.OptionBeforeConnect(rdspgx.BeforeConnect(tokens, l.roots()))
			return queryDB(ctx, stdlib.OpenDB(*config(user), hook), statement)
		}},
		{"pgxpool hook", func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (text string, err error) {
			c, err := pgxpool.ParseConfig(l.verifier.DSN(user))
			if err != nil {
				return "", err
			}
			c.ConnConfig.DialFunc, c.ConnConfig.LookupFunc = l.dial, l.verifier.LookupHost
			c.BeforeConnect = rdspgx.BeforeConnect(tokens, l.roots())
			pool, err := pgxpool.NewWithConfig(ctx, c)
			if err != nil {
				return "", err
			}
			defer pool.Close()
			err = pool.QueryRow(ctx, statement).Scan(&text)
			return text, err
		}},
		{"pgx.Conn hook", func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (text string, err error) {
			c := config(user)
			if err := rdspgx.BeforeConnect(tokens, l.roots())(ctx, c); err != nil {
				return "", err
			}
			conn, err := pgx.ConnectConfig(ctx, c)
			if err != nil {
				return "", err
			}
			defer conn.Close(context.WithoutCancel(ctx))
			err = conn.QueryRow(ctx, statement).Scan(&text)
			return text, err
		}},
	}
}
