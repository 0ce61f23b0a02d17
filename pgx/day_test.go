package rdspgx_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// role is a provider of credentials that expire after an hour, as those of a role.
type role struct {
	server    *rdsiamtest.Server
	mu        sync.Mutex
	retrieved int
}

func (r *role) Retrieve(context.Context) (aws.Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retrieved++
	known := r.server.Identities()
	next := known[len(known)-1]
	next.Credentials = aws.Credentials{
		AccessKeyID: "ASIA" + rand.Text()[:16], SecretAccessKey: rand.Text(), SessionToken: strings.Repeat(rand.Text(), 10),
		CanExpire: true, Expires: time.Now().Add(time.Hour),
	}
	// The server refuses the old ones when they have expired.
	return next.Credentials, r.server.SetIdentities(append(known, next)...)
}

func TestADayOfABusyPool(t *testing.T) {
	const connectionLife = 7 * time.Minute
	tests := []struct {
		name string
		// open returns a function that does one query.
		open func(t *testing.T, server *rdsiamtest.Server, tokens rdsiam.TokenSource) func() error
	}{
		{"pgxpool", func(t *testing.T, server *rdsiamtest.Server, tokens rdsiam.TokenSource) func() error {
			config := poolFor(t, server, "")
			config.BeforeConnect = rdspgx.BeforeConnect(tokens, rdsiam.WithRootCAs(server.RootCAs()))
			config.MaxConnLifetime = connectionLife
			config.MinConns, config.MaxConns = 1, 4
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pool.Close)
			return func() error {
				var one int
				return pool.QueryRow(t.Context(), "select 1").Scan(&one)
			}
		}},
		{"database/sql", func(t *testing.T, server *rdsiamtest.Server, tokens rdsiam.TokenSource) func() error {
			d := newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs()))
			db := sql.OpenDB(rdsiam.NewConnector(d, tokens))
			t.Cleanup(func() { db.Close() })
			db.SetConnMaxLifetime(connectionLife)
			db.SetMaxOpenConns(4)
			return func() error {
				var one int
				return db.QueryRowContext(t.Context(), "select 1").Scan(&one)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := start(t, rdsiamtest.WithInMemory())
				role := &role{server: server}
				query := test.open(t, server, rdsiam.NewTokenSource(role))
				work(t, query)
				ok, all := accepted(server)
				if ok != all {
					t.Errorf("%d of %d logins accepted", ok, all)
				}
				if least := int(24 * time.Hour / (connectionLife + time.Minute)); all < least { // a worker pauses for a minute
					t.Errorf("%d logins, fewer than the %d of one connection", all, least)
				}
				// Credentials are fetched when a connection is opened, up to a minute before the
				// old ones expire or some minutes after.
				if role.retrieved < 23 || role.retrieved > 25 {
					t.Errorf("the credentials were retrieved %d times in 24 lifetimes", role.retrieved)
				}
			})
		})
	}
}

// work keeps two workers busy for a day.
func work(t *testing.T, query func() error) {
	var workers sync.WaitGroup
	end := time.Now().Add(24 * time.Hour)
	for range 2 {
		workers.Go(func() {
			for time.Now().Before(end) {
				if err := query(); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Minute)
			}
		})
	}
	workers.Wait()
}
