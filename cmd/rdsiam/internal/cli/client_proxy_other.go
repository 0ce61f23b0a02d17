//go:build !unix

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

// startProxy starts the proxy of a client in this process, which runs the client and stays.
func (f *clientFlags) startProxy(ctx context.Context, _ Streams, endpoint string) (listens client.Proxy, stop func(), err error) {
	f.tcp = true // few clients know sockets here
	opened, err := f.openClientProxy(ctx, endpoint)
	if err != nil {
		return client.Proxy{}, nil, err
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		opened.serve(serving)
	}()
	return opened.listens, func() { cancel(); <-done }, nil
}

// addAgent adds nothing: the proxy is no process of its own here.
func addAgent(*cobra.Command, Streams) {}
