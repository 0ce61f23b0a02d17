package rdsiamtest

import (
	"context"
	"crypto/tls"
	"net"
)

func (u *Upstream) dial(ctx context.Context) (net.Conn, error) {
	if u.dialContext != nil {
		return u.dialContext(ctx, u.Network, u.Address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, u.Network, u.Address)
}

// tlsConfig returns TLS with the name of the server, nil for none.
func (u *Upstream) tlsConfig() *tls.Config {
	if u.TLS == nil || u.TLS.ServerName != "" {
		return u.TLS
	}
	config := u.TLS.Clone()
	config.ServerName, _, _ = net.SplitHostPort(u.Address)
	return config
}
