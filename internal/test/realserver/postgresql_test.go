package realserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// pgConnect logs in with plain pgx. A nil tlsConfig means no TLS.
func pgConnect(ctx context.Context, s *realserver.Server, tlsConfig *tls.Config, user, pass string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig("postgres://" + serverName + "/postgres?sslmode=disable")
	if err != nil {
		return nil, err
	}
	c.User, c.Password, c.TLSConfig = user, pass, tlsConfig
	c.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr())
	}
	return pgx.ConnectConfig(ctx, c)
}

// pgLogin logs in and asks who it is.
func pgLogin(ctx context.Context, s *realserver.Server, tlsConfig *tls.Config, user, pass string) (string, error) {
	conn, err := pgConnect(ctx, s, tlsConfig, user, pass)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var who string
	err = conn.QueryRow(ctx, "SELECT current_user").Scan(&who)
	return who, err
}

func TestPostgreSQL(t *testing.T) {
	t.Setenv("PGCLIENTENCODING", "nonsense") // the caller's environment is not that of the server's programs
	for _, installation := range realserver.PostgreSQLs() {
		t.Run(installation.String(), func(t *testing.T) { testPostgreSQL(t, installation.Start) })
	}
}

func testPostgreSQL(t *testing.T, startServer startFunc) {
	for _, method := range []realserver.Method{realserver.MethodPAM, realserver.MethodLDAP} {
		t.Run(string(method), func(t *testing.T) {
			c, log := &checker{}, &logBuffer{}
			o, verified := options(t, c.check)
			o.Method, o.Log = method, log
			s := start(t, startServer, o)
			if s.Method() != method {
				t.Errorf("method %q, want %q", s.Method(), method)
			}
			if s.Version() == "" || strings.ContainsAny(s.Version(), "\n") {
				t.Errorf("version %q", s.Version())
			}
			t.Run("accepts", func(t *testing.T) { testPostgreSQLAccepts(t, s, c, verified) })
			t.Run("refuses", func(t *testing.T) { testPostgreSQLRefuses(t, s, c, verified, method) })
			t.Run("many at once", func(t *testing.T) { testPostgreSQLMany(t, s, verified) })
			t.Run("exec", func(t *testing.T) { testPostgreSQLExec(t, s, verified) })
			s.Close()
			for _, secret := range []string{"good:", "bad-token", password} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("the log has %q in it:\n%s", secret, log)
				}
			}
		})
	}
}

func testPostgreSQLAccepts(t *testing.T, s *realserver.Server, c *checker, verified *tls.Config) {
	for _, length := range []int{100, 5_000, 20_000, 60_000, 65_323} {
		c.take()
		token := tokenOf(length)
		who, err := pgLogin(t.Context(), s, verified, iamUser, token)
		if err != nil || who != iamUser {
			t.Errorf("token of %d bytes: user %q, error %v", length, who, err)
		}
		if got := c.take(); !slices.Equal(got, []string{iamUser + " " + token}) {
			t.Errorf("token of %d bytes: checked %d times, or another one", length, len(got))
		}
	}
	who, err := pgLogin(t.Context(), s, verified, passwordUser, password)
	if err != nil || who != passwordUser {
		t.Errorf("password: user %q, error %v", who, err)
	}
	if got := c.take(); len(got) != 0 {
		t.Errorf("a password was checked as a token: %q", got)
	}
}

func testPostgreSQLRefuses(t *testing.T, s *realserver.Server, c *checker, verified *tls.Config, method realserver.Method) {
	tests := []struct {
		name       string
		user, pass string
		tls        *tls.Config
		code, text string
		checked    int
	}{
		{"wrong token", iamUser, "bad-token", verified, "28000",
			strings.ToUpper(string(method)) + ` authentication failed for user "` + iamUser + `"`, 1},
		{"role without rds_iam", passwordUser, goodToken, verified, "28P01", "password authentication failed for user", 0},
		{"no such role", "nobody_at_all", goodToken, verified, "28P01", "password authentication failed for user", 0},
		{"token without TLS", iamUser, goodToken, nil, "28000",
			`pg_hba.conf rejects connection for host "127.0.0.1", user "` + iamUser + `", database "postgres", no encryption`, 0},
		{"password without TLS", passwordUser, password, nil, "28000", "no pg_hba.conf entry for host", 0},
		{"administrator over TCP", "rdsadmin", goodToken, verified, "28P01", "password authentication failed for user", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.take()
			_, err := pgLogin(t.Context(), s, tt.tls, tt.user, tt.pass)
			var pgErr *pgconn.PgError
			if !errors.As(err, &pgErr) {
				t.Fatalf("error %v, want a refusal by the server", err)
			}
			if pgErr.Code != tt.code || !strings.Contains(pgErr.Message, tt.text) {
				t.Errorf("refused with %s %q, want %s %q", pgErr.Code, pgErr.Message, tt.code, tt.text)
			}
			if got := c.take(); len(got) != tt.checked {
				t.Errorf("%d checks, want %d", len(got), tt.checked)
			}
		})
	}
	if _, err := pgLogin(t.Context(), s, &tls.Config{ServerName: serverName}, iamUser, goodToken); err == nil ||
		!strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("a client with other roots: %v", err)
	}
}

// A session must not keep anything that the next one needs.
func testPostgreSQLMany(t *testing.T, s *realserver.Server, verified *tls.Config) {
	const sessions = 80
	conns, errs := make([]*pgx.Conn, sessions), make([]error, sessions)
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() { conns[i], errs[i] = pgConnect(t.Context(), s, verified, iamUser, goodToken) })
	}
	wg.Wait()
	for _, conn := range conns {
		if conn != nil {
			conn.Close(t.Context())
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func testPostgreSQLExec(t *testing.T, s *realserver.Server, verified *tls.Config) {
	err := s.Exec(t.Context(), "CREATE TABLE seen (n int) -- a comment", fmt.Sprintf("GRANT ALL ON seen TO %s", iamUser), "INSERT INTO seen VALUES (7)")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Exec(t.Context(), "INSERT INTO seen VALUES (8)", "CREATE ROLE rds_iam PASSWORD 'not-to-be-shown'", "INSERT INTO seen VALUES (9)")
	if err == nil || !strings.Contains(err.Error(), `role "rds_iam" already exists`) {
		t.Errorf("error %v", err)
	}
	if err := s.Exec(t.Context(), "CREATE ROLE x PASSWORD 'not-to-be-shown' NONSENSE"); err == nil || strings.Contains(err.Error(), "not-to-be-shown") {
		t.Errorf("error %v", err)
	}
	conn, err := pgConnect(t.Context(), s, verified, iamUser, goodToken)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	if err := conn.QueryRow(t.Context(), "SELECT string_agg(n::text, ' ') FROM seen").Scan(&got); err != nil || got != "7 8" {
		t.Errorf("got %q, error %v, want the statements before the failed one", got, err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Exec(canceled, "SELECT 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
