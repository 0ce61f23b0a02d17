// Package realserver starts PostgreSQL, MariaDB and MySQL servers that ask a Go
// function whether a token is good, as RDS asks IAM. What the client sees on
// the wire, and what it reads when it is refused, comes from the real server.
//
// The servers listen on 127.0.0.1, keep everything they write in a temporary
// directory, run as an ordinary user even when the caller is root, and end with
// their caller, also when it is killed (only then the directory stays). They run
// on Linux; what is missing on a machine is reported as a [MissingError].
package realserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Check says whether token lets user log in: nil if so. The error is not shown
// to anybody, as on RDS. Check is called once per login, by many goroutines at
// a time, and must return when ctx is done, which is when the server is closed.
type Check func(ctx context.Context, user, token string) error

// Method is how a server hands a token to Check.
type Method string

// The methods.
const (
	// MethodPAM is PostgreSQL's pam, as on RDS. It needs a C compiler.
	MethodPAM Method = "pam"
	// MethodLDAP is PostgreSQL's ldap. A refused client reads "LDAP
	// authentication failed" where RDS says "PAM authentication failed".
	MethodLDAP Method = "ldap"
	// MethodPlugin is a MariaDB or MySQL plugin with the name of that of RDS. It needs a
	// C compiler.
	MethodPlugin Method = "plugin"
)

// Options say what a server is started with. Check and Certificate are needed.
type Options struct {
	Check       Check
	Certificate tls.Certificate // of the server, with its key

	// IAMUsers log in with a token. In PostgreSQL they are members of rds_iam,
	// in MariaDB and MySQL they are IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' and
	// REQUIRE SSL.
	IAMUsers []string
	// PasswordUsers maps the names of ordinary users to their passwords.
	PasswordUsers map[string]string

	// Method is MethodPAM or MethodLDAP for PostgreSQL. The zero value means pam
	// where it can be had, ldap otherwise. The others have only one.
	Method Method

	// Root, if set, is a folder with a file system of its own, in which the
	// server is installed and is run by chroot, which needs root. The compiler
	// is still that of this machine. The temporary directory is Root's /tmp.
	Root string

	// Settings are further settings of PostgreSQL, or options of the others, as
	// "name=value". They win over our own.
	Settings []string

	// Log, if set, receives the server's log. It is written to by one goroutine
	// at a time until Close returns.
	Log io.Writer
}

// startTimeout bounds the start of a server: one that takes longer than this on
// a busy machine is not going to come up.
const startTimeout = time.Minute

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	options   Options
	programs  programs
	workspace *workspace
	env       []string // of the server process, for the C code in it
	primary   *Server  // that a standby streams from, or nil
	daemon    *daemon

	addr    string
	socket  string
	version string
	method  Method
	query   func(ctx context.Context, sql string) (string, error)

	life      context.Context // of the server: what Check gets
	end       context.CancelFunc
	cleanups  []func() // run from last to first
	closeOnce sync.Once
}

// noServers is the environment variable that, set to 1, makes every server missing: for
// runs that are about something else.
const noServers = "NO_SERVERS"

// newServer returns a server of which nothing runs yet, with a workspace for the
// first of users that exists.
func newServer(o Options, find func(root) (programs, error), users ...string) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r, err := root(o.Root).clean()
	if err != nil {
		return nil, err
	}
	p, err := find(r)
	if err != nil {
		return nil, err
	}
	if os.Getenv(noServers) == "1" {
		return nil, &MissingError{What: noServers + "=1 is set: unset it to start servers"}
	}
	w, err := newWorkspace(r, users...)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, programs: p, workspace: w}
	s.life, s.end = context.WithCancel(context.Background())
	s.onClose(w.remove)
	return s, nil
}

// started returns s when start has started it, within the time that a start may
// take.
func (s *Server) started(ctx context.Context, start func(context.Context) error) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Addr returns the address that the server listens on, as "127.0.0.1:port".
func (s *Server) Addr() string { return s.addr }

// Socket returns the path of the unix socket that the server listens on too.
func (s *Server) Socket() string { return s.socket }

// Version returns the version that the server gives for itself.
func (s *Server) Version() string { return s.version }

// Method returns how the server hands tokens to Check.
func (s *Server) Method() Method { return s.method }

// Exec executes statements as the server's administrator, one after the other,
// each in a transaction of its own, and stops at the first that fails. They go
// through the server's command line client, which also obeys its own commands:
// they must come from a trusted source.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	_, err := s.query(ctx, strings.Join(statements, "\n;\n")+"\n;\n")
	return err
}

// Pause stops the server's processes where they are, as a machine does that hangs: its
// connections stay, and nothing is answered. Close ends it.
func (s *Server) Pause() error { return s.daemon.pause() }

// Close stops the server at once, ends running checks, waits for them, and
// removes all files. It can be called more than once.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		s.end()
		for i := len(s.cleanups) - 1; i >= 0; i-- {
			s.cleanups[i]()
		}
	})
}

func (s *Server) onClose(f func()) { s.cleanups = append(s.cleanups, f) }

func (o *Options) validate() error {
	switch {
	case o.Check == nil:
		return errors.New("realserver: Options.Check is nil")
	case len(o.Certificate.Certificate) == 0 || o.Certificate.PrivateKey == nil:
		return errors.New("realserver: Options.Certificate needs a certificate and its private key")
	}
	for _, user := range o.IAMUsers {
		if err := validUser(user); err != nil {
			return err
		}
	}
	for user, password := range o.PasswordUsers {
		if err := validUser(user); err != nil {
			return err
		}
		if strings.ContainsRune(password, 0) {
			return fmt.Errorf("realserver: the password of user %q contains a NUL byte", user)
		}
	}
	return nil
}

func validUser(user string) error {
	if user == "" || strings.ContainsRune(user, 0) {
		return fmt.Errorf("realserver: user %q is empty or contains a NUL byte", user)
	}
	return nil
}
