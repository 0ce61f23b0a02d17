package connect

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

func openPool(ctx context.Context, poolConfig *pgxpool.Config, tokens rdsiam.TokenSource) (*pgxpool.Pool, error) {
	poolConfig.BeforeConnect = rdspgx.BeforeConnect(tokens)
	return pgxpool.NewWithConfig(ctx, poolConfig)
}

// connectOnce opens one connection of pgx.
func connectOnce(ctx context.Context, config *pgx.ConnConfig, tokens rdsiam.TokenSource) (*pgx.Conn, error) {
	hook := rdspgx.BeforeConnect(tokens)
	if err := hook(ctx, config); err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// openStdlib is for programs that use pgx's own database/sql package.
func openStdlib(config *pgx.ConnConfig, tokens rdsiam.TokenSource) *sql.DB {
	hook := rdspgx.BeforeConnect(tokens)
	return stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(hook))
}

// openNamed has a BeforeConnect of its own.
func openNamed(ctx context.Context, poolConfig *pgxpool.Config, tokens rdsiam.TokenSource) (*pgxpool.Pool, error) {
	hook := rdspgx.BeforeConnect(tokens)
	poolConfig.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) error {
		config.RuntimeParams["application_name"] = "report"
		return hook(ctx, config) // last: it looks at what the others have left
	}
	return pgxpool.NewWithConfig(ctx, poolConfig)
}
