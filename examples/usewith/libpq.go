package usewith

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"

	"github.com/lib/pq"

	"github.com/rdsiam/rdsiam"
)

// libPQ logs in through lib/pq: rdsiam.NewConnector(d, tokens).
type libPQ struct {
	config pq.Config
	login  rdsiam.Login
}

func newLibPQ(dsn string, options ...rdsiam.EndpointOption) (*libPQ, error) {
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, err
	}
	if len(config.Multi) > 0 {
		return nil, errors.New("name one host: each needs a token of its own")
	}
	endpoint, err := rdsiam.ResolveEndpoint(config.Host, config.Port, options...)
	if err != nil {
		return nil, err
	}
	verified, err := endpoint.TLSConfig(nil)
	if err != nil {
		return nil, err
	}
	name := "rdsiam-" + endpoint.String() // the list is that of the whole program
	if err := pq.RegisterTLSConfig(name, verified); err != nil {
		return nil, err
	}
	config.SSLMode = pq.SSLMode("pqgo-" + name)
	config.SSLSNI = false        // it would verify the host that is dialed, such as a tunnel
	config.Passfile = os.DevNull // a password there would go before the token
	login := rdsiam.Login{Endpoint: endpoint, User: config.User}
	return &libPQ{config, login}, login.Validate()
}

func (d *libPQ) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	token, err := d.login.Token(ctx, tokens)
	if err != nil {
		return nil, err
	}
	config := d.config.Clone()
	config.Password = token.Reveal()
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	return connector.Connect(ctx)
}

func (d *libPQ) Login() rdsiam.Login { return d.login }

func (d *libPQ) Refused(err error) (code string, refused bool) {
	var answer *pq.Error
	if !errors.As(err, &answer) {
		return "", false
	}
	return string(answer.Code), answer.Code.Class() == "28"
}

func (d *libPQ) Driver() driver.Driver { return new(pq.Driver) }
