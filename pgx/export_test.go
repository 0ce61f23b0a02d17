package rdspgx

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Prepared returns a configuration as Open would dial it.
func (d *Driver) Prepared() (*pgx.ConnConfig, error) {
	config := d.config().Copy()
	_, err := prepare(config, d.resolver)
	return config, err
}

// CallbackOfPGX returns what pgx sets for sslmode=verify-ca.
func CallbackOfPGX() PeerCallback { return callbackOfPGX() }

type PeerCallback = peerCallback

// DropVerifyCA drops the callback of config if it is like sample.
func DropVerifyCA(config *tls.Config, sample PeerCallback) error {
	return dropVerifyCA(config, func() peerCallback { return sample })
}

// Unknown makes config one whose hook is not recognized when a hook is applied again, as
// where functions could not be known by their code.
func Unknown(config *pgx.ConnConfig) {
	hook := config.AfterNetConnect
	config.AfterNetConnect = func(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
		return hook(ctx, config, conn)
	}
}

// IsOurs reports whether hook is one of this package, by the code of known.
func IsOurs(hook afterNetConnect, known ...afterNetConnect) bool {
	return preparedConfigOf(hook, known...) != nil
}

// OurHooks are what IsOurs goes by.
func OurHooks() []func(context.Context, *pgconn.Config, net.Conn) (net.Conn, error) { return ourHooks }

// WithOptionsReading is WithOptions where the field of pgx has another name.
func (d *Driver) WithOptionsReading(field string, options ...stdlib.OptionOpenDB) *Driver {
	return d.withOptions(field, options)
}

// Given returns the configuration of d before any rule is applied to it.
func (d *Driver) Given() *pgx.ConnConfig { return d.config() }
