package doctor_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
)

// The account of somebody else is not made one for tokens: its password would be gone.
func TestFixPlugin(t *testing.T) {
	for _, test := range []struct{ user, name, quoted, want string }{
		{"app", "app", "'app'@'%'", "ALTER USER 'app'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;"},
		{"app", "admin", "'admin'@'%'", "SELECT user, host, plugin FROM mysql.user WHERE user IN ('app', 'admin');"},
		{"app", "", "''@'localhost'", "SELECT user, host, plugin FROM mysql.user WHERE user IN ('app', '');"},
	} {
		text, command := doctor.FixPlugin(test.user, test.name, test.quoted)
		if command != test.want {
			t.Errorf("%s logged in as %q: %s; want %s", test.user, test.name, command, test.want)
		}
		if told := strings.Contains(text, "not that of app"); told != (test.name != test.user) {
			t.Errorf("%s logged in as %q: %s", test.user, test.name, text)
		}
	}
}
