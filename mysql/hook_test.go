package rdsmysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

func TestHookLogsIn(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	config := testConfig(func(c *mysql.Config) { c.DialFunc, c.Passwd = f.dial, "secret" })
	source := &countingSource{}
	err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(source, rdsiam.WithRootCAs(f.roots))))
	if err != nil {
		t.Fatal(err)
	}
	before := config.Clone()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	var connects sync.WaitGroup
	for range 16 {
		connects.Go(func() {
			conn, err := connector.Connect(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		})
	}
	connects.Wait()
	if source.asked.Load() != 16 || f.logIns.Load() != 16 {
		t.Errorf("%d tokens, %d logins, want 16 of each", source.asked.Load(), f.logIns.Load())
	}
	if config.TLS != before.TLS || config.Passwd != before.Passwd || config.AllowCleartextPasswords {
		t.Error("the Config given to NewConnector was changed")
	}
	f.wire.refuseSecrets(t)
}

// Applied again and again to one Config the hook nests nothing: the thousandth time
// leaves what the first did.
func TestHookIsIdempotent(t *testing.T) {
	hook := rdsmysql.BeforeConnect(&countingSource{})
	logger := &recordingLogger{}
	config := testConfig(func(c *mysql.Config) { c.TLSConfig, c.Logger = "true", logger })
	if err := hook(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	once := config.Clone()
	for range 999 {
		if err := hook(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	if config.TLS.ServerName != once.TLS.ServerName || !config.TLS.RootCAs.Equal(once.TLS.RootCAs) {
		t.Error("the TLS configuration changes")
	}
	config.Logger.Print("a line")
	if lines := logger.take(); len(lines) != 1 {
		t.Errorf("the logger received %q", lines)
	}
	config.TLS, once.TLS, config.Logger, once.Logger = nil, nil, nil, nil
	if !reflect.DeepEqual(config, once) {
		t.Errorf("the Config changes:\ngot  %+v\nwant %+v", config, once)
	}
}

// Copies of one Config share its tls.Config only until the hook has run.
func TestHookOnShallowCopies(t *testing.T) {
	shared := testConfig(func(c *mysql.Config) { c.TLSConfig = "true" })
	hook := rdsmysql.BeforeConnect(&countingSource{})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 125 {
				config := *shared
				if err := hook(context.Background(), &config); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
}

func TestHookBoundsTheWaitForAToken(t *testing.T) {
	tests := []struct {
		name              string
		timeout, deadline time.Duration
		want              time.Duration
	}{
		{name: "default", want: 30 * time.Second},
		{name: "Config.Timeout", timeout: 2 * time.Second, want: 2 * time.Second},
		{name: "longer Config.Timeout", timeout: time.Minute, want: time.Minute},
		{name: "deadline", deadline: 500 * time.Millisecond, want: 500 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				hanging := rdsiam.TokenSourceFunc(func(ctx context.Context, _ rdsiam.Login) (rdsiam.Token, error) {
					<-ctx.Done()
					return rdsiam.Token{}, ctx.Err()
				})
				config := testConfig(func(c *mysql.Config) { c.Timeout = test.timeout })
				started := time.Now()
				err := rdsmysql.BeforeConnect(hanging)(ctx, config)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != test.want {
					t.Errorf("got %v after %v, want a timeout after %v", err, time.Since(started), test.want)
				}
			})
		})
	}
}

// Whoever goes on after the hook's error must not log in with what was there before.
func TestHookWithoutToken(t *testing.T) {
	config := testConfig(func(c *mysql.Config) { c.Passwd = "secret" })
	err := rdsmysql.BeforeConnect(nil)(t.Context(), config)
	checkError(t, err, "rdsiam: token source: is nil; pass the result of rdsiam.NewTokenSource")
	if config.Passwd != "" {
		t.Error("the password was not discarded")
	}
}

// As its comment says, the hook cannot keep database/sql from logging in again.
func TestHookLogsInThriceAfterErrBadConn(t *testing.T) {
	f := startFake(t, func(f *fakeServer) {
		f.authorize = func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.refuse(1290, "HY000", "read-only") }
	})
	config := testConfig(func(c *mysql.Config) { c.DialFunc, c.RejectReadOnly = f.dial, true })
	source := &countingSource{}
	if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(source, rdsiam.WithRootCAs(f.roots)))); err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if err := db.PingContext(t.Context()); !errors.Is(err, driver.ErrBadConn) || source.asked.Load() != 3 {
		t.Errorf("got %v after %d logins, want driver.ErrBadConn after 3", err, source.asked.Load())
	}
}
