package proxy_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// slowToken is a connection on which the write of the token takes so long that pgx begins
// to read in the background, has read all that the server answers, and reads on.
type slowToken struct{ net.Conn }

func (c slowToken) Write(b []byte) (int, error) {
	const applicationData, shorterThanToken = 23, 400
	n, err := c.Conn.Write(b)
	if len(b) > shorterThanToken && b[0] == applicationData {
		time.Sleep(time.Second)
	}
	return n, err
}

// What the database answers to the first statement reaches the client also when pgx was
// reading in the background at the end of the login.
func TestSlowWriteOfToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emulatedInMemory(t, func(conn net.Conn) net.Conn { return slowToken{conn} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conn := r.connectPostgreSQL(ctx, t)
		var one int
		if err := conn.QueryRow(ctx, "select 1", pgx.QueryExecModeSimpleProtocol).Scan(&one); err != nil || one != 1 {
			t.Errorf("first statement: %d, %v", one, err)
		}
		conn.Close(ctx)
		r.stop()
		if err := r.waitStopped(t); err != nil {
			t.Error(err)
		}
	})
}
