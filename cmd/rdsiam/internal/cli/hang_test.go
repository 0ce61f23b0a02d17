package cli_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// pipes is a listener whose connections stay in this process, as synctest needs.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// agent is the credential endpoint of a container, whose keys live for an hour.
type agent struct{ hangs atomic.Bool }

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.hangs.Load() {
		<-r.Context().Done()
		return
	}
	_, _ = io.WriteString(w, `{"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "x", "Token": "t", "Expiration": "`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
}

// refusalOf logs in to the proxy and returns what it answers, and when.
func refusalOf(t *testing.T, p *pipes) (text string, took time.Duration) {
	t.Helper()
	config := mysql.NewConfig()
	config.User, config.DialFunc, config.Logger = "app", p.dial, new(mysql.NopLogger)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	conn, err := connector.Connect(t.Context())
	if err == nil {
		conn.Close()
		t.Fatal("the client was let in")
	}
	return err.Error(), time.Since(started)
}

// A credential endpoint that hangs for a time costs the proxy those logins that come then:
// each ends at its deadline, and the next ones work. Nothing listens where the database is,
// and a MySQL login that had a token says so.
func TestProxyAndAgentThatHangs(t *testing.T) {
	useSilentProfiles(t)
	synctest.Test(t, func(t *testing.T) {
		endpoint, clients := newPipes(), newPipes()
		container := new(agent)
		web := &http.Server{Handler: container}
		go web.Serve(endpoint)
		defer web.Close()
		defer cli.DialAWS(endpoint.dial)()
		engine, err := cli.ProxyEngine(t.Context(), "orders.abc123.eu-west-1.rds.amazonaws.com:3306", "app", "127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		server, err := proxy.NewServer(engine, proxy.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- server.Serve(ctx, clients) }()
		defer func() {
			stop()
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour) // what the SDK still tries ends, too
		}()
		for range 3 {
			if text, took := refusalOf(t, clients); !strings.Contains(text, "nothing listens") || took > time.Second {
				t.Errorf("while the agent answers: %q after %v", text, took)
			}
			time.Sleep(2 * time.Hour) // the credentials expire
			container.hangs.Store(true)
			if text, took := refusalOf(t, clients); !strings.Contains(text, "no token for") || took > 35*time.Second {
				t.Errorf("while the agent hangs: %q after %v", text, took)
			}
			container.hangs.Store(false)
			time.Sleep(10 * time.Second) // the last try ends
		}
	})
}
