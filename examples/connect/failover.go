package connect

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// openWriter opens a pool that finds the writer again. Its DSN names the cluster endpoint and
// the instances:
//
//	postgres://app@prod.cluster-x.eu-west-1.rds.amazonaws.com,prod-1.x.eu-west-1.rds.amazonaws.com,
//	prod-2.x.eu-west-1.rds.amazonaws.com/app?target_session_attrs=read-write&connect_timeout=2
func openWriter(ctx context.Context, config *pgxpool.Config, tokens rdsiam.TokenSource) (*pgxpool.Pool, error) {
	config.BeforeConnect = rdspgx.BeforeConnect(tokens)
	config.ConnConfig.OnPgError = rdspgx.RejectReadOnly // leave a writer that was demoted
	config.BeforeClose = func(conn *pgx.Conn) {         // and a host that is gone, without a farewell
		if conn.IsClosed() {
			conn.PgConn().Conn().Close()
		}
	}
	config.MaxConnLifetime = 10 * time.Minute
	return pgxpool.NewWithConfig(ctx, config)
}

// write bounds a statement: a host that is gone answers nothing.
func write(ctx context.Context, pool *pgxpool.Pool, sql string, arguments ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // more than connect_timeout for each host
	defer cancel()
	_, err := pool.Exec(ctx, sql, arguments...)
	return err
}
