package clients_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestPostgreSQL(t *testing.T) {
	t.Run("rdsiamtest", func(t *testing.T) {
		l := newLab(t, rdsiamtest.StartPostgreSQL)
		l.provePostgreSQL(t, "SELECT current_user", "")
	})
	for _, installation := range realserver.PostgreSQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			// RDS has pam, and its words.
			l := newRealLab(t, rdsiamtest.StartPostgreSQL, installation, realserver.MethodPAM)
			l.provePostgreSQL(t, "SELECT current_user || ', TLS: ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", ", TLS: true")
		})
	}
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
			l.proveLogins(t, c, who, suffix)
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
