// Package lazytimeout bounds a wait that seldom happens.
package lazytimeout

import (
	"context"
	"sync"
	"time"
)

// Context is like that of [context.WithTimeout], but sets its timer when it is first asked
// for anything. A source that gives out a token again never asks, and a timer takes several
// times as long as that. It is safe for concurrent use.
type Context struct {
	parent  context.Context
	timeout time.Duration

	mutex  sync.Mutex
	timed  context.Context // guarded by mutex; nil until it is asked for
	cancel context.CancelFunc
	ended  bool // guarded by mutex
}

var _ context.Context = (*Context)(nil)

// New returns a context that ends with parent, or when timeout has passed since its first
// use. [Context.End] releases it.
func New(parent context.Context, timeout time.Duration) *Context {
	return &Context{parent: parent, timeout: timeout}
}

// End is the CancelFunc of c.
func (c *Context) End() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ended = true
	if c.timed != nil {
		c.cancel()
	}
}

func (c *Context) use() context.Context {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithTimeout(c.parent, c.timeout)
		if c.ended {
			c.cancel()
		}
	}
	return c.timed
}

// Deadline implements [context.Context].
func (c *Context) Deadline() (time.Time, bool) { return c.use().Deadline() }

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} { return c.use().Done() }

// Err implements [context.Context].
func (c *Context) Err() error { return c.use().Err() }

// Value implements [context.Context]. It is not the parent's: package context finds out in
// this way that it need not start a goroutine to end what is derived from c.
func (c *Context) Value(key any) any { return c.use().Value(key) }
