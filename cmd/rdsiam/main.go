// Command rdsiam logs people and programs in to Amazon RDS and Aurora with an AWS
// identity, and finds out why that fails. See docs/cli.md, or rdsiam --help.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/agent"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	if code, detached := agent.Detach(os.Args); detached {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), cli.EndSignals()...)
	defer stop()
	// A second Ctrl-C exits at once.
	defer context.AfterFunc(ctx, stop)()
	return cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}
