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
	ready     *readyConfig  // nil until there is a token
	conn      *greetingConn // nil until dialed
}

type driverLoginKey struct{}

func (l *driverLogin) connect(ctx context.Context) (conn driver.Conn, err error) {
	defer l.contain(&err)
	return l.connector.driver.Connect(context.WithValue(ctx, driverLoginKey{}, l))
}

// dialed reports whether a server may have had a part in what happens. Before that it is the
// caller's own code: the token source and the dial function.
func (l *driverLogin) dialed() bool {
	return l.ready != nil && (l.conn != nil || !l.connector.seesDial)
}

// contain makes an error of a panic: database/sql logs in from goroutines of its own, where
// it would end the process for what a server sent. Panics of the caller's code are not hidden.
func (l *driverLogin) contain(err *error) {
	if !l.dialed() {
		return
	}
	reason := recover()
	if reason == nil {
		return
	}
	if l.conn != nil {
		_ = l.conn.Close()
	}
	*err = newPanicError(reason)
}

// logInFromContext is the hook in the driver's connector.
func logInFromContext(ctx context.Context, config *mysql.Config) (err error) {
	l := ctx.Value(driverLoginKey{}).(*driverLogin)
	l.ready, err = logIn(ctx, config, l.tokens, l.connector.resolver)
	if err == nil {
		l.connector.logger.add(&l.ready.token)
	}
	return err
}

// describe returns err fit for the caller.
func (l *driverLogin) describe(err error) error {
	if l.conn != nil && l.conn.refused != nil && errors.Is(err, mysql.ErrInvalidConn) {
		err = l.conn.refused // which the driver logs and drops
	}
	if l.connector.rejectReadOnly && l.dialed() && errors.Is(err, driver.ErrBadConn) {
		return &readOnlyError{err}
	}
	return l.ready.describe(err)
}

// release forgets the token once the login is over: the driver keeps its copy of the Config
// for as long as the connection lives, and needs the password no more.
func (l *driverLogin) release() {
	if l.ready != nil {
		l.ready.forget()
		l.connector.logger.remove(&l.ready.token)
	}
}
