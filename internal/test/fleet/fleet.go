// Package fleet finds out how long a fleet of processes takes to log in again after a
// failover, at a server that throttles tokens it has not seen before.
//
// Credentials, token sources and connectors are the real ones, one of each for every
// process. The rest is simulated: [Server] is a model of RDS, the network is a delay, and
// a process is nothing but connections that are wanted all the time. That leaves out the
// pool, and loses nothing by it: database/sql and pgxpool make one attempt for whoever
// waits for a connection, and hand over the error.
//
// [Fleet.ComeBack] lives in the time of its caller. In a bubble of testing/synctest that
// is a fake one, and what takes a fleet a minute takes seconds:
//
//	go test ./internal/test/fleet -run TestFigures -timeout 1h -write
//
// simulates all the fleets of docs/performance.md, and writes their figures to testdata,
// and from those the tables and the plot of that page.
package fleet

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rdsiam/rdsiam"
)

// noticed is within how much time a connection finds out that it is gone.
const noticed = 100 * time.Millisecond

// Fleet describes processes that lose all their connections to a server at once and log
// in to it again.
type Fleet struct {
	Processes   int
	Connections int           // of each process
	Down        time.Duration // how long the server cannot be reached, from the loss on
	Server      Server

	Reuse  time.Duration // what rdsiam.WithReuse is given
	Shared bool          // all processes sign with the same credentials, not each with its own
	Warm   time.Duration // each process asked for a token at some moment of this time before the server is back
	Retry  Retry         // how long a connection waits after a failed login
	Limit  Limit         // on the logins of each process

	Seed uint64 // of all that is left to chance
}

// Result is what came of a fleet. Its times count from the moment in which the server is
// back.
type Result struct {
	Back      []time.Duration // when each connection was back, in order
	Refused   []time.Duration // when each refused login was, in order
	NewTokens int             // tokens that let somebody in for the first time
}

// ComeBack lets the fleet lose its connections, and returns when the last is back, or with
// those that are back until then when ctx ends.
func (f Fleet) ComeBack(ctx context.Context) (Result, error) {
	endpoint, err := rdsiam.ResolveEndpoint("prod.abc123.eu-west-1.rds.amazonaws.com", 5432)
	if err != nil {
		return Result{}, err
	}
	login := rdsiam.Login{Endpoint: endpoint, User: "app"}
	chance := rand.New(rand.NewPCG(f.Seed, 0))
	start := max(f.Down, f.Warm) + between(chance, 0, time.Second) // tokens tell whole seconds
	server := newServer(f.Server, time.Now().Add(start))
	var group sync.WaitGroup
	for n := range f.Processes {
		p := f.newProcess(n, login, server)
		if warm := server.up.Add(-between(chance, 0, f.Warm)); f.Warm > 0 {
			group.Go(func() { p.ask(ctx, warm) })
		}
		for range f.Connections {
			chance := rand.New(rand.NewPCG(f.Seed, chance.Uint64()))
			lost := server.up.Add(-f.Down).Add(between(chance, 0, noticed))
			group.Go(func() { p.comeBack(ctx, lost, chance) })
		}
	}
	group.Wait()
	return server.result(), ctx.Err()
}

// between returns a time from a up to b.
func between(chance *rand.Rand, a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(chance.Int64N(int64(b-a)))
}
