package rdsiamtest_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A client that gives up while its token is checked must not read a refusal: it would
// report that in place of the end of its time.
func TestClientThatLeftIsToldNothing(t *testing.T) {
	leave := func(server *rdsiamtest.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := server.DialContext(ctx, network, address)
			if err == nil {
				rdsiamtest.Leave(conn)
			}
			return conn, err
		}
	}
	slow := rdsiamtest.Faults{TokenDelay: 24 * time.Hour}
	t.Run("PostgreSQL", func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
		server.SetFaults(slow)
		config := pgxConfig(t, server, "app", tokenFor(t, server, "app"))
		config.DialFunc = leave(server)
		_, err := pgx.ConnectConfig(t.Context(), config)
		if answer := new(*pgconn.PgError); err == nil || errors.As(err, answer) {
			t.Errorf("the client reads %v", *answer)
		}
	})
	t.Run("MySQL", func(t *testing.T) {
		server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
		server.SetFaults(slow)
		config := mysqlConfig(t, server, "app", tokenFor(t, server, "app"))
		config.DialFunc = leave(server)
		err := openMySQL(t, config).PingContext(t.Context())
		if answer := new(*mysql.MySQLError); err == nil || errors.As(err, answer) {
			t.Errorf("the client reads %v", *answer)
		}
	})
}
