package rdsiamtest

import (
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Faults are what goes wrong between clients and a server that is otherwise well:
// throttling, slowness, cut connections, wrong certificates, clocks that differ. The
// zero value is a server without faults. [Server.SetFaults] puts them in force.
//
// Several can be set at once. They hold for every client, also in front of an
// upstream ([WithUpstream]). A real server that asks [Server.Verify] has RefuseNext,
// NewTokensPerSecond, TokenDelay and ClockOffset. Times go by the real clock, or that
// of testing/synctest, whatever [WithClock] says.
//
// [Server.Logins] says of a login which fault ended it: [ReasonFault],
// [ReasonThrottled], [ReasonTimeout] or [ReasonCut], and [ReasonExpired] or
// [ReasonNotYetValid] for a clock. As always, a connection that ends before the client
// names a user leaves no entry.
type Faults struct {
	// RefuseNext is how many logins are refused, from SetFaults on, of those whose
	// token is right. The client reads what it reads of a wrong token.
	RefuseNext int

	// NewTokensPerSecond is how many tokens may log in for the first time on this
	// server within one second; the others are refused. Zero is no limit. Tokens that
	// have logged in before, also before the limit was set, are exempt, and refused
	// ones count for nothing. The client reads what it reads of a wrong token, or of
	// RDS Proxy that it throttles. Logins signed with one access key for one user
	// within one second have the same token.
	//
	// AWS documents that IAM logins are throttled at 200 connections a second, but
	// not how they are counted. That tokens which are used again are exempt is
	// what users of RDS report, and is assumed here.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html
	NewTokensPerSecond int

	// The delays hold up each connection at one point: AcceptDelay before the server
	// reads or sends anything (MySQL: its greeting), TLSDelay before it answers the
	// TLS handshake, TokenDelay before it answers the token, and StatementDelay, in
	// sessions, before it looks at what the client asks next. A driver may ask several
	// times for one statement: to prepare it, and to run it.
	//
	// A delay ends early when the client goes, and that of a PostgreSQL statement when
	// the client asks to cancel it: the statement fails with 57014, or goes on to the
	// upstream if there is one. TLSDelay and TokenDelay are part of the login, which a
	// server ends after a minute (PostgreSQL) or 10 seconds (MySQL); PostgreSQL then
	// says "canceling authentication due to timeout" if it was the token that took so
	// long.
	//
	// The clock of testing/synctest stands still while pgx waits in the handshake of
	// sslnegotiation=direct, so that a TLSDelay does not end there.
	AcceptDelay    time.Duration
	TLSDelay       time.Duration
	TokenDelay     time.Duration
	StatementDelay time.Duration

	// CutAfter closes each connection, without a word, when the server has sent
	// this many bytes on it, those of TLS included. Bytes count from the opening
	// of the connection, or from SetFaults if it was open then. Zero never cuts, a
	// negative number cuts before the first byte. The last bytes may be lost on the
	// way, as with any connection that breaks.
	CutAfter int64

	// TLSMode takes the place of [WithTLSMode] for new connections; TLSRequired, the
	// zero value, leaves that as it is. For a certificate of another authority that
	// clients can trust, see [Server.SetCertificateAuthority].
	TLSMode TLSMode

	// ReadOnly makes the server one that takes no writes, a reader or a writer that was
	// demoted, for sessions that are open as well. Writes are refused with SQLSTATE 25006
	// (PostgreSQL) or error 1290 (MySQL). A PostgreSQL server is a hot standby:
	// transaction_read_only and in_hot_standby are on, pg_is_in_recovery() is true. In
	// MySQL read_only and innodb_read_only are 1. So target_session_attrs,
	// rejectReadOnly and what a program does in a failover can be rehearsed.
	//
	// In front of an upstream, sessions are read-only by what the real server has for it:
	// default_transaction_read_only, or SET SESSION TRANSACTION READ ONLY, which MySQL
	// refuses writes for with error 1792. A client that sets the contrary may write; the
	// server stays a primary for pg_is_in_recovery() and @@read_only. Sessions that are open
	// when ReadOnly changes are cut, as Aurora cuts those of an instance that changes its
	// role.
	ReadOnly bool

	// ClockOffset is added to the server's clock: 16 minutes make every new token
	// too old, -6 minutes make it one from the future.
	ClockOffset time.Duration
}

// SetFaults puts faults in force in place of all that were, for connections that are
// opened later and for those that are open. It can be called at any time, also while a
// client waits: a delay that is under way goes on as the new faults want it.
// SetFaults(Faults{}) ends all faults.
func (s *Server) SetFaults(faults Faults) {
	next := &faultsInForce{Faults: faults, replaced: make(chan struct{})}
	next.refusals.Store(int64(faults.RefuseNext))
	last := s.faults.Swap(next)
	if last == nil {
		return
	}
	close(last.replaced)
	if last.ReadOnly != next.ReadOnly {
		s.cutSpliced()
	}
}

// cutSpliced ends the sessions of the upstream, which cannot become read-only.
func (s *Server) cutSpliced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		if conn.spliced.Load() {
			conn.cut()
		}
	}
}

