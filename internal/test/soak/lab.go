package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/internal/test/link"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// users are several, so that several tokens are in use at once.
var users = []string{"app0", "app1", "app2", "app3", "app4", "app5", "app6", "app7"}

const policy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rds-db:connect", "Resource": "*"}]}`

// database is a real server under an RDS name.
type database struct {
	endpoint string // host:port
	start    func(context.Context, realserver.Options) (*realserver.Server, error)
	verifier *rdsiamtest.Server
	serving  *realserver.Server
	address  atomic.Pointer[string] // where it serves at the moment
}

// lab is what the crowd logs in to.
type lab struct {
	postgresql, mariadb *database
	provider            *provider
	controlCache        *aws.CredentialsCache // what the control signs with
	roots               *x509.CertPool        // of both authorities
	next                *rdsiamtest.CertificateAuthority
	link                link.Link // to all of them
}

func startLab(ctx context.Context) (*lab, error) {
	first, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		return nil, err
	}
	l := &lab{roots: x509.NewCertPool()}
	if l.next, err = rdsiamtest.NewCertificateAuthority(); err != nil {
		return nil, err
	}
	l.roots.AppendCertsFromPEM(first.CertificatePEM())
	l.roots.AppendCertsFromPEM(l.next.CertificatePEM())
	l.postgresql = &database{endpoint: "soak.abc123.eu-west-1.rds.amazonaws.com:5432", start: realserver.StartPostgreSQL}
	l.mariadb = &database{endpoint: "soak.abc123.eu-west-1.rds.amazonaws.com:3306", start: realserver.StartMariaDB}
	l.provider = &provider{policy: policy, freed: make(chan struct{}), announce: l.announce}
	l.controlCache = aws.NewCredentialsCache(l.provider)
	settings := []rdsiamtest.Option{rdsiamtest.WithCertificateAuthority(first), rdsiamtest.WithIAMUser(users...)}
	if l.postgresql.verifier, err = rdsiamtest.NewPostgreSQL(append(settings, rdsiamtest.WithEndpoint(l.postgresql.endpoint))...); err != nil {
		return nil, err
	}
	if l.mariadb.verifier, err = rdsiamtest.NewMySQL(append(settings, rdsiamtest.WithEndpoint(l.mariadb.endpoint))...); err != nil {
		return nil, err
	}
	for _, d := range l.databases() {
		if d.serving, err = d.serve(ctx); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *lab) databases() []*database { return []*database{l.postgresql, l.mariadb} }

func (l *lab) announce(identities ...rdsiamtest.Identity) error {
	return errors.Join(l.postgresql.verifier.SetIdentities(identities...), l.mariadb.verifier.SetIdentities(identities...))
}

// serve starts a real server and has clients dial it.
func (d *database) serve(ctx context.Context) (*realserver.Server, error) {
	server, err := d.start(ctx, realserver.Options{
		Check: d.verifier.Verify, Certificate: d.verifier.Certificate(), IAMUsers: users,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.endpoint, err)
	}
	address := server.Addr()
	d.address.Store(&address)
	return server, nil
}

// dial returns a function that connects to where d serves at the moment.
func (l *lab) dial(d *database) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return l.link.Dial(ctx, *d.address.Load()) }
}

// restart ends the servers and starts others.
func (l *lab) restart(ctx context.Context) error {
	for _, d := range l.databases() {
		d.serving.Close()
	}
	return l.serveAgain(ctx)
}

func (l *lab) serveAgain(ctx context.Context) (err error) {
	for _, d := range l.databases() {
		if d.serving, err = d.serve(ctx); err != nil {
			return err
		}
	}
	return nil
}

// failOver has other servers take over before the ones that serve end.
func (l *lab) failOver(ctx context.Context) (err error) {
	for _, d := range l.databases() {
		old := d.serving
		if d.serving, err = d.serve(ctx); err != nil {
			return err
		}
		old.Close()
	}
	return nil
}

// changeCertificates restarts the servers with certificates of the other authority.
func (l *lab) changeCertificates(ctx context.Context) error {
	for _, d := range l.databases() {
		if err := d.verifier.SetCertificateAuthority(l.next); err != nil {
			return err
		}
	}
	return l.restart(ctx)
}

func (l *lab) setFaults(f rdsiamtest.Faults) {
	for _, d := range l.databases() {
		d.verifier.SetFaults(f)
	}
}

func (l *lab) close() {
	for _, d := range l.databases() {
		if d.serving != nil {
			d.serving.Close()
		}
		d.verifier.Close()
	}
}
