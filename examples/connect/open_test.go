package connect

import (
	"crypto/tls"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestOpen(t *testing.T) {
	cfg := aws.Config{Credentials: aws.AnonymousCredentials{}}
	pg, err := openPostgreSQL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close()
	my, err := openMySQL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer my.Close()
	limit(my)
	if n := my.Stats().MaxOpenConnections; n != 20 {
		t.Errorf("%d connections at the most", n)
	}
}

func TestOpenMySQLHook(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := mysql.ParseDSN(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.TLS = server.DialContext, &tls.Config{RootCAs: server.RootCAs()}
	db, err := openMySQLHook(config, tokensOf(server))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var user string
	if err := db.QueryRowContext(t.Context(), "select current_user()").Scan(&user); err != nil || user != "app@%" {
		t.Errorf("logged in as %q, %v", user, err)
	}
}

func TestHooks(t *testing.T) {
	server := startPostgreSQL(t)
	tokens := tokensOf(server)
	t.Run("pool", func(t *testing.T) {
		pool, err := openPool(t.Context(), poolConfig(t, server, server.Endpoint()), tokens)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		checkUser(t, pool)
	})
	t.Run("pool with a hook of its own", func(t *testing.T) {
		pool, err := openNamed(t.Context(), poolConfig(t, server, server.Endpoint()), tokens)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		checkUser(t, pool)
	})
	t.Run("connection", func(t *testing.T) {
		conn, err := connectOnce(t.Context(), connConfig(t, server, server.Endpoint()), tokens)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		checkUser(t, conn)
	})
	t.Run("stdlib", func(t *testing.T) {
		db := openStdlib(connConfig(t, server, server.Endpoint()), tokens)
		defer db.Close()
		if err := db.PingContext(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
