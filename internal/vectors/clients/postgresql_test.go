package clients_test

import (
	"context"
	"testing"

	"github.com/rdsiam/rdsiam/internal/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestPostgreSQL(t *testing.T) {
	t.Run("rdsiamtest", func(t *testing.T) {
		l := newLab(t, rdsiamtest.StartPostgreSQL)
		l.provePostgreSQL(t, "SELECT current_user", "")
	})
	t.Run("real", func(t *testing.T) {
		l := newRealLab(t, "PostgreSQL", rdsiamtest.StartPostgreSQL, func(ctx context.Context, o realserver.Options) (*realserver.Server, error) {
			o.Method = realserver.MethodPAM // RDS has pam, and its words
			return realserver.StartPostgreSQL(ctx, o)
		})
		l.provePostgreSQL(t, "SELECT current_user || ', TLS: ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", ", TLS: true")
	})
}

func (l *lab) provePostgreSQL(t *testing.T, who, suffix string) {
	const rejected = `pg_hba.conf rejects connection for host "127.0.0.1", user "app", database "postgres", no encryption`
	refusals := append(
		wrongTokens("28000", `PAM authentication failed for user "app"`, `PAM authentication failed for user "forbidden"`),
		refusal{"without TLS", withoutTLS, "28000", rejected, rdsiamtest.ReasonPlaintext, ""},
		refusal{"no member of rds_iam", asUser(ordinary), "28P01", `password authentication failed for user "ordinary"`, rdsiamtest.ReasonPassword, ""},
		refusal{"no such role", asUser("nobody"), "28P01", `password authentication failed for user "nobody"`, rdsiamtest.ReasonUnknownUser, ""})
	for name, find := range postgreSQLClients {
		t.Run(name, func(t *testing.T) {
			c := find(t)
			l.proveLogIns(t, c, who, suffix)
			l.proveRefusals(t, c, refusals)
		})
	}
}

func TestPostgreSQLClientsVerify(t *testing.T) {
	for name, find := range postgreSQLClients {
		t.Run(name, func(t *testing.T) { proveVerification(t, rdsiamtest.StartPostgreSQL, find) })
	}
}

var postgreSQLClients = map[string]findClient{"psql": psql, "pg": pg}
