package rdsmysql

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/go-sql-driver/mysql"
)

var RefuseBeforeConnect = refuseBeforeConnect

// Prepared returns the Config that Open would dial with, without a token.
func (d *Driver) Prepared() (*mysql.Config, error) {
	var prepared *mysql.Config
	stop := errors.New("stop")
	connector, err := hookedConnector(d.config, func(_ context.Context, config *mysql.Config) error {
		if _, err := prepare(config, d.resolver); err != nil {
			return err
		}
		prepared = config
		return stop
	})
	if err != nil {
		return nil, err
	}
	_, err = connector.Connect(context.Background())
	if err != stop {
		return nil, err
	}
	return prepared, nil
}

// WithDriverConnector returns a copy of d that logs in through what wrap makes of the
// driver's connector.
func (d *Driver) WithDriverConnector(wrap func(driver.Connector) driver.Connector) *Driver {
	changed, wrapped := *d, *d.connector
	wrapped.driver = wrap(wrapped.driver)
	changed.connector = &wrapped
	return &changed
}
