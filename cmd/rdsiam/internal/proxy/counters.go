package proxy

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/rdsiam/rdsiam"
)

// counters are what a Server counts from its start.
type counters struct {
	most      int // MaxConnections
	accepted  atomic.Uint64
	open      atomic.Int64
	cut       atomic.Uint64
	canceled  atomic.Uint64
	moved     moved
	refused   counts[refusedReason]
	logIns    counts[logInResult]
	logInTime atomic.Int64 // of all of them together, in nanoseconds
	tokens    counts[tokenResult]
}

// counts is a counter for each value of a label.
type counts[T ~string] struct {
	values []T
	counts []atomic.Uint64
}

func newCounts[T ~string](values ...T) counts[T] {
	return counts[T]{values, make([]atomic.Uint64, len(values))}
}

func (c *counts[T]) add(value T) {
	for i, known := range c.values {
		if known == value {
			c.counts[i].Add(1)
		}
	}
}

// refusedReason is why a client was turned away here, before a login at the database.
type refusedReason string

const (
	refusedUser     refusedReason = "user"
	refusedPassword refusedReason = "password"
	refusedLimit    refusedReason = "limit"
	refusedRoom     refusedReason = "room"
	refusedProtocol refusedReason = "protocol"
	refusedTimeout  refusedReason = "timeout"
	refusedLeft     refusedReason = "left"
	refusedChanged  refusedReason = "changed"
)

// logInResult is how a login at the database ended.
type logInResult string

const (
	logInSucceeded logInResult = "succeeded"
	logInRefused   logInResult = "refused"
	logInFailed    logInResult = "failed"
)

type tokenResult string

const (
	tokenSigned tokenResult = "signed"
	tokenReused tokenResult = "reused"
	tokenFailed tokenResult = "failed"
)

func newCounters(most int) *counters {
	return &counters{
		most:    most,
		refused: newCounts(refusedUser, refusedPassword, refusedLimit, refusedRoom, refusedProtocol, refusedTimeout, refusedLeft, refusedChanged),
		logIns:  newCounts(logInSucceeded, logInRefused, logInFailed),
		tokens:  newCounts(tokenSigned, tokenReused, tokenFailed),
	}
}

// observe counts the steps of a login at the database.
func (c *counters) observe(_ context.Context, event rdsiam.Event) {
	ended := func(result logInResult) {
		c.logIns.add(result)
		c.logInTime.Add(int64(event.Duration))
	}
	switch event.Kind {
	case rdsiam.TokenSigned:
		c.tokens.add(tokenSigned)
	case rdsiam.TokenReused:
		c.tokens.add(tokenReused)
	case rdsiam.TokenFailed:
		c.tokens.add(tokenFailed)
	case rdsiam.LoginSucceeded:
		ended(logInSucceeded)
	case rdsiam.LoginRefused:
		ended(logInRefused)
	case rdsiam.LoginFailed:
		ended(logInFailed)
	}
}

// writeTo writes the counters in the text format of Prometheus.
// https://prometheus.io/docs/instrumenting/exposition_formats/
func (c *counters) writeTo(w io.Writer) {
	metric := func(name, kind, help string, value any) {
		fmt.Fprintf(w, "# HELP rdsiam_proxy_%s %s\n# TYPE rdsiam_proxy_%s %s\nrdsiam_proxy_%s %v\n", name, help, name, kind, name, value)
	}
	metric("connections", "gauge", "Clients that are logged in.", c.open.Load())
	metric("connections_limit", "gauge", "Clients that may be logged in.", c.most)
	metric("accepted_total", "counter", "Connections that were accepted.", c.accepted.Load())
	writeCounts(w, "refused_total", "Clients that were turned away by the proxy itself.", "reason", &c.refused)
	writeCounts(w, "logins_total", "Logins at the database.", "result", &c.logIns)
	metric("login_seconds_total", "counter", "Time that logins at the database took together.", time.Duration(c.logInTime.Load()).Seconds())
	writeCounts(w, "tokens_total", "Tokens that were asked for.", "result", &c.tokens)
	metric("cancel_requests_total", "counter", "Cancel requests that named a session.", c.canceled.Load())
	metric("sent_bytes_total", "counter", "Bytes passed on to the database, without logins.", c.moved.toServer.Load())
	metric("received_bytes_total", "counter", "Bytes passed on from the database, without logins.", c.moved.toClient.Load())
}

func writeCounts[T ~string](w io.Writer, name, help, label string, c *counts[T]) {
	fmt.Fprintf(w, "# HELP rdsiam_proxy_%s %s\n# TYPE rdsiam_proxy_%s counter\n", name, help, name)
	for i, value := range c.values {
		fmt.Fprintf(w, "rdsiam_proxy_%s{%s=%q} %d\n", name, label, value, c.counts[i].Load())
	}
}
