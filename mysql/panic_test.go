package rdsmysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// panicking logs in and panics where the driver would return the connection. It keeps the
// connection, whose goroutine nobody else could end.
type panicking struct {
	driver.Connector
	reason any
	opened driver.Conn
}

func (p *panicking) Connect(ctx context.Context) (_ driver.Conn, err error) {
	if p.opened, err = p.Connector.Connect(ctx); err != nil {
		return nil, err
	}
	panic(p.reason)
}

func TestPanicOfTheDriver(t *testing.T) {
	mysql.RegisterDialContext("panicking", func(context.Context, string) (net.Conn, error) { return nil, errors.New("not replaced") })
	defer mysql.DeregisterDialContext("panicking")
	for name, test := range map[string]struct {
		registered bool // the Driver does not see the dial
		reason     any
		want       string
	}{
		"runtime error":      {reason: errors.New("slice bounds out of range"), want: "slice bounds out of range"},
		"text with a token":  {reason: "bad answer " + testToken, want: "[token masked]"},
		"registered network": {registered: true, reason: "of a server", want: "of a server"},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
			d := driverFor(t, f, func(c *mysql.Config) {
				if test.registered {
					c.Net, c.DialFunc = "panicking", nil
				}
			})
			mysql.RegisterDialContext("panicking", func(ctx context.Context, _ string) (net.Conn, error) { return f.dial(ctx, "", "") })
			p := &panicking{reason: test.reason}
			db := sql.OpenDB(rdsiam.NewConnector(d.WithDriverConnector(func(real driver.Connector) driver.Connector {
				p.Connector = real
				return p
			}), &countingSource{}))
			defer db.Close()
			err := db.PingContext(t.Context())
			if !errors.As(err, new(*rdsiam.LoginError)) || !strings.Contains(err.Error(), "go-sql-driver/mysql panicked during the login") ||
				!strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "(panic_test.go:") {
				t.Errorf("got %T %v", err, err)
			}
			refuseSecretText(t, "error", fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)))
			if !test.registered {
				f.stop() // which waits for the end of every session
			}
			p.opened.Close()
		})
	}
}

// What panics before there is a connection is the caller's own code, whose panic is not
// hidden.
func TestPanicOfTheCaller(t *testing.T) {
	const want = "of the caller"
	panics := func(context.Context, string, string) (net.Conn, error) { panic(want) }
	fine := rdsiam.TokenSource(&countingSource{})
	for name, test := range map[string]struct {
		dial   func(context.Context, string, string) (net.Conn, error)
		source rdsiam.TokenSource
	}{
		"dial function": {panics, fine},
		"token source": {nil, rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
			panic(want)
		})},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := rdsmysql.New(testConfig(func(c *mysql.Config) { c.DialFunc = test.dial }))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if reason := recover(); reason != want {
					t.Errorf("got %v, want %v", reason, want)
				}
			}()
			_, err = d.Open(t.Context(), test.source)
			t.Errorf("got %v", err)
		})
	}
}
