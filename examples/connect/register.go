package connect

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// rdsPostgres is for tools that take the name of a driver and a DSN.
type rdsPostgres struct {
	tokens  rdsiam.TokenSource
	options []rdsiam.EndpointOption
}

// register is called once, before the tool: sqlx.Connect("rds-postgres", dsn).
func register(tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) {
	sql.Register("rds-postgres", rdsPostgres{tokens, options})
}

func (d rdsPostgres) OpenConnector(dsn string) (driver.Connector, error) {
	pg, err := rdspgx.ParseDSN(dsn, d.options...)
	return rdsiam.NewConnector(pg, d.tokens), err
}

// Open is in the interface; database/sql calls OpenConnector.
func (d rdsPostgres) Open(dsn string) (driver.Conn, error) {
	connector, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	return connector.Connect(context.Background())
}
