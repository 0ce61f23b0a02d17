package proxy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// runVariable has TestExpiry run for so long in real time, and not on the clock of
// testing/synctest.
const runVariable = "RDSIAM_PROXY_RUN"

const (
	// tokenLife is what is left of the 15 minutes of a token, when the clock of the
	// database is that much ahead.
	tokenLife = 15 * time.Second
	reuse     = 5 * time.Second
	// The library asks for others when half of that is over. Tokens with less than 30 seconds
	// left would not be reused.
	credentialsLife = time.Minute + reuse
)

// expiring is an engine with clients for TestExpiry.
type expiring struct {
	start  func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server
	engine func(proxy.Target) (dialing, error)
	open   func(context.Context, *inMemory) (query func(context.Context) error, close func(), err error)
}

// Clients come and go, and stay, while tokens live for seconds and credentials are replaced:
// none is refused and none is lost.
func TestExpiry(t *testing.T) {
	for name, engine := range map[string]expiring{
		"PostgreSQL": {
			rdsiamtest.StartPostgreSQL,
			func(target proxy.Target) (dialing, error) { return proxy.NewPostgreSQL(target) },
			openForExpiryPostgreSQL,
		},
		"MySQL": {
			rdsiamtest.StartMySQL,
			func(target proxy.Target) (dialing, error) { return proxy.NewMySQL(target) },
			openForExpiryMySQL,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := os.Getenv(runVariable)
			if text == "" {
				synctest.Test(t, func(t *testing.T) { engine.run(t, 3*time.Minute, 500*time.Millisecond) })
				return
			}
			runtime, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			engine.run(t, runtime, 20*time.Millisecond)
		})
	}
}

// run has clients that pause between queries.
func (e expiring) run(t *testing.T, runtime, pause time.Duration) {
	server := e.start(t, rdsiamtest.WithInMemory(), rdsiamtest.WithEndpoint(endpoint), rdsiamtest.WithIAMUser(app),
		rdsiamtest.WithClock(func() time.Time { return time.Now().Add(15*time.Minute - tokenLife) }))
	d := &database{name: "rdsiamtest", verifier: server, address: "127.0.0.1:1"}
	rotating := newRotation(server)
	target := d.target(t)
	target.Tokens = rdsiam.NewTokenSource(rotating, rdsiam.WithReuse(reuse))
	engine, err := e.engine(target)
	if err != nil {
		t.Fatal(err)
	}
	r := inMemoryOf(t, server, engine, asItIs)
	defer func() {
		r.stop()
		r.Cut()
		<-r.stopped
	}()
	first := firstToken(t, d, rotating)
	ctx, cancel := context.WithTimeout(t.Context(), runtime)
	defer cancel()
	var all sync.WaitGroup
	var connections, queries atomic.Int64
	work := func(lasting bool) {
		for ctx.Err() == nil {
			query, end, err := e.open(t.Context(), r)
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			connections.Add(1)
			for once := true; ctx.Err() == nil && (once || lasting); once = false {
				if err := query(t.Context()); err != nil {
					t.Errorf("query: %v", err)
					return
				}
				queries.Add(1)
				waitAtMost(ctx, pause)
			}
			end()
		}
	}
	for range 2 {
		all.Go(func() { work(true) })
		all.Go(func() { work(false) })
	}
	all.Wait()
	t.Logf("%d connections, %d queries, %d credentials in %v", connections.Load(), queries.Load(), rotating.made.Load(), runtime)
	if connections.Load() < 10 || rotating.made.Load() < int64(runtime/credentialsLife) {
		t.Error("too little has happened")
	}
	for _, logIn := range server.Logins() {
		if !logIn.Accepted {
			t.Errorf("refused: %s %s", logIn.Reason, logIn.Detail)
		}
	}
	if runtime > tokenLife {
		if err := server.Verify(t.Context(), app, first); err == nil {
			t.Error("the first token is still good: nothing has expired")
		}
	}
}

func waitAtMost(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func firstToken(t *testing.T, d *database, provider aws.CredentialsProvider) string {
	t.Helper()
	token, err := d.target(t).Token(t.Context(), rdsiam.NewTokenSource(provider))
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

func openForExpiryPostgreSQL(ctx context.Context, r *inMemory) (func(context.Context) error, func(), error) {
	conn, err := r.openPostgreSQL(ctx)
	if err != nil {
		return nil, nil, err
	}
	query := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var one int
		return conn.QueryRow(ctx, "select 1", pgx.QueryExecModeSimpleProtocol).Scan(&one)
	}
	return query, func() { conn.Close(context.Background()) }, nil
}

func openForExpiryMySQL(ctx context.Context, r *inMemory) (func(context.Context) error, func(), error) {
	config := mysqlConfig(r.running, app, "")
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return r.connect(), nil }
	db, err := mysqlDB(config)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	query := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var one int
		return conn.QueryRowContext(ctx, "select 1").Scan(&one)
	}
	return query, func() { conn.Close(); db.Close() }, nil
}

// rotation gives new credentials each time, of which the database knows the last three.
type rotation struct {
	server *rdsiamtest.Server
	policy []string
	made   atomic.Int64

	mu    sync.Mutex
	known []rdsiamtest.Identity
}

func newRotation(server *rdsiamtest.Server) *rotation {
	return &rotation{server: server, policy: server.Identities()[0].Policies}
}

func (r *rotation) Retrieve(context.Context) (aws.Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	credentials := aws.Credentials{AccessKeyID: "ASIA" + rand.Text()[:16], SecretAccessKey: rand.Text(), SessionToken: rand.Text()}
	r.known = append(r.known, rdsiamtest.Identity{Credentials: credentials, Policies: r.policy})
	r.known = r.known[max(0, len(r.known)-3):]
	if err := r.server.SetIdentities(r.known...); err != nil {
		return aws.Credentials{}, fmt.Errorf("rotate: %w", err)
	}
	r.made.Add(1)
	credentials.CanExpire, credentials.Expires = true, time.Now().Add(credentialsLife)
	return credentials, nil
}
