//go:build unix

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/agent"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

// startProxy starts the proxy of this process, which is the client soon. There is nothing to
// stop: it ends with this process.
func (f *clientFlags) startProxy(ctx context.Context, streams Streams, endpoint string) (listens client.Proxy, stop func(), err error) {
	arguments := append(f.at.arguments(endpoint), "--pid", strconv.Itoa(os.Getpid()), "--tcp="+strconv.FormatBool(f.tcp))
	err = agent.Start(ctx, arguments, streams.Err, &listens)
	switch {
	case ctx.Err() != nil && err != nil:
		err = exitStatus{exitInterrupted, errors.New("interrupted")}
	case errors.Is(err, agent.ErrEnded):
		err = exitStatus{code: exitNotStarted} // it has said why
	}
	return listens, func() {}, err
}

// addAgent adds the command that is the proxy of a client.
func addAgent(root *cobra.Command, streams Streams) {
	var flags clientFlags
	var pid int
	command := &cobra.Command{
		Use:    agent.Command + " ENDPOINT",
		Short:  "Be the proxy of connect and exec",
		Hidden: true,
		Args:   between(1, 1, "ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			// Nobody reads what is said after the client has begun.
			signal.Ignore(syscall.SIGPIPE)
			ctx, err := agent.Watch(command.Context(), pid)
			if err != nil {
				return fmt.Errorf("cannot watch process %d: %w", pid, err)
			}
			opened, err := flags.openClientProxy(ctx, args[0])
			if ctx.Err() != nil { // nobody waits for a word
				if err == nil {
					opened.serve(ctx)
				}
				return exitStatus{code: exitFailed}
			}
			if err != nil {
				return err
			}
			// Whoever waits for the end of the standard error has to wait for the client only.
			agent.CloseInherited()
			if err := json.NewEncoder(streams.Out).Encode(opened.listens); err != nil {
				opened.directory.Remove()
				return exitStatus{code: exitFailed}
			}
			opened.serve(ctx)
			return nil
		},
	}
	flags.at.addTo(command)
	command.Flags().BoolVar(&flags.tcp, "tcp", false, "listen on 127.0.0.1")
	command.Flags().IntVar(&pid, "pid", 0, "process to end with")
	root.AddCommand(command)
}
