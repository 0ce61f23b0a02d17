package main

import "context"

// fault is what happens to the writer.
type fault struct {
	name string
	says string // for the document
	// strike is the fault. Where the old writer comes back as a reader, back starts it.
	strike func(context.Context, *cluster) error
	back   func(context.Context, *cluster) error
}

var faults = []fault{
	{
		name: "killed", says: "its process ends, and the old writer is back as a reader before the name of the cluster changes",
		strike: func(_ context.Context, c *cluster) error {
			c.first.server.Swap(nil).Close()
			return nil
		},
		back: func(ctx context.Context, c *cluster) error { return c.follow(ctx, &c.first, c.second.server.Load()) },
	},
	{
		name: "frozen", says: "its connections stay, and it answers nothing any more",
		strike: func(_ context.Context, c *cluster) error { return c.first.server.Load().Pause() },
	},
	{
		name: "vanished", says: "packets to it are lost",
		strike: func(_ context.Context, c *cluster) error {
			c.first.link.Freeze()
			return nil
		},
	},
	{
		name: "demoted", says: "it takes no writes any more, and keeps its connections",
		strike: func(ctx context.Context, c *cluster) error {
			return c.first.server.Load().Exec(ctx, c.engine.demote...)
		},
	},
}
