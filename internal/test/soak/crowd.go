package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// pause is how long a worker rests between logins, on average: 200 workers make about 40
// logins a second, which two cores with two database servers on them can take.
const pause = 5 * time.Second

// count is what the clients of one kind saw.
type count struct {
	tried, refused int
	lastRefused    time.Time
	lastError      error
}

type counts [kinds]count

// crowd logs in until it is stopped.
type crowd struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mutex  sync.Mutex
	counts counts
}

func startCrowd(ctx context.Context, clients []client, workers int) *crowd {
	ctx, cancel := context.WithCancel(ctx)
	c := &crowd{cancel: cancel}
	ofKind := make([][]client, kinds)
	for _, client := range clients {
		ofKind[client.kind] = append(ofKind[client.kind], client)
	}
	for i := range workers {
		c.done.Go(func() { c.work(ctx, ofKind[ofLibrary][i%len(ofKind[ofLibrary])]) })
	}
	for i := range max(workers/4, len(ofKind[ofControl])) {
		c.done.Go(func() { c.work(ctx, ofKind[ofControl][i%len(ofKind[ofControl])]) })
	}
	return c
}

func (c *crowd) stop() {
	c.cancel()
	c.done.Wait()
}

func (c *crowd) work(ctx context.Context, client client) {
	for sleep(ctx, rand.N(2*pause)) == nil {
		login, cancel := context.WithTimeout(ctx, loginTimeout)
		err := client.login(login)
		cancel()
		if ctx.Err() == nil {
			c.add(client.kind, err)
		}
	}
}

func (c *crowd) add(kind kind, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[kind].tried++
	if err != nil {
		c.counts[kind].refused++
		c.counts[kind].lastRefused, c.counts[kind].lastError = time.Now(), err
	}
}

// take returns what was counted since it was called last.
func (c *crowd) take() counts {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	taken := c.counts
	c.counts = counts{}
	return taken
}
