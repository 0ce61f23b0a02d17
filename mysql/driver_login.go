package rdsmysql

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
)

// driverLogin is one login by Driver.Open. What the connector's functions need of it they
// find in the context.
type driverLogin struct {
	connector *connector
	tokens    rdsiam.TokenSource
	ready     *attempt      // nil until there is a token
	conn      *greetingConn // nil until dialed
}

type driverLoginKey struct{}

func (l *driverLogin) connect(ctx context.Context) (driver.Conn, error) {
	return l.connector.driver.Connect(context.WithValue(ctx, driverLoginKey{}, l))
}

// logInFromContext is the hook in the driver's connector.
func logInFromContext(ctx context.Context, config *mysql.Config) (err error) {
	l := ctx.Value(driverLoginKey{}).(*driverLogin)
	l.ready, err = logIn(ctx, config, l.tokens, l.connector.resolver)
	return err
}

// describe returns err fit for the caller.
func (l *driverLogin) describe(err error) error {
	if l.conn != nil && l.conn.refused != nil && errors.Is(err, mysql.ErrInvalidConn) {
		err = l.conn.refused // which the driver logs and drops
	}
	return l.ready.describe(err)
}

// release forgets the token once the login is over: the driver keeps its copy of the Config
// for as long as the connection lives, and needs the password no more.
func (l *driverLogin) release() {
	if l.ready != nil {
		l.ready.forget()
	}
}
