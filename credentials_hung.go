package rdsiam

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// When a request for credentials that does not answer is given up, so that another can be
// made. The times double with each, up to maxHungLimit, for services that are only slow.
const (
	hungLimit    = 5 * time.Second // while logins go on waiting, or sign with the old credentials
	maxHungLimit = 20 * time.Second

	ownGivenUpLimit   = time.Second     // where a login ended in vain, and a late answer is not lost
	agentGivenUpLimit = 2 * time.Second // where it is lost
)

// givenUpLimit is the limit where a login ended in vain.
func (k *keeper) givenUpLimit() time.Duration {
	if k.provider != nil {
		return ownGivenUpLimit
	}
	return agentGivenUpLimit
}

// limit returns a limit as it is after the requests that were given up. The mutex is held.
func (k *keeper) limit(first time.Duration) time.Duration {
	return min(first<<k.freed, maxHungLimit)
}

// free gives up the request of cache if it has not answered for so long. That of a cache of
// the caller's cannot be ended, but for a container endpoint's.
func (k *keeper) free(cache *generation, after time.Duration) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	limit, freed := k.limit(after), false
	switch {
	case k.provider != nil && k.cache == cache && !cache.asked.IsZero() && time.Since(cache.asked) >= limit:
		k.cache, freed = k.newGeneration(), true
	case k.agent != nil:
		freed = k.agent.closeSilent(limit)
	}
	if freed && limit < maxHungLimit {
		k.freed++
	}
}

// agentConnection is the one reach into the SDK: its container provider has no time limit,
// and a cache asks nobody else while a request is open. But the cache passes the values of
// the context on, so that net/http shows the connection; once it is closed, the SDK asks
// again. That provider has a client of its own: nothing else uses the connection. For a
// request that another AWS client began, there is nothing to close.
type agentConnection struct {
	mutex sync.Mutex
	conn  net.Conn // nil while no request is known to be open
	since time.Time
}

// watch returns a context that shows the connections of the requests made with it.
func (a *agentConnection) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:     func(got httptrace.GotConnInfo) { a.set(got.Conn) },
		PutIdleConn: func(error) { a.set(nil) },
	})
}

func (a *agentConnection) set(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok && secure.ConnectionState().NegotiatedProtocol == "h2" {
		conn = nil // may be shared with other requests
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.conn, a.since = conn, time.Now()
}

// closeSilent closes the connection if its request has been open for so long.
func (a *agentConnection) closeSilent(limit time.Duration) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.conn == nil || time.Since(a.since) < limit {
		return false
	}
	_ = a.conn.Close()
	a.conn = nil
	return true
}
