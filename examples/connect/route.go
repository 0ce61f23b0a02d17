package connect

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// openThroughTunnel dials the address of a tunnel, such as 127.0.0.1:15432, and logs in
// to the endpoint at its other end.
func openThroughTunnel(tunnel, endpoint string, tokens rdsiam.TokenSource) (*sql.DB, error) {
	pg, err := rdspgx.ParseDSN("postgres://app@"+tunnel+"/shop", rdsiam.WithEndpoint(endpoint))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(rdsiam.NewConnector(pg, tokens)), nil
}

// openReplicas opens a pool for the writer of a cluster and one for its readers.
func openReplicas(ctx context.Context, writerConfig, readerConfig *pgxpool.Config, tokens rdsiam.TokenSource) (writer, reader *pgxpool.Pool, err error) {
	hook := rdspgx.BeforeConnect(tokens)
	writerConfig.BeforeConnect, readerConfig.BeforeConnect = hook, hook
	if writer, err = pgxpool.NewWithConfig(ctx, writerConfig); err != nil {
		return nil, nil, err
	}
	if reader, err = pgxpool.NewWithConfig(ctx, readerConfig); err != nil {
		writer.Close()
		return nil, nil, err
	}
	return writer, reader, nil
}
