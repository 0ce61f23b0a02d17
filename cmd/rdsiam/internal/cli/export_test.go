package cli

import (
	"context"
	"net"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// NewRoot returns the commands, for tests that look at them.
var NewRoot = newRoot

// How a command ends.
var (
	ExitCode    = exitCode
	Interrupted = interrupted
)

// DialAWS has calls to AWS use dial, until restore is called.
func DialAWS(dial func(ctx context.Context, network, address string) (net.Conn, error)) (restore func()) {
	dialAWS = dial
	return func() { dialAWS = nil }
}

// ProxyEngine returns the engine of rdsiam proxy endpoint --user user --dial dialed.
func ProxyEngine(ctx context.Context, endpoint, user, dialed string) (proxy.Engine, error) {
	at := target{user: user, dial: dialed}
	to, err := at.resolve(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	return at.proxyEngine(ctx, to)
}
