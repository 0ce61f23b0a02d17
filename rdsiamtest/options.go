package rdsiamtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rdsiam/rdsiam"
)

type engine uint8

const (
	postgreSQL engine = iota
	mySQL
)

func (e engine) defaultPort() uint16 {
	if e == mySQL {
		return 3306
	}
	return 5432
}

// Option changes a server before it starts. Options are applied in order.
type Option func(*settings) error

type settings struct {
	engine      engine
	hostports   []string // from WithEndpoint
	region      string
	accounts    map[string]account
	given       []Identity // from WithIdentity
	resourceID  string
	accountID   string
	now         func() time.Time
	inMemory    bool
	addresses   int
	authority   *CertificateAuthority
	tlsMode     TLSMode
	authRequest AuthRequest
	upstream    *Upstream // nil: the server answers by itself
	ownListener net.Listener
	observe     func(Login) // nil: nobody
}

func newSettings(engine engine, options []Option) (settings, error) {
	s := settings{
		engine:     engine,
		accounts:   make(map[string]account),
		resourceID: "db-RDSIAMTEST0123456789ABCDEF",
		accountID:  "123456789012",
		now:        time.Now,
		addresses:  1,
	}
	for _, option := range options {
		if option == nil {
			return settings{}, errors.New("nil Option: leave it out")
		}
		if err := option(&s); err != nil {
			return settings{}, err
		}
	}
	if len(s.hostports) == 0 {
		s.hostports = []string{"rdsiamtest.abc123.us-east-1.rds.amazonaws.com"}
	}
	if s.authority == nil {
		var err error
		if s.authority, err = NewCertificateAuthority(); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// WithEndpoint gives the server an RDS name, as host or host:port; the port
// defaults to 5432 or 3306 and, like the name, exists only in tokens and in
// [Server.DialContext]. Given several times, one server answers under several
// names and checks each token for the name that the client connected to: by the
// address that it dialed and the server name of its TLS handshake. The default
// is rdsiamtest.abc123.us-east-1.rds.amazonaws.com. The region is read from the
// name; see [WithRegion]. A proxy's name makes the server refuse in the words of
// RDS Proxy.
//
// The name of a cluster of Aurora DSQL has PostgreSQL servers follow its rules: tokens of the
// service dsql, which name no port and live as long as they say, policies for dsql:DbConnect
// and dsql:DbConnectAdmin on the cluster, and refusals with 08006 and a hint. WithIAMUser
// stands for AWS IAM GRANT to every identity. No cluster of AWS was asked.
//
// The names localhost and 127.0.0.1, which have no region, are for clients that sign the
// name that they dial; with [WithListener] the port is a real one.
func WithEndpoint(hostport string) Option {
	return func(s *settings) error {
		s.hostports = append(s.hostports, hostport)
		return nil
	}
}

// WithRegion gives the region of endpoints whose name has none. A region that
// contradicts a name is an error.
func WithRegion(region string) Option {
	return func(s *settings) error {
		s.region = region
		return nil
	}
}

// WithIAMUser adds accounts that log in with a token: members of rds_iam in
// PostgreSQL, accounts identified with AWSAuthenticationPlugin in MySQL.
func WithIAMUser(names ...string) Option {
	return func(s *settings) error {
		for _, name := range names {
			if err := s.addAccount(account{name: name, iam: true}); err != nil {
				return err
			}
		}
		return nil
	}
}

// WithPasswordUser adds an account that logs in with a password: a role without
// rds_iam in PostgreSQL, an account without AWSAuthenticationPlugin in MySQL.
// With an empty password no login succeeds, as for a role that was created
// without one.
func WithPasswordUser(name, password string) Option {
	return func(s *settings) error { return s.addAccount(account{name: name, password: password}) }
}

func (s *settings) addAccount(a account) error {
	if a.name == "" {
		return errors.New("empty user name: an account needs one")
	}
	if _, ok := s.accounts[a.name]; ok {
		return fmt.Errorf("user %q is given twice: an account logs in with a token or with a password", a.name)
	}
	s.accounts[a.name] = a
	return nil
}

// WithIdentity adds an AWS identity whose tokens the server knows. The default
// is one identity with random temporary credentials whose policy allows
// rds-db:connect as every IAM user of the server.
func WithIdentity(identity Identity) Option {
	return func(s *settings) error {
		s.given = append(s.given, identity)
		return nil
	}
}

// WithResourceID sets the resource id in the ARN that policies are evaluated
// for, of the form db-…, cluster-… or prx-… followed by letters and digits. The
// default is "db-RDSIAMTEST0123456789ABCDEF".
func WithResourceID(id string) Option {
	return func(s *settings) error {
		if id == "" {
			return errors.New("empty resource id: leave WithResourceID out for the default")
		}
		s.resourceID = id
		if err := s.checkResource(); err != nil {
			return fmt.Errorf("WithResourceID(%q): %w", id, err)
		}
		return nil
	}
}

// WithAccountID sets the AWS account in the ARN that policies are evaluated
// for, 12 digits. The default is "123456789012".
func WithAccountID(id string) Option {
	return func(s *settings) error {
		if id == "" {
			return errors.New("empty account id: leave WithAccountID out for the default")
		}
		s.accountID = id
		if err := s.checkResource(); err != nil {
			return fmt.Errorf("WithAccountID(%q): %w", id, err)
		}
		return nil
	}
}

// checkResource refuses ids that no policy could name. The region, which is not
// known before the endpoints are, and the user stand in for any.
func (s *settings) checkResource() error {
	_, err := rdsiam.Resource{ID: s.resourceID, AccountID: s.accountID, Region: "us-east-1"}.User("user")
	return err
}

// WithClock sets the clock that the age of tokens and credentials is measured
// with. The default is [time.Now], which inside testing/synctest is the
// bubble's clock.
func WithClock(now func() time.Time) Option {
	return func(s *settings) error {
		if now == nil {
			return errors.New("nil clock: leave WithClock out for the default")
		}
		s.now = now
		return nil
	}
}

// WithInMemory makes the server do without the network: nothing but
// [Server.DialContext] reaches it. It is what testing/synctest needs. The default
// is a listener on 127.0.0.1.
func WithInMemory() Option {
	return func(s *settings) error {
		s.inMemory = true
		return nil
	}
}

// WithAddresses makes [Server.LookupHost] return n addresses for a name, 1 to
// 250, to test what a driver does with a host that has several. The default is 1.
func WithAddresses(n int) Option {
	return func(s *settings) error {
		if n < 1 || n > 250 {
			return fmt.Errorf("WithAddresses(%d): give 1 to 250", n)
		}
		s.addresses = n
		return nil
	}
}

// WithCertificateAuthority makes the server use an authority that other servers
// use too, so that a client can trust all of them. The default is a new one for
// each server.
func WithCertificateAuthority(authority *CertificateAuthority) Option {
	return func(s *settings) error {
		if authority == nil {
			return errors.New("nil certificate authority: leave WithCertificateAuthority out for the default")
		}
		s.authority = authority
		return nil
	}
}

// Upstream is a real server that logged-in sessions are handed to.
type Upstream struct {
	Network  string      // "tcp" or "unix"; "" is "tcp"
	Address  string      // host:port, or the path of the socket
	User     string      // "" is the name that the client logged in with
	Password string      // "" sends none
	Database string      // "" is the database that the client asked for
	TLS      *tls.Config // nil connects without TLS

	dialContext func(ctx context.Context, network, address string) (net.Conn, error) // nil: the network; others are for tests
}

// WithUpstream hands each session, once its login was accepted, to a real
// server, byte for byte. The default is to answer a few statements without one.
// The upstream is dialed when a client comes: while that fails, DialContext fails
// as well, and a client of the listener reads a reset.
func WithUpstream(upstream Upstream) Option {
	return func(s *settings) error {
		if upstream.Address == "" {
			return errors.New("WithUpstream: empty Address: give host:port or the path of a socket")
		}
		if upstream.Network == "" {
			upstream.Network = "tcp"
		}
		s.upstream = &upstream
		return nil
	}
}
