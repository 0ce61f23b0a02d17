package rdsiamtest

import (
	"context"
	"net"
)

// InMemory reaches the upstream by dial in place of the network, which stops the clock of
// testing/synctest.
func (u Upstream) InMemory(dial func(ctx context.Context, network, address string) (net.Conn, error)) Upstream {
	u.dialContext = dial
	return u
}
