package connect

import (
	"context"
	"crypto/x509"
	"database/sql"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// openAnywhere logs in with a token in production, and with the password of a database on this
// machine where DATABASE_AUTH says so. No default decides it.
func openAnywhere(ctx context.Context, options ...rdsiam.EndpointOption) (*sql.DB, error) {
	dsn := os.Getenv("DATABASE_URL")
	switch auth := os.Getenv("DATABASE_AUTH"); auth {
	case "password": // postgres://app:secret@localhost/shop
		return sql.Open("pgx", dsn) // import _ "github.com/jackc/pgx/v5/stdlib"
	case "iam": // postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/shop
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, err
		}
		pg, err := rdspgx.ParseDSN(dsn, options...)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(cfg.Credentials))), nil
	default:
		return nil, fmt.Errorf("DATABASE_AUTH is %q: set it to password or iam", auth)
	}
}

// partitionRoots reads the bundle that AWS publishes for a partition other than the commercial one.
func partitionRoots(file string) (rdsiam.EndpointOption, error) {
	bundle, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%s has no certificates", file)
	}
	return rdsiam.WithRootCAs(roots), nil
}
