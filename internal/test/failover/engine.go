package main

import (
	"context"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// engine is one kind of database.
type engine struct {
	name         string
	port         string
	verifier     func(...rdsiamtest.Option) (*rdsiamtest.Server, error)
	startPrimary func(context.Context, *cluster, []string) (*realserver.Server, error)
	startReplica func(context.Context, *cluster, *realserver.Server) (*realserver.Server, error)
	promote      []string // statements
	demote       []string // statements
	variants     []variant
}

func (e *engine) endpoint(host string) string { return host + ":" + e.port }

var engines = []*engine{&postgreSQL, &mariaDB}

// variant is a way to connect. Each has a user of its own, by which its logins are counted.
type variant struct {
	name  string
	user  string
	never []string // faults that it does not recover from before its connections reach the end of their life
	bare  bool     // without this library: measured, not judged
	open  func(ctx context.Context, c *cluster, user string) (writer, error)
}

// writer is a pool.
type writer struct {
	fill  func(context.Context) error // opens as many connections as there may be
	write func(context.Context) error
	close func()
}

func (e *engine) users() []string {
	users := make([]string, len(e.variants))
	for i, v := range e.variants {
		users[i] = v.user
	}
	return users
}
