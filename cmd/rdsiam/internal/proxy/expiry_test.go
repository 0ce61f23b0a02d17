package proxy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// runVariable sets for how long TestExpiry runs.
const runVariable = "RDSIAM_PROXY_RUN"

const (
	// tokenLife is what is left of the 15 minutes of a token, when the clock of the
	// database is that much ahead.
	tokenLife = 15 * time.Second
	reuse     = 5 * time.Second
	// The library refreshes credentials a minute before they expire.
	credentialsLife = time.Minute + reuse
)

// Clients come and go, and stay, while tokens live for seconds and credentials are replaced
// as often: none is refused and none is lost.
func TestExpiry(t *testing.T) {
	runtime := 10 * time.Second
	if text := os.Getenv(runVariable); text != "" {
		var err error
		if runtime, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	ahead := rdsiamtest.WithClock(func() time.Time { return time.Now().Add(15*time.Minute - tokenLife) })
	for _, engine := range []struct {
		name  string
		start func(testing.TB, ...rdsiamtest.Option) *database
		open  func(context.Context, *running) (query func(context.Context) error, close func(), err error)
	}{
		{"PostgreSQL", emulatedPostgreSQL, openForExpiryPostgreSQL},
		{"MySQL", emulatedMySQL, openForExpiryMySQL},
	} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			d := engine.start(t, ahead)
			rotating := newRotation(d.verifier)
			r := d.proxy(t, "unix", proxy.Settings{}, func(target *proxy.Target) {
				target.Tokens = rdsiam.NewTokenSource(rotating, rdsiam.WithReuse(reuse))
			})
			first := firstToken(t, d, rotating)
			ctx, cancel := context.WithTimeout(t.Context(), runtime)
			defer cancel()
			var all sync.WaitGroup
			var connections, queries atomic.Int64
			work := func(lasting bool) {
				for ctx.Err() == nil {
					query, end, err := engine.open(t.Context(), r)
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
						pause(ctx, 20*time.Millisecond)
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
			if connections.Load() < 10 || rotating.made.Load() < 2 {
				t.Error("too little has happened")
			}
			for _, logIn := range d.verifier.Logins() {
				if !logIn.Accepted {
					t.Errorf("refused: %s %s", logIn.Reason, logIn.Detail)
				}
			}
			if runtime > tokenLife {
				if err := d.verifier.Verify(t.Context(), app, first); err == nil {
					t.Error("the first token is still good: nothing has expired")
				}
			}
		})
	}
}

func pause(ctx context.Context, d time.Duration) {
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

func openForExpiryPostgreSQL(ctx context.Context, r *running) (func(context.Context) error, func(), error) {
	config, err := pgxConfigOf(r, app, "")
	if err != nil {
		return nil, nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
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

func openForExpiryMySQL(ctx context.Context, r *running) (func(context.Context) error, func(), error) {
	db, err := mysqlDB(mysqlConfig(r, app, ""))
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
