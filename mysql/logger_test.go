package rdsmysql_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// recordingLogger keeps everything that a logger may print of what it receives.
type recordingLogger struct {
	mu    sync.Mutex
	lines []string
}

func (l *recordingLogger) Print(v ...any) {
	line := fmt.Sprint(v...)
	for _, arg := range v {
		line += fmt.Sprintf(" %+v %#v", arg, arg)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *recordingLogger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// The driver logs the names of plugins that it does not know, and a server that has received
// the token can put it there.
func TestLoggerShowsNoToken(t *testing.T) {
	servers := map[string]func(*fakeServer){
		"after TLS":  func(f *fakeServer) { f.authorize = func(c *fakeConn) { c.ask(testToken, 20) } },
		"signature":  func(f *fakeServer) { f.authorize = func(c *fakeConn) { c.ask("x"+testSignature, 20) } },
		"before TLS": func(f *fakeServer) { f.greeting = testToken }, // where tokens are reused
	}
	for name, change := range servers {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, change)
			logger := &recordingLogger{}
			config := testConfig(func(c *mysql.Config) { c.DialFunc, c.Logger = f.dial, logger })
			ways := map[string]func(context.Context) (driver.Conn, error){}
			d, err := rdsmysql.New(config, rdsiam.WithRootCAs(f.roots))
			if err != nil {
				t.Fatal(err)
			}
			ways["Driver"] = func(ctx context.Context) (driver.Conn, error) { return d.Open(ctx, &countingSource{}) }
			changed := d.WithBeforeConnect(func(context.Context, *mysql.Config) error { return nil })
			ways["changed Driver"] = func(ctx context.Context) (driver.Conn, error) { return changed.Open(ctx, &countingSource{}) }
			if name != "before TLS" { // which the driver logs to a logger that the hook cannot change
				ways["hook"] = hookedWay(t, config, rdsiam.WithRootCAs(f.roots))
			}
			for way, connect := range ways {
				if conn, err := connect(t.Context()); err == nil {
					conn.Close()
				}
				lines := logger.take()
				if len(lines) == 0 {
					t.Errorf("%s: nothing was logged, so nothing is proven", way)
				}
				refuseSecretText(t, way, fmt.Sprint(lines))
			}
		})
	}
}

func hookedWay(t *testing.T, config *mysql.Config, options ...rdsiam.EndpointOption) func(context.Context) (driver.Conn, error) {
	t.Helper()
	config = config.Clone()
	if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(&countingSource{}, options...))); err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Connect
}

// Everything else reaches the caller's logger as it is, of its own type.
func TestLoggerKeepsWhatHoldsNoToken(t *testing.T) {
	var received []any
	config := testConfig(func(c *mysql.Config) { c.Logger = loggerFunc(func(v ...any) { received = append(received, v...) }) })
	if err := rdsmysql.BeforeConnect(&countingSource{})(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	config.Logger.Print("text", mysql.ErrInvalidConn, 7, "of "+testSignature)
	if len(received) != 4 || received[0] != "text" || received[1] != mysql.ErrInvalidConn || received[2] != 7 || received[3] != "of [token masked]" {
		t.Errorf("got %q", received)
	}
}
