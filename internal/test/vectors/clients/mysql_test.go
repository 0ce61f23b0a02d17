package clients_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMySQL(t *testing.T) {
	t.Run("rdsiamtest", func(t *testing.T) {
		l := newLab(t, rdsiamtest.StartMySQL)
		l.proveMySQL(t, "SELECT current_user()", "@%")
	})
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			l := newRealLab(t, rdsiamtest.StartMySQL, installation, "")
			l.proveMySQL(t, "SELECT CONCAT(CURRENT_USER(), ', TLS: ', variable_value <> '') FROM "+statusTable[installation.Product]+
				" WHERE variable_name = 'Ssl_cipher'", "@%, TLS: 1")
		})
	}
}

// statusTable is where a server keeps what SHOW STATUS says of the session.
var statusTable = map[string]string{"MariaDB": "information_schema.session_status", "MySQL": "performance_schema.session_status"}

func (l *lab) proveMySQL(t *testing.T, who, suffix string) {
	denied := func(user, used string) string {
		return "Access denied for user '" + user + "'@'127.0.0.1' (using password: " + used + ")"
	}
	// A server says what the plugin of the account says, and the one of realserver says
	// nothing. Users of RDS have seen NO as well, so it is no sign of what was sent.
	used := "YES"
	if l.real {
		used = "NO"
	}
	refusals := append(
		wrongTokens("28000", denied(app, used), denied(forbidden, used)),
		// A real server looks for TLS only when the token has been accepted.
		refusal{"without TLS", withoutTLS, "28000", denied(app, used), rdsiamtest.ReasonPlaintext, rdsiamtest.ReasonAccepted},
		refusal{"without the plugin", asUser(ordinary), "28000", denied(ordinary, "YES"), rdsiamtest.ReasonNotIAM, ""},
		refusal{"no such account", asUser("nobody"), "28000", denied("nobody", "YES"), rdsiamtest.ReasonUnknownUser, ""})
	for name, find := range mySQLClients {
		t.Run(name, func(t *testing.T) {
			c := find(t)
			l.proveLogins(t, c, who, suffix)
			l.proveRefusals(t, c, refusals)
		})
	}
}

// mysql2 sends no token unless it is told that it may: asked for it, it gives up.
func TestMySQL2WithoutCleartext(t *testing.T) {
	c, l := mysql2(t), newLab(t, rdsiamtest.StartMySQL)
	in := login{user: app, token: l.token(t, app), statement: "SELECT 1", noCleartext: true}
	output, ok := c.logIn(t, l, in)
	if want := "MYSQL_CLEAR_PASSWORD_NOT_ENABLED"; ok || !strings.HasPrefix(output, want) {
		t.Errorf("the client says %q, want %s", output, want)
	}
	if last := l.lastLogin(t); last.Reason != rdsiamtest.ReasonAbandoned {
		t.Errorf("the server saw %+v, want %q", last, rdsiamtest.ReasonAbandoned)
	}
}

func TestMySQLClientsVerify(t *testing.T) {
	for name, find := range mySQLClients {
		t.Run(name, func(t *testing.T) { proveVerification(t, rdsiamtest.StartMySQL, find) })
	}
}

var mySQLClients = map[string]findClient{"mariadb": mariadb, "mysql2": mysql2}
