package doctor

import (
	"context"
	"net"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// driver is that of the engine, for the endpoint that was checked.
func (c *chart) driver() (rdsiam.Driver, error) {
	options := append(c.endpointOptions(), rdsiam.WithEndpoint(c.endpoint.String()))
	if c.Engine == MySQL {
		return c.mysqlDriver(options)
	}
	return c.postgresDriver(options)
}

func (c *chart) postgresDriver(options []rdsiam.EndpointOption) (rdsiam.Driver, error) {
	// What the environment and ~/.postgresql would give is either given here or replaced
	// below.
	config, err := pgx.ParseConfig("host=endpoint port=5432 user=user dbname=postgres sslmode=verify-full sslrootcert='' sslcert='' sslkey=''" +
		" sslnegotiation=postgres sslcertmode=allow channel_binding=prefer require_auth='' target_session_attrs=any connect_timeout=0 passfile=''")
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(c.dialed)
	if err != nil {
		return nil, err
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Database = host, uint16(number), c.User, c.databaseName()
	config.TLSConfig.ServerName = host
	config.TLSConfig.RootCAs = nil
	config.Fallbacks = nil
	config.RuntimeParams = map[string]string{"application_name": "rdsiam doctor"}
	config.LookupFunc, config.DialFunc = c.Network.LookupHost, c.Network.DialContext
	return rdspgx.New(config, options...)
}

func (c *chart) mysqlDriver(options []rdsiam.EndpointOption) (rdsiam.Driver, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.DBName = "tcp", c.dialed, c.User, c.Database
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return c.Network.DialContext(ctx, network, address)
	}
	config.Logger = &mysql.NopLogger{}
	return rdsmysql.New(config, options...)
}
