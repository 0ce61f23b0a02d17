package rdsmysql

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// dialFunc returns what dials for config, with a look at the greeting of the server. It is
// nil for a network that was registered with the driver, which nobody else can look up.
func dialFunc(config *mysql.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := config.DialFunc
	if dial == nil {
		switch config.Net {
		case "", "tcp", "tcp4", "tcp6":
			dial = new(net.Dialer).DialContext
		default:
			return nil
		}
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		switch {
		case err != nil:
			return nil, err
		case conn == nil:
			return nil, errors.New("rdsmysql: the dial function returned neither a connection nor an error")
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			// As the driver does with a connection that it knows. It only logs the error.
			_ = tcp.SetKeepAlive(true)
		}
		l := ctx.Value(driverLoginKey{}).(*driverLogin)
		l.conn = &greetingConn{Conn: conn}
		if system, ok := conn.(syscall.Conn); ok {
			return systemConn{l.conn, system}, nil
		}
		return l.conn, nil
	}
}

// systemConn is a greetingConn by which the driver can check that the peer is still there.
type systemConn struct {
	*greetingConn
	syscall.Conn
}