// DropConnections closes every open connection without a word, as they end for a client
// when its server fails over. New ones are accepted: for a server that stays away, set
// CutAfter to -1 first. It returns how many connections there were, without those that
// their clients had closed.
func (s *Server) DropConnections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := 0
	for conn := range s.conns {
		left := conn.left()
		if conn.cut() && !left {
			dropped++
		}
	}
	return dropped
}

// faultsInForce are Faults together with what of them is used up.
type faultsInForce struct {
	Faults
	refusals atomic.Int64 // that are left of RefuseNext
	replaced chan struct{}
}

// refuseOne uses up one of RefuseNext.
func (f *faultsInForce) refuseOne() bool { return f.refusals.Add(-1) >= 0 }

// The points at which a connection is held up.
func accepting(f Faults) time.Duration     { return f.AcceptDelay }
func handshaking(f Faults) time.Duration   { return f.TLSDelay }
func checkingToken(f Faults) time.Duration { return f.TokenDelay }
func answering(f Faults) time.Duration     { return f.StatementDelay }

// pause is a wait for the delay at a point.
type pause struct {
	delay            func(Faults) time.Duration
	limit            time.Time       // the end of the login; zero is none
	oneEnd, otherEnd <-chan struct{} // closed with an end of the connection
	canceled         <-chan struct{} // closed to end the delay; nil is never
}

// wait waits for the delay as it is and as SetFaults changes it. It returns
// net.ErrClosed when an end was closed, errCanceled when that was asked for, and
// os.ErrDeadlineExceeded at the limit.
func (s *Server) wait(p pause) error {
	began := time.Now()
	for {
		faults := s.faults.Load()
		rest := p.delay(faults.Faults) - time.Since(began)
		if rest <= 0 {
			return nil
		}
		limited := !p.limit.IsZero() && time.Until(p.limit) < rest
		if limited {
			rest = time.Until(p.limit)
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
			if limited {
				return os.ErrDeadlineExceeded
			}
			return nil
		case <-p.canceled:
			timer.Stop()
			return errCanceled
		case <-p.oneEnd:
			timer.Stop()
			return net.ErrClosed
		case <-p.otherEnd:
			timer.Stop()
			return net.ErrClosed
		case <-faults.replaced:
			timer.Stop()
		}
	}
}

// clock is the server's, with the offset that it has now.
func (s *Server) clock() time.Time { return s.now().Add(s.faults.Load().ClockOffset) }

// tlsModeNow is that of a connection which begins now.
func (s *Server) tlsModeNow() TLSMode {
	if mode := s.faults.Load().TLSMode; mode != TLSRequired {
		return mode
	}
	return s.tlsMode
}
