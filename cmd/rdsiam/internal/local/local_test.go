package local_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"crypto/x509"
	"database/sql"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/local"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startReal starts a real server with two users and a password for each.
func startReal(t *testing.T, start func(context.Context, realserver.Options) (*realserver.Server, error)) *realserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	real, err := start(ctx, realserver.Options{
		Check:         func(context.Context, string, string) error { return errors.New("nobody has a token here") },
		Certificate:   rdsiamtest.StartPostgreSQL(t).Certificate(),
		PasswordUsers: map[string]string{"owner": "s3cret/word", "app": "s3cret/word"},
	})
	if missing := new(realserver.MissingError); errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") == "" {
		t.Skip(missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(real.Close)
	return real
}

// environmentOf starts local servers and returns what they print.
func environmentOf(t *testing.T, o local.Options) map[string]string {
	t.Helper()
	o.Users, o.Region = []string{"app"}, "eu-west-1"
	o.LoggedIn = func(string, rdsiamtest.Login) {}
	server, err := local.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	environment, err := server.Environment()
	if err != nil {
		t.Fatal(err)
	}
	set := make(map[string]string)
	for _, variable := range environment.Set {
		set[variable.Name] = variable.Value
	}
	return set
}

// token is made as other languages make it, by the SDK of AWS for the address dialed.
func token(t *testing.T, e map[string]string, prefix string) string {
	t.Helper()
	provider := credentials.NewStaticCredentialsProvider(e["AWS_ACCESS_KEY_ID"], e["AWS_SECRET_ACCESS_KEY"], e["AWS_SESSION_TOKEN"])
	token, err := auth.BuildAuthToken(t.Context(), e[prefix+"HOST"]+":"+e[prefix+"PORT"], e["AWS_REGION"], e["RDSIAM_USER"], provider)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// The user of the DSN runs the sessions; where it names none, they are the client's own.
func TestPostgreSQLBehind(t *testing.T) {
	real := startReal(t, realserver.StartPostgreSQL)
	tests := []struct{ name, dsn, environment, want string }{
		{"user", "postgres://owner:s3cret%2Fword@" + real.Addr() + "/template1?sslmode=require", "", "owner template1"},
		{"user, keywords", "user=owner " + keywords(real), "", "owner postgres"},
		{"no user", "postgres://" + real.Addr() + "/postgres?sslmode=prefer", "", "app postgres"},
		{"no user, keywords", keywords(real), "", "app postgres"},
		{"user of the environment", keywords(real), "owner", "owner postgres"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PGPASSWORD", "s3cret/word")
			t.Setenv("PGUSER", test.environment)
			upstream, err := local.ConnectPostgreSQL(t.Context(), test.dsn, "app")
			if err != nil {
				t.Fatal(err)
			}
			e := environmentOf(t, local.Options{PostgreSQL: &local.Database{Upstream: upstream}})
			config, err := pgx.ParseConfig(e["RDSIAM_POSTGRES_URL"])
			if err != nil {
				t.Fatal(err)
			}
			config.Password = token(t, e, "RDSIAM_POSTGRES_")
			conn, err := pgx.ConnectConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			var got string
			if err := conn.QueryRow(t.Context(), "select current_user || ' ' || current_database()").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("user and database = %s, want %s", got, test.want)
			}
		})
	}
}

func keywords(real *realserver.Server) string {
	host, port, _ := strings.Cut(real.Addr(), ":")
	return fmt.Sprintf("host=%s port=%s dbname=postgres sslmode=require", host, port)
}

func TestMySQLBehind(t *testing.T) {
	real := startReal(t, realserver.StartMariaDB)
	tests := []struct{ name, dsn, want string }{
		{"URL", "mysql://owner:s3cret%2Fword@" + real.Addr() + "/", "owner"},
		{"DSN", "owner:s3cret/word@tcp(" + real.Addr() + ")/?tls=skip-verify", "owner"},
		{"no user", "mariadb://:s3cret%2Fword@" + real.Addr() + "/?tls=skip-verify", "app"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			upstream, err := local.ConnectMySQL(t.Context(), test.dsn, "app")
			if err != nil {
				t.Fatal(err)
			}
			e := environmentOf(t, local.Options{MySQL: &local.Database{Upstream: upstream}})
			config := mysql.NewConfig()
			config.User, config.Passwd, config.AllowCleartextPasswords = e["RDSIAM_USER"], token(t, e, "RDSIAM_MYSQL_"), true
			config.Net, config.Addr = "tcp", e["RDSIAM_MYSQL_HOST"]+":"+e["RDSIAM_MYSQL_PORT"]
			config.TLS = &tls.Config{RootCAs: rootCAs(t, e), ServerName: e["RDSIAM_MYSQL_HOST"]}
			connector, err := mysql.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			db := sql.OpenDB(connector)
			defer db.Close()
			var got string
			if err := db.QueryRowContext(t.Context(), "select current_user()").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if user, _, _ := strings.Cut(got, "@"); user != test.want {
				t.Errorf("user = %s, want %s", user, test.want)
			}
		})
	}
}

func rootCAs(t *testing.T, e map[string]string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(e["RDSIAM_ROOT_CAS"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// What is wrong with a server behind shows at once, and never a password.
func TestServerBehindIsTried(t *testing.T) {
	postgres, mariadb := startReal(t, realserver.StartPostgreSQL), startReal(t, realserver.StartMariaDB)
	tests := []struct {
		name string
		err  func() error
		want string
	}{
		{"PostgreSQL", func() error {
			_, err := local.ConnectPostgreSQL(t.Context(), "postgres://owner:h1dden@"+postgres.Addr()+"/postgres?sslmode=require", "app")
			return err
		}, "password authentication failed"},
		{"MySQL", func() error {
			_, err := local.ConnectMySQL(t.Context(), "mysql://owner:h1dden@"+mariadb.Addr()+"/", "app")
			return err
		}, "Access denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.err()
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "h1dden") {
				t.Errorf("error = %v, want one with %q and no password", err, test.want)
			}
			if errors.As(err, new(*local.SettingsError)) {
				t.Error("a refusal is no mistake in the settings")
			}
		})
	}
}
