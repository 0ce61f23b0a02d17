// Package local runs servers of rdsiamtest as a program does, for clients in any
// language: on ports of this machine, with the certificate authority in a file.
package local

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/agent"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Options say which servers to start, and for which users.
type Options struct {
	Users    []string // that may log in, at least one
	Region   string
	Policies []string // in place of one that allows to log in as each of Users

	// PostgreSQL and MySQL are the servers to start, nil for none.
	PostgreSQL, MySQL *Database

	// LoggedIn is called with the engine and each try to log in, by several goroutines.
	LoggedIn func(engine string, try rdsiamtest.Login)
}

// Database is a server to start.
type Database struct {
	Port     uint16    // of 127.0.0.1; 0 is a free one
	Upstream *Upstream // nil: a few answers of rdsiamtest's own
}

// SettingsError means that the Options or a DSN are wrong: the same again fails again.
type SettingsError struct{ error }

// Unwrap returns the error with the reason.
func (e *SettingsError) Unwrap() error { return e.error }

// Server is what runs.
type Server struct {
	users      []string
	region     string
	directory  *agent.Directory // with the file of the certificate authority
	postgresql *database
	mysql      *database
}

// database is a running server with the port that it listens on.
type database struct {
	*rdsiamtest.Server
	port     uint16
	endpoint string // in RDS
	name     string // of the database in the URL
}

// Start starts the servers. The caller closes what it returns. The error may be a
// [*SettingsError].
func Start(o Options) (*Server, error) {
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		return nil, err
	}
	s := &Server{users: o.Users, region: o.Region}
	shared := []rdsiamtest.Option{
		rdsiamtest.WithCertificateAuthority(authority),
		rdsiamtest.WithIAMUser(o.Users...),
		rdsiamtest.WithRegion(o.Region),
	}
	if err := s.start(o, shared); err != nil {
		s.Close()
		return nil, err
	}
	if s.directory, err = agent.NewDirectory("local"); err == nil {
		err = os.WriteFile(s.rootCAs(), authority.CertificatePEM(), 0o600)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(o Options, shared []rdsiamtest.Option) error {
	var err error
	if o.PostgreSQL != nil {
		s.postgresql, err = startDatabase(postgreSQL, *o.PostgreSQL, o, shared)
		if err != nil {
			return err
		}
		// Both servers know one identity, so that one environment serves both.
		shared = append(shared, rdsiamtest.WithIdentity(s.postgresql.Identities()[0]))
	}
	if o.MySQL != nil {
		s.mysql, err = startDatabase(mySQL, *o.MySQL, o, shared)
	}
	return err
}

// engine is a kind of server that rdsiamtest has.
type engine struct {
	name     string
	start    func(...rdsiamtest.Option) (*rdsiamtest.Server, error)
	port     string // that the endpoint in RDS has
	database string // that is there without being created
}

var (
	postgreSQL = engine{"postgresql", rdsiamtest.NewPostgreSQL, "5432", "postgres"}
	mySQL      = engine{"mysql", rdsiamtest.NewMySQL, "3306", ""}
)

func startDatabase(engine engine, d Database, o Options, shared []rdsiamtest.Option) (*database, error) {
	listener, err := listen(d.Port)
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	endpoint := net.JoinHostPort("local.abc123."+o.Region+".rds.amazonaws.com", engine.port)
	options := append([]rdsiamtest.Option{
		rdsiamtest.WithListener(listener),
		rdsiamtest.WithEndpoint(net.JoinHostPort("127.0.0.1", strconv.Itoa(port))),
		rdsiamtest.WithEndpoint(net.JoinHostPort("localhost", strconv.Itoa(port))),
		rdsiamtest.WithEndpoint(endpoint),
		rdsiamtest.WithObserver(func(try rdsiamtest.Login) { o.LoggedIn(engine.name, try) }),
	}, shared...)
	name := engine.database
	if d.Upstream != nil {
		name = cmp.Or(d.Upstream.name, name)
		options = append(options, rdsiamtest.WithUpstream(d.Upstream.Upstream))
	}
	server, err := engine.start(options...)
	if err != nil {
		listener.Close()
		return nil, &SettingsError{err}
	}
	if o.Policies != nil {
		if err := server.SetPolicies(o.Policies...); err != nil {
			server.Close()
			return nil, &SettingsError{err}
		}
	}
	return &database{server, uint16(port), endpoint, name}, nil
}

func listen(port uint16) (net.Listener, error) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken: end what listens there, choose another port, or 0 for a free one", address)
	}
	return listener, err
}

func (s *Server) rootCAs() string { return filepath.Join(s.directory.Path, "ca.pem") }

// Close stops the servers, ends their sessions and removes the files.
func (s *Server) Close() error {
	for _, d := range []*database{s.postgresql, s.mysql} {
		if d != nil {
			d.Close()
		}
	}
	if s.directory != nil {
		s.directory.Remove()
	}
	return nil
}
