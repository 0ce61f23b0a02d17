package rdsmysql

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

// connector lets the driver complete a Config and dial, for one driverLogin after the
// other or several at once.
type connector struct {
	resolver *endpoints.Resolver
	driver   driver.Connector
	logger   *maskingLogger

	rejectReadOnly bool
	seesDial       bool // the connections of a network registered with the driver are not seen
}

func newConnector(config *mysql.Config, resolver *endpoints.Resolver) (*connector, error) {
	c := &connector{resolver: resolver, logger: &maskingLogger{next: config.Logger}, rejectReadOnly: config.RejectReadOnly}
	if config.Logger == nil {
		c.logger.next = mysql.NewConfig().Logger // which the driver would take, too
	}
	changed := *config
	changed.Logger, changed.DialFunc = c.logger, dialFunc(config)
	c.seesDial = changed.DialFunc != nil
	var err error
	if c.driver, err = hookedConnector(&changed, logInFromContext); err != nil {
		return nil, err
	}
	return c, nil
}

// hookedConnector makes the driver's own connector of a copy of config, with hook. Going
// through the driver's hook means that Driver and BeforeConnect see the same thing, and that
// the driver looks up registered TLS configurations, which nobody else can.
func hookedConnector(config *mysql.Config, hook func(context.Context, *mysql.Config) error) (driver.Connector, error) {
	config = config.Clone()
	if err := config.Apply(mysql.BeforeConnect(hook)); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, configError("mysql-config-refused", "mysql.Config", "",
			"the driver does not accept it: "+err.Error(),
			"correct it; TLS configurations and server keys must be registered before they are named")
	}
	return connector, nil
}

// check does what a login does, up to the point where it would ask for a token, and returns
// the user and endpoint that it would be for.
func check(config *mysql.Config, resolver *endpoints.Resolver) (login rdsiam.Login, err error) {
	checked := errors.New("checked")
	connector, err := hookedConnector(config, func(_ context.Context, config *mysql.Config) error {
		ready, err := prepare(config, resolver)
		if err != nil {
			return err
		}
		login = ready.login
		return checked
	})
	if err != nil {
		return rdsiam.Login{}, err
	}
	if _, err = connector.Connect(context.Background()); !errors.Is(err, checked) {
		return rdsiam.Login{}, err
	}
	return login, nil
}
