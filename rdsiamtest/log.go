package rdsiamtest

import (
	"slices"
	"sync"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// Reason says why a login was refused, in more detail than any client is told.
type Reason string

// The reasons.
const (
	ReasonAccepted           Reason = "accepted"
	ReasonMalformed          Reason = "malformed token"
	ReasonExpiresParameter   Reason = "X-Amz-Expires out of range"
	ReasonSNI                Reason = "no server name"
	ReasonHost               Reason = "token for another host"
	ReasonPort               Reason = "token for another port"
	ReasonRegion             Reason = "token for another region"
	ReasonUser               Reason = "token for another user"
	ReasonAccessKey          Reason = "unknown access key"
	ReasonSessionToken       Reason = "wrong session token"
	ReasonSignature          Reason = "wrong signature"
	ReasonExpired            Reason = "expired token"
	ReasonNotYetValid        Reason = "token from the future"
	ReasonCredentialsExpired Reason = "expired credentials"
	ReasonPolicy             Reason = "not allowed by policy"
	ReasonPlaintext          Reason = "no TLS"
	ReasonNotIAM             Reason = "account without IAM"
	ReasonUnknownUser        Reason = "unknown user"
	ReasonPassword           Reason = "wrong password"
	ReasonAbandoned          Reason = "client gave up"
	ReasonFault              Reason = "refused by Faults.RefuseNext"
	ReasonThrottled          Reason = "too many new tokens"
	ReasonTimeout            Reason = "login took too long"
	ReasonCut                Reason = "connection cut by a fault"
	ReasonNoRoom             Reason = "made room for another client"
)

// Refusal is the error of a login that is refused.
type Refusal struct {
	Reason Reason
	Detail string // what was seen and what was expected; never a part of the token that is secret
}

// Error returns reason and detail in one line.
func (r *Refusal) Error() string {
	text := "rdsiamtest: " + string(r.Reason)
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}

// Login is one try to log in, as the server saw it. A connection that ends
// before the client names a user, for instance because the client does not trust
// the certificate, leaves none.
type Login struct {
	Time             time.Time // by the server's clock
	User             string
	Database         string
	Endpoint         string // host:port that the token was checked for
	Dialed           string // host:port that DialContext was called with, "" for clients that came by the listener
	TLS              bool
	SNI              string // server name of the TLS handshake
	PasswordReceived bool   // a token, a password or a proof made of one arrived
	Accepted         bool
	Reason           Reason // ReasonAccepted if Accepted
	Detail           string // which statement of a policy decided, or what was wrong; never a token or a password
	AccessKeyID      string // of the token, where it could be read
	TokenAge         time.Duration
}

// programHistory is how many logins the server of a program keeps.
const programHistory = 1000

// log holds the logins of a server. The zero log is empty and keeps all.
type log struct {
	limit int // of logIns; 0 is none

	mu      sync.Mutex
	logIns  []Login                // guarded by mu; at the limit, a ring
	oldest  int                    // guarded by mu; where the ring begins
	pending map[*pendingLogin]bool // guarded by mu
}

// add keeps l, at the limit in place of the oldest. The caller holds mu.
func (g *log) add(l Login) {
	if g.limit == 0 || len(g.logIns) < g.limit {
		g.logIns = append(g.logIns, l)
		return
	}
	g.logIns[g.oldest] = l
	g.oldest = (g.oldest + 1) % g.limit
}

func (s *Server) record(l Login) {
	s.log.mu.Lock()
	s.log.add(l)
	s.log.mu.Unlock()
	if s.observe != nil {
		s.observe(l)
	}
}

// Logins returns every try to log in since the server started, oldest first. The
// server of a program ([NewPostgreSQL], [NewMySQL]) keeps the last 1,000. Names
// of more than 256 bytes are cut.
//
// The log is complete as soon as the client has its error: a client that gives up closes
// its connection before the server can notice, so Logins waits up to 5 seconds
// for the server to notice each connection of [Server.DialContext] that its
// client has closed. For connections from elsewhere, whose other end the server
// cannot see, it waits up to half a second if they are still logging in. It never
// waits for other clients that are still logging in, nor once the server is closed.
func (s *Server) Logins() []Login {
	s.settleLogins()
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Concat(s.log.logIns[s.log.oldest:], s.log.logIns[:s.log.oldest])
}

// newLogin describes a login; a nil refusal means that it was accepted.
func (s *Server) newLogin(r loginRequest, v verified, refusal *Refusal) Login {
	l := Login{
		Time:             s.clock(),
		User:             brief.Name(r.user),
		Database:         brief.Name(r.database),
		Endpoint:         s.endpointOf(r).String(),
		Dialed:           r.dialed,
		TLS:              r.tls,
		SNI:              brief.Name(r.serverName),
		PasswordReceived: r.token != "",
		Accepted:         refusal == nil,
		Reason:           ReasonAccepted,
		AccessKeyID:      brief.Name(v.accessKeyID),
		Detail:           v.decision,
		TokenAge:         v.age,
	}
	if refusal != nil {
		l.Reason, l.Detail = refusal.Reason, refusal.Detail
	}
	return l
}
