package proxy_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// pgxConfigOf connects to a proxy as a program does that knows nothing of tokens.
func pgxConfigOf(r *running, user, password string) (*pgx.ConnConfig, error) {
	host, port := filepath.Dir(r.address), "5432"
	if !proxy.IsSocket(r.address) {
		var err error
		if host, port, err = net.SplitHostPort(r.address); err != nil {
			return nil, err
		}
	}
	config, err := pgx.ParseConfig("host=" + host + " port=" + port + " dbname=postgres sslmode=prefer sslrootcert=''")
	if err != nil {
		return nil, err
	}
	config.User, config.Password = user, password
	return config, nil
}

func pgxConfig(t testing.TB, r *running, user, password string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgxConfigOf(r, user, password)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func connectPostgreSQL(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}
