package examples_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/internal/lab"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const smokeTimeout = time.Minute

func TestSmokePostgreSQL(t *testing.T) {
	database := startLab(t, lab.StartPostgreSQL)
	config, err := pgx.ParseConfig(database.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = database.DialContext, database.LookupHost
	smokePostgreSQL(t, config, rdsiam.NewTokenSource(database.Credentials()), rdsiam.WithRootCAs(database.RootCAs()))
}

func TestSmokeMySQL(t *testing.T) {
	database := startLab(t, lab.StartMySQL)
	config, err := mysql.ParseDSN(database.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DBName = "" // the account has no rights on the database mysql
	config.DialFunc = database.DialContext
	smokeMySQL(t, config, rdsiam.NewTokenSource(database.Credentials()), rdsiam.WithRootCAs(database.RootCAs()))
}

// startLab starts a real server: rdsiamtest alone does not answer what smoke tests ask.
func startLab(t *testing.T, start func(context.Context, lab.Users, ...rdsiamtest.Option) (*lab.Database, error)) *lab.Database {
	t.Helper()
	database, err := start(t.Context(), lab.Users{IAM: []string{"app"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	var missing *realserver.MissingError
	if err := database.Missing(); errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Logf("server: %s", database)
	return database
}

func smokePostgreSQL(t *testing.T, config *pgx.ConnConfig, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) {
	ctx, cancel := context.WithTimeout(t.Context(), smokeTimeout)
	defer cancel()
	const question = "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()"
	check := func(t *testing.T, row interface{ Scan(...any) error }) {
		t.Helper()
		var user string
		var encrypted bool
		if err := row.Scan(&user, &encrypted); err != nil {
			t.Fatal(err)
		}
		if user != config.User || !encrypted {
			t.Errorf("user %q, TLS %v; want %q with TLS", user, encrypted, config.User)
		}
	}
	driver, err := rdspgx.New(config, options...)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("connector", func(t *testing.T) {
		db := sql.OpenDB(rdsiam.NewConnector(driver, tokens))
		defer db.Close()
		check(t, db.QueryRowContext(ctx, question))
	})
	t.Run("hook", func(t *testing.T) {
		poolConfig, err := pgxpool.ParseConfig(config.ConnString())
		if err != nil {
			t.Fatal("pgxpool cannot read what pgx has read")
		}
		poolConfig.ConnConfig = config.Copy()
		poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens, options...)
		pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		check(t, pool.QueryRow(ctx, question))
	})
	t.Run("forged token", func(t *testing.T) {
		refuseForgedToken(ctx, t, driver, tokens, "28000")
	})
}

func smokeMySQL(t *testing.T, config *mysql.Config, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) {
	ctx, cancel := context.WithTimeout(t.Context(), smokeTimeout)
	defer cancel()
	check := func(t *testing.T, db *sql.DB) {
		t.Helper()
		var user, variable, cipher string
		if err := db.QueryRowContext(ctx, "select substring_index(current_user(), '@', 1)").Scan(&user); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRowContext(ctx, "show session status like 'Ssl_cipher'").Scan(&variable, &cipher); err != nil {
			t.Fatal(err)
		}
		if user != config.User || cipher == "" {
			t.Errorf("user %q, TLS cipher %q; want %q with TLS", user, cipher, config.User)
		}
	}
	driver, err := rdsmysql.New(config, options...)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("connector", func(t *testing.T) {
		db := sql.OpenDB(rdsiam.NewConnector(driver, tokens))
		defer db.Close()
		check(t, db)
	})
	t.Run("hook", func(t *testing.T) {
		hooked := config.Clone()
		if err := hooked.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(tokens, options...))); err != nil {
			t.Fatal(err)
		}
		connector, err := mysql.NewConnector(hooked)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		defer db.Close()
		check(t, db)
	})
	t.Run("forged token", func(t *testing.T) {
		refuseForgedToken(ctx, t, driver, tokens, "1045")
	})
}

// refuseForgedToken logs in with a token whose signature is another one.
func refuseForgedToken(ctx context.Context, t *testing.T, driver rdsiam.Driver, tokens rdsiam.TokenSource, code string) {
	t.Helper()
	forged := rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		token, err := tokens.Token(ctx, login)
		if err != nil {
			return rdsiam.Token{}, err
		}
		text := token.Reveal()
		digit := "0"
		if strings.HasSuffix(text, digit) {
			digit = "1"
		}
		return rdsiam.NewToken(text[:len(text)-1]+digit, time.Time{}), nil
	})
	db := sql.OpenDB(rdsiam.NewConnector(driver, forged))
	defer db.Close()
	var refused *rdsiam.LoginError
	if err := db.PingContext(ctx); !errors.As(err, &refused) || !refused.Refused || refused.Code != code {
		t.Errorf("got %v; want a refusal with code %s", err, code)
	}
}
