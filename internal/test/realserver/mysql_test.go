package realserver_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// mySQL opens a pool with plain go-sql-driver. A nil tlsConfig means no TLS.
func mySQL(t *testing.T, s *realserver.Server, tlsConfig *tls.Config, user, pass string) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.TLS = "tcp", serverName+":3306", user, pass, tlsConfig
	c.AllowCleartextPasswords = true
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr())
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestMySQL(t *testing.T) {
	t.Setenv("MYSQL_PWD", "nonsense") // the caller's environment is not that of the server's programs
	for _, installation := range realserver.MySQLs() {
		t.Run(installation.String(), func(t *testing.T) { testMySQL(t, installation) })
	}
}

func testMySQL(t *testing.T, installation realserver.Installation) {
	c, log := &checker{}, &logBuffer{}
	o, verified := options(t, c.check)
	o.Log = log
	s := start(t, installation.Start, o)
	if s.Method() != realserver.MethodPlugin {
		t.Errorf("method %q", s.Method())
	}
	if strings.Contains(s.Version(), "MariaDB") != (installation.Product == "MariaDB") {
		t.Errorf("%s has version %q", installation, s.Version())
	}
	t.Run("accepts", func(t *testing.T) { testMySQLAccepts(t, s, c, verified) })
	t.Run("refuses", func(t *testing.T) { testMySQLRefuses(t, s, c, verified) })
	t.Run("many at once", func(t *testing.T) { testMySQLMany(t, s, verified) })
	t.Run("exec", func(t *testing.T) { testMySQLExec(t, s, verified) })
	s.Close()
	for _, secret := range []string{"good:", "bad-token", password} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q in it:\n%s", secret, log)
		}
	}
}

func testMySQLAccepts(t *testing.T, s *realserver.Server, c *checker, verified *tls.Config) {
	for _, length := range []int{100, 5_000, 20_000, 60_000, 60_325} {
		c.take()
		token := tokenOf(length)
		var who string
		err := mySQL(t, s, verified, iamUser, token).QueryRowContext(t.Context(), "SELECT CURRENT_USER()").Scan(&who)
		if err != nil || who != iamUser+"@%" {
			t.Errorf("token of %d bytes: user %q, error %v", length, who, err)
		}
		if got := c.take(); !slices.Equal(got, []string{iamUser + " " + token}) {
			t.Errorf("token of %d bytes: checked %d times, or another one", length, len(got))
		}
	}
	if err := mySQL(t, s, verified, passwordUser, password).PingContext(t.Context()); err != nil {
		t.Errorf("password: %v", err)
	}
	if got := c.take(); len(got) != 0 {
		t.Errorf("a password was checked as a token: %q", got)
	}
}

func testMySQLRefuses(t *testing.T, s *realserver.Server, c *checker, verified *tls.Config) {
	tests := []struct {
		name       string
		user, pass string
		tls        *tls.Config
		checked    int
	}{
		{"wrong token", iamUser, "bad-token", verified, 1},
		{"good token with a NUL inside", iamUser, goodToken + "\x00more", verified, 0},
		{"user without the plugin", passwordUser, goodToken, verified, 0},
		{"no such user", "nobody_at_all", goodToken, verified, 0},
		// REQUIRE SSL is looked at after the token was taken and found good.
		{"token without TLS", iamUser, goodToken, nil, 1},
		{"administrator over TCP", "root", "", verified, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.take()
			err := mySQL(t, s, tt.tls, tt.user, tt.pass).PingContext(t.Context())
			var myErr *mysql.MySQLError
			if !errors.As(err, &myErr) {
				t.Fatalf("error %v, want a refusal by the server", err)
			}
			text := "Access denied for user '" + tt.user + "'@'127.0.0.1'"
			if myErr.Number != 1045 || string(myErr.SQLState[:]) != "28000" || !strings.HasPrefix(myErr.Message, text) {
				t.Errorf("refused with %v, want 1045 (28000) %q", myErr, text)
			}
			t.Log(myErr)
			if got := c.take(); len(got) != tt.checked {
				t.Errorf("%d checks, want %d", len(got), tt.checked)
			}
		})
	}
	err := mySQL(t, s, &tls.Config{ServerName: serverName}, iamUser, goodToken).PingContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("a client with other roots: %v", err)
	}
}

func testMySQLMany(t *testing.T, s *realserver.Server, verified *tls.Config) {
	const sessions = 80
	db := mySQL(t, s, verified, iamUser, goodToken)
	conns, errs := make([]*sql.Conn, sessions), make([]error, sessions)
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() { conns[i], errs[i] = db.Conn(t.Context()) })
	}
	wg.Wait()
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func testMySQLExec(t *testing.T, s *realserver.Server, verified *tls.Config) {
	err := s.Exec(t.Context(), "CREATE DATABASE app", "CREATE TABLE app.seen (n int)",
		"GRANT ALL ON app.* TO "+iamUser, "INSERT INTO app.seen VALUES (7)")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Exec(t.Context(), "INSERT INTO app.seen VALUES (8)", "CREATE DATABASE app", "INSERT INTO app.seen VALUES (9)")
	if err == nil || !strings.Contains(err.Error(), "database exists") {
		t.Errorf("error %v", err)
	}
	// As the RDS documentation has them.
	err = s.Exec(t.Context(),
		"CREATE USER 'jane_doe'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'",
		"ALTER USER 'jane_doe'@'%' REQUIRE SSL",
		"CREATE USER u IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL")
	if err != nil {
		t.Error(err)
	}
	if err := s.Exec(t.Context(), "CREATE USER with_password IDENTIFIED WITH AWSAuthenticationPlugin BY 'x'"); err == nil {
		t.Error("an account of the plugin got a password")
	}
	var got string
	db := mySQL(t, s, verified, iamUser, goodToken)
	if err := db.QueryRowContext(t.Context(), "SELECT GROUP_CONCAT(n ORDER BY n) FROM app.seen").Scan(&got); err != nil || got != "7,8" {
		t.Errorf("got %q, error %v, want the statements before the failed one", got, err)
	}
}
