package rdsiamtest

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
	iamtoken "github.com/rdsiam/rdsiam/internal/token"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

const (
	connectAction = "rds-db:connect"
	// tokenLifetime is fixed: RDS counts it from X-Amz-Date, whatever
	// X-Amz-Expires says.
	tokenLifetime = 15 * time.Minute
	// clockTolerance is how far in the future a token may be dated. It is the
	// rule of Signature Version 4 in general; RDS documents none of its own.
	clockTolerance = 5 * time.Minute
)

// loginRequest is what a client showed when it tried to log in.
type loginRequest struct {
	user, database, token string
	tls                   bool
	serverName, dialed    string
}

// verified is what the token of a login says, also of one that is refused.
type verified struct {
	accessKeyID string
	age         time.Duration
	decision    string // which statement allows the login
}

// Verify checks the token of a user as the server does at a login, and adds the
// login to Logins. It is for real database servers that ask rdsiamtest, from a
// PAM module for instance; that the client used TLS is for them to check. The
// token is checked for the endpoint that it names, if the server has it, and for
// the first endpoint otherwise. The error is a [*Refusal].
func (s *Server) Verify(ctx context.Context, user, token string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := loginRequest{user: user, token: token, dialed: s.namedEndpoint(token)}
	if err := s.wait(pause{delay: checkingToken, oneEnd: ctx.Done(), otherEnd: s.ctx.Done()}); err != nil {
		return errors.Join(ctx.Err(), s.ctx.Err())
	}
	v, refusal := s.judge(r)
	l := s.newLogin(r, v, refusal)
	l.Dialed = ""
	s.record(l)
	if refusal != nil {
		return refusal
	}
	return nil
}

// namedEndpoint returns the endpoint of the server that a token names, "" if it
// names none.
func (s *Server) namedEndpoint(token string) string {
	t, refusal := parseToken(token)
	if refusal != nil {
		return ""
	}
	for _, endpoint := range s.endpoints {
		if endpoint.Host() == strings.ToLower(t.Host) && (portText(endpoint) == t.Port || endpoint.isDSQL() && t.Port == "") {
			return endpoint.String()
		}
	}
	return ""
}

// judge verifies a login and refuses what the faults want.
func (s *Server) judge(r loginRequest) (verified, *Refusal) {
	v, refusal := s.verify(r)
	if refusal != nil {
		return v, refusal
	}
	faults := s.faults.Load()
	if faults.refuseOne() {
		return v, &Refusal{Reason: ReasonFault}
	}
	if limit := faults.NewTokensPerSecond; !s.tokens.admit(r.token, limit) {
		return v, &Refusal{ReasonThrottled, fmt.Sprintf("more than %d a second", limit)}
	}
	return v, nil
}

// verify checks the account, the token and the policy of a login
// with a token. It does not look at whether the login came by TLS.
func (s *Server) verify(r loginRequest) (verified, *Refusal) {
	if refusal := s.checkAccount(r.user); refusal != nil {
		return verified{}, refusal
	}
	t, refusal := parseToken(r.token)
	if refusal != nil {
		return verified{}, refusal
	}
	now := s.clock().Round(0) // wall clock: ages are compared with a date
	v := verified{accessKeyID: t.AccessKeyID, age: now.Sub(t.Signed)}
	endpoint := s.endpointOf(r)
	if refusal := t.checkTarget(endpoint, r.user); refusal != nil {
		return v, refusal
	}
	identity, ok := s.identity(t.AccessKeyID)
	if !ok {
		return v, &Refusal{ReasonAccessKey, fmt.Sprintf("no identity has access key %q", brief.Name(t.AccessKeyID))}
	}
	if refusal := identity.checkSignature(t); refusal != nil {
		return v, refusal
	}
	if refusal := checkAge(v.age, lifetimeOf(t)); refusal != nil {
		return v, refusal
	}
	if c := identity.Credentials; c.CanExpire && !now.Before(c.Expires) {
		return v, &Refusal{ReasonCredentialsExpired, fmt.Sprintf("the credentials expired at %s", c.Expires.UTC().Format(time.RFC3339))}
	}
	action, resource := s.wanted(endpoint, r.user)
	decision := iampolicy.Evaluate(identity.policies, identity.request(action, resource, endpoint.Region(), now))
	if !decision.Allowed {
		return v, &Refusal{ReasonPolicy, strings.Join(append([]string{decision.Reason}, decision.Notes...), "; ")}
	}
	v.decision = decision.Reason
	return v, nil
}

func (s *Server) checkAccount(user string) *Refusal {
	switch account, ok := s.account(user); {
	case !ok:
		return &Refusal{ReasonUnknownUser, fmt.Sprintf("no account is named %q", brief.Name(user))}
	case !account.iam:
		return &Refusal{ReasonNotIAM, fmt.Sprintf("account %q logs in with a password", user)}
	}
	return nil
}

// wanted returns what IAM is asked for a login.
func (s *Server) wanted(endpoint endpoint, user string) (action, resource string) {
	if endpoint.isDSQL() {
		return "dsql:" + dsqlAction(user), s.clusterARN(endpoint)
	}
	return connectAction, s.userARN(endpoint, user)
}

// userARN returns what rds-db:connect is evaluated for.
func (s *Server) userARN(endpoint endpoint, user string) string {
	return fmt.Sprintf("arn:%s:rds-db:%s:%s:dbuser:%s/%s",
		endpoint.Partition(), endpoint.Region(), s.accountID, s.resourceID, user)
}

// checkTarget compares what the token says it is for with the login.
func (t token) checkTarget(endpoint endpoint, user string) *Refusal {
	if endpoint.isDSQL() {
		return t.checkDSQLTarget(endpoint, user)
	}
	if t.Service != iamtoken.RDS {
		return &Refusal{ReasonMalformed, "it is a token for Aurora DSQL"}
	}
	if !strings.EqualFold(t.Host, endpoint.Host()) {
		return &Refusal{ReasonHost, fmt.Sprintf("the token is for host %q, the server is %q", brief.Name(t.Host), endpoint.Host())}
	}
	if t.Port != portText(endpoint) {
		return &Refusal{ReasonPort, fmt.Sprintf("the token is for port %q, the server has %q", brief.Name(t.Port), portText(endpoint))}
	}
	if t.Region != endpoint.Region() {
		return &Refusal{ReasonRegion, fmt.Sprintf("the token is for region %q, the server is in %q", brief.Name(t.Region), endpoint.Region())}
	}
	if t.User != user {
		return &Refusal{ReasonUser, fmt.Sprintf("the token is for user %q, the login for %q", brief.Name(t.User), user)}
	}
	return nil
}

func (i *identity) checkSignature(t token) *Refusal {
	if subtle.ConstantTimeCompare([]byte(t.SessionToken), []byte(i.Credentials.SessionToken)) != 1 {
		return &Refusal{ReasonSessionToken, "the session token is not that of the access key"}
	}
	for _, host := range t.signedHosts() {
		if subtle.ConstantTimeCompare([]byte(t.Signature), []byte(t.sign(host, i.Credentials.SecretAccessKey))) == 1 {
			return nil
		}
	}
	return &Refusal{ReasonSignature, "the signature was made with another secret key or for other parameters"}
}

func checkAge(age, lifetime time.Duration) *Refusal {
	switch {
	case age >= lifetime:
		return &Refusal{ReasonExpired, fmt.Sprintf("the token is %s old, it lives %s", age, lifetime)}
	case age < -clockTolerance:
		return &Refusal{ReasonNotYetValid, fmt.Sprintf("the token is dated %s in the future, %s are tolerated", -age, clockTolerance)}
	}
	return nil
}
