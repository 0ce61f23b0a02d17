package main

import (
	"context"
	"crypto/tls"
	"database/sql"

	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const (
	insert    = "INSERT INTO writes VALUES (1)"
	bothHosts = firstHost + "," + secondHost
	readWrite = "&target_session_attrs=read-write"
)

var postgreSQL = engine{
	name: "PostgreSQL", port: "5432", verifier: rdsiamtest.NewPostgreSQL,
	startPrimary: func(ctx context.Context, c *cluster, users []string) (*realserver.Server, error) {
		primary, err := realserver.StartPostgreSQL(ctx, realserver.Options{
			Check: c.check, Certificate: c.certificate, IAMUsers: users, Settings: []string{"wal_level=replica", "max_wal_senders=4"},
		})
		if err != nil {
			return nil, err
		}
		return primary, primary.Exec(ctx, "CREATE TABLE writes (n int)", "GRANT INSERT ON writes TO PUBLIC")
	},
	startReplica: func(ctx context.Context, _ *cluster, primary *realserver.Server) (*realserver.Server, error) {
		return primary.StartStandby(ctx)
	},
	promote: []string{"SELECT pg_promote()"},
	demote:  []string{"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"},
	variants: []variant{
		{name: "pgx alone, pgxpool, cluster endpoint, a token for each login", user: "bare", bare: true, open: openPool(clusterHost, "", bareHook)},
		{name: "`Connector`, cluster endpoint", user: "connector", never: []string{"killed", "demoted"}, open: openDB(clusterHost, "")},
		{name: "pgxpool, cluster endpoint", user: "pool", never: []string{"killed", "demoted"}, open: openPool(clusterHost, "", hook)},
		{name: "`Connector`, cluster endpoint, `RejectReadOnly`", user: "connector_reject", open: openDB(clusterHost, "", reject)},
		{name: "pgxpool, cluster endpoint, `RejectReadOnly`", user: "pool_reject", open: openPool(clusterHost, "", hook, reject)},
		{name: "pgxpool, cluster endpoint, read-write", user: "pool_readwrite", never: []string{"demoted"}, open: openPool(clusterHost, readWrite, hook)},
		{name: "`Connector`, list of hosts, read-write", user: "connector_list", never: []string{"demoted"}, open: openDB(bothHosts, readWrite)},
		{name: "pgxpool, list of hosts, read-write", user: "pool_list", never: []string{"demoted"}, open: openPool(bothHosts, readWrite, hook)},
		{name: "pgxpool, list of hosts, read-write, `RejectReadOnly`, `BeforeClose`", user: "pool_recipe", open: openPool(bothHosts, readWrite, hook, reject, leave)},
	},
}

// setting changes a pool's configuration.
type setting func(*pgxpool.Config)

func reject(config *pgxpool.Config) { config.ConnConfig.OnPgError = rdspgx.RejectReadOnly }

// leave is that of the recipe: pgx would wait up to 15 s for a host that is gone.
func leave(config *pgxpool.Config) {
	config.BeforeClose = func(conn *pgx.Conn) {
		if conn.IsClosed() {
			conn.PgConn().Conn().Close()
		}
	}
}

// hookOf makes what prepares a connection.
type hookOf func(*cluster) func(context.Context, *pgx.ConnConfig) error

func hook(c *cluster) func(context.Context, *pgx.ConnConfig) error {
	return rdspgx.BeforeConnect(rdsiam.NewTokenSource(c.credentials()), rdsiam.WithRootCAs(c.roots))
}

// bareHook is what is written by hand.
func bareHook(c *cluster) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, config *pgx.ConnConfig) (err error) {
		config.TLSConfig = &tls.Config{RootCAs: c.roots, ServerName: config.Host}
		config.Password, err = auth.BuildAuthToken(ctx, c.engine.endpoint(config.Host), "eu-west-1", config.User, c.credentials())
		return err
	}
}

func poolConfig(c *cluster, user, hosts, parameters string, settings []setting) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig("postgres://" + user + "@" + hosts + "/postgres?sslmode=verify-full&connect_timeout=2" + parameters)
	if err != nil {
		return nil, err
	}
	config.MaxConns = workersAtMost
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = c.dial, c.lookUp
	for _, set := range settings {
		set(config)
	}
	return config, nil
}

func openPool(hosts, parameters string, hook hookOf, settings ...setting) func(context.Context, *cluster, string) (writer, error) {
	return func(ctx context.Context, c *cluster, user string) (writer, error) {
		config, err := poolConfig(c, user, hosts, parameters, settings)
		if err != nil {
			return writer{}, err
		}
		config.BeforeConnect = hook(c)
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return writer{}, err
		}
		return writer{
			fill:  func(ctx context.Context) error { return fillPool(ctx, pool) },
			write: func(ctx context.Context) error { _, err := pool.Exec(ctx, insert); return err },
			close: pool.Close,
		}, nil
	}
}

func openDB(hosts, parameters string, settings ...setting) func(context.Context, *cluster, string) (writer, error) {
	return func(_ context.Context, c *cluster, user string) (writer, error) {
		config, err := poolConfig(c, user, hosts, parameters, settings)
		if err != nil {
			return writer{}, err
		}
		pg, err := rdspgx.New(config.ConnConfig, rdsiam.WithRootCAs(c.roots))
		if err != nil {
			return writer{}, err
		}
		return writerOf(sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(c.credentials())))), nil
	}
}

func writerOf(db *sql.DB) writer {
	db.SetMaxOpenConns(workersAtMost)
	db.SetMaxIdleConns(workersAtMost)
	return writer{
		fill:  func(ctx context.Context) error { return fillDB(ctx, db) },
		write: func(ctx context.Context) error { _, err := db.ExecContext(ctx, insert); return err },
		close: func() { db.Close() },
	}
}

func fillPool(ctx context.Context, pool *pgxpool.Pool) error {
	for range workersAtMost {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
	}
	return nil
}

func fillDB(ctx context.Context, db *sql.DB) error {
	for range workersAtMost {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
	}
	return nil
}
