// Command demo shows rdsiam at work, without AWS: logins to PostgreSQL and MySQL with
// tokens, a pool that outlives its tokens, and three logins that are refused. It takes
// about ten seconds, needs no root, and leaves nothing behind. Run it with
//
//	go run ./demo
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

// run shows everything on out. The error is the first thing that did not behave.
func run(ctx context.Context, out io.Writer) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p := &printer{out: out}
	p.text("Databases with RDS names on this machine, an AWS identity of their own: nothing here touches AWS.")

	s, err := startSetting(ctx, p)
	if err == nil {
		defer s.close()
		err = s.show(ctx, p)
	}
	if err != nil {
		p.text("")
		p.text(fmt.Sprintf("FAILED after %.1f s: %v", time.Since(started).Seconds(), err))
		return err
	}
	p.text("")
	p.text(fmt.Sprintf("All %d steps behaved as they should, in %.1f s.", p.steps, time.Since(started).Seconds()))
	return nil
}

// show runs the parts of the demo.
func (s *setting) show(ctx context.Context, p *printer) error {
	c, err := s.openClients(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	for _, part := range []func(context.Context, *printer, *clients) error{s.logIn, s.outliveTokens, s.beRefused} {
		if err := part(ctx, p, c); err != nil {
			return err
		}
	}
	return nil
}
