package rdsiam

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"

	"github.com/rdsiam/rdsiam/internal/causes"
	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

const (
	defaultReuse = time.Minute

	// minRemaining is for how long a token must still be valid to be reused: a connection
	// that waits for a slow handshake must not arrive too late.
	minRemaining = 30 * time.Second
)

// TokenOption changes what [NewTokenSource] makes.
type TokenOption func(*signingSource)

// WithReuse sets for how long a token is reused for the same endpoint,
// region and user, one minute by default. Zero or less signs one for each login.
// The window begins with the second in which the token was signed, and ends before the
// token has under 30 seconds left.
//
// Reuse is not for speed. RDS throttles logins with new tokens at about 200 a
// second, and a fleet that reconnects after a failover reaches that. Aurora DSQL limits
// connections and not tokens.
func WithReuse(d time.Duration) TokenOption {
	return func(s *signingSource) { s.reuse = d }
}

// NewTokenSource returns a source that signs tokens with the credentials of
// provider, usually the Credentials of an [aws.Config]. It is safe for concurrent
// use, does no work until the first token is asked for, and nothing in the background: a
// goroutine runs only while provider is asked, since that may serve several callers.
//
// One source stands for one AWS identity: tokens are reused within it (see
// [WithReuse]), never across sources. A token is valid for 15 minutes or until its
// credentials expire, whichever is sooner
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html).
//
// An [*aws.CredentialsCache], which is what config.LoadDefaultConfig returns, is used as it
// is and never invalidated, since other AWS clients share it. Any other provider gets a cache
// of its own, so that AssumeRole does not call STS for every connection, and is asked a minute
// before its credentials expire, for at most a minute.
//
// Credentials serve until AWS refuses them. While their service fails or hangs, logins go on
// with the last ones: the first waits for newer ones for up to a second, the next do not
// wait. A login in the last 5 seconds of a cache's credentials waits for the new ones if its
// deadline allows that. Without credentials, a login waits until its deadline.
//
// Where a request to the service hangs, a later login asks again: of a provider without a
// cache, and of the container endpoint (ECS, EKS Pod Identity) of a cache. Otherwise a cache
// asks nobody else until the SDK ends the request, and by default the SDK does not: give the
// services a time limit with config.WithHTTPClient.
//
// The SDK reads a shared credentials file and the environment once. After a rotation there,
// load a new aws.Config and make a new source, or use a credential_process that prints an
// Expiration.
//
// The source returns a [*CredentialsError] where there are no credentials, and a
// [*ConfigError] for a nil provider.
func NewTokenSource(provider aws.CredentialsProvider, options ...TokenOption) TokenSource {
	s := &signingSource{reuse: defaultReuse, made: time.Now()}
	if !isNil(provider) {
		s.credentials = newKeeper(provider)
	}
	for _, option := range options {
		if option != nil {
			option(s)
		}
	}
	return s
}

// signingSource signs tokens, and reuses them for a while.
type signingSource struct {
	credentials *keeper // nil: NewTokenSource got no provider
	reuse       time.Duration

	last  atomic.Pointer[reusedToken] // the slot of the last signature: most programs have one slot
	slots sync.Map                    // tokenKey → *reusedToken
	made  time.Time
	sweep atomic.Int64 // the time.Duration since made after which slots are swept again
}

type tokenKey struct {
	host   string
	port   uint16
	region string
	user   string
	action string // of Aurora DSQL, whose tokens are for no port and no user; "" for RDS
}

func keyOf(login Login) tokenKey {
	return tokenKey{host: login.Endpoint.host, port: login.Endpoint.port, region: login.Endpoint.region, user: login.User}
}

// signedFor is what a token for login says that it is for.
func signedFor(login Login) tokenKey {
	if login.Endpoint.kind == KindDSQL {
		return tokenKey{host: login.Endpoint.host, region: login.Endpoint.region, action: dsqlAction(login.User)}
	}
	return keyOf(login)
}

// reusedToken is the slot of one key.
type reusedToken struct {
	key     tokenKey
	current atomic.Pointer[reusable]

	signing sync.Mutex
	dropped bool // guarded by signing; true: no longer in slots
}

// Token returns a token for login, a reused one where there is one.
func (s *signingSource) Token(ctx context.Context, login Login) (Token, error) {
	key := keyOf(login)
	if slot := s.find(key); slot != nil {
		if token := slot.reuse(time.Now()); token != nil {
			return *token, nil
		}
	}
	return s.newToken(ctx, key, login)
}

// newToken signs a token for login. It is apart from Token to keep that small: a reused token
// costs little more than a look at the clock.
func (s *signingSource) newToken(ctx context.Context, key tokenKey, login Login) (Token, error) {
	if s.credentials == nil {
		return Token{}, configError("credentials-provider-nil", "credentials provider", "", "is nil",
			"pass the Credentials of the aws.Config that config.LoadDefaultConfig returns")
	}
	credentials, failed := s.credentials.credentials(ctx)
	if failed != nil {
		failed.Login = login
		return Token{}, failed
	}
	if s.reuse <= 0 {
		return sign(ctx, login, credentials)
	}
	return s.signOnce(ctx, key, login, credentials)
}

func (s *signingSource) find(key tokenKey) *reusedToken {
	if slot := s.last.Load(); slot != nil && slot.key == key {
		return slot
	}
	value, ok := s.slots.Load(key)
	if !ok {
		return nil
	}
	return value.(*reusedToken)
}

// reusable is a token with the time in which it may be reused, in nanoseconds since 1970,
// which compare faster than [time.Time].
type reusable struct {
	token       Token
	from, until int64
}

func (s *signingSource) reusable(token Token) *reusable {
	token.reused = true
	until := token.expires.Add(-minRemaining)
	if end := token.signed.Add(s.reuse); end.Before(until) {
		until = end
	}
	return &reusable{token, token.signed.UnixNano(), until.UnixNano()}
}

// reuse returns the slot's token if it may be reused now.
func (slot *reusedToken) reuse(now time.Time) *Token {
	kept, at := slot.current.Load(), now.UnixNano()
	if kept == nil || at < kept.from || at >= kept.until { // a clock that was set back must not prolong a life
		return nil
	}
	return &kept.token
}

// signOnce signs a token for key, or returns the one that another caller signed in
// the meantime.
func (s *signingSource) signOnce(ctx context.Context, key tokenKey, login Login, credentials aws.Credentials) (Token, error) {
	slot := s.lockSlot(key)
	defer slot.signing.Unlock()
	s.last.Store(slot)
	if token := slot.reuse(time.Now()); token != nil {
		return *token, nil
	}
	token, err := sign(ctx, login, credentials)
	if err != nil {
		return Token{}, err
	}
	slot.current.Store(s.reusable(token))
	s.dropStale()
	return token, nil
}

// lockSlot returns the slot of key with its signing mutex held. The mutex is held
// for the microseconds of a signature: what can block, getting credentials, is done
// before, so that a canceled caller never waits here.
func (s *signingSource) lockSlot(key tokenKey) *reusedToken {
	for {
		value, _ := s.slots.LoadOrStore(key, &reusedToken{key: key})
		slot := value.(*reusedToken)
		slot.signing.Lock()
		if !slot.dropped {
			return slot
		}
		slot.signing.Unlock()
	}
}

// dropStale forgets the tokens that will not be reused, once in a reuse window. Without it a
// process that visits many databases would keep a token of each for ever. Its clock is the
// monotonic one: a wall clock that was set back would end the sweeping.
func (s *signingSource) dropStale() {
	elapsed, due := time.Since(s.made), s.sweep.Load()
	if elapsed < time.Duration(due) || !s.sweep.CompareAndSwap(due, int64(elapsed+min(s.reuse, tokenLifetime))) {
		return
	}
	now := time.Now()
	s.slots.Range(func(_, value any) bool {
		slot := value.(*reusedToken)
		if !slot.signing.TryLock() {
			return true // about to get a fresh token
		}
		defer slot.signing.Unlock()
		if slot.reuse(now) == nil {
			s.drop(slot)
		}
		return true
	})
}

// drop forgets a slot whose signing mutex is held. Those who wait for it take another.
func (s *signingSource) drop(slot *reusedToken) {
	slot.dropped = true
	s.slots.Delete(slot.key)
}

// sign makes a token from credentials, without I/O.
func sign(ctx context.Context, login Login, credentials aws.Credentials) (Token, error) {
	made := time.Now().Round(0) // without the monotonic clock: see NewToken
	text, err := presign(ctx, login, credentials)
	if err != nil {
		return Token{}, signingFailed(login, credentials, err)
	}
	token, err := signedToken(text, login, credentials)
	if err != nil {
		return Token{}, err
	}
	token.made = made
	return token, nil
}

// presign returns the text of a token: a presigned URL of the service rds-db, without its
// scheme.
func presign(ctx context.Context, login Login, credentials aws.Credentials) (string, error) {
	if login.Endpoint.kind == KindDSQL {
		return presignDSQL(ctx, login, credentials)
	}
	given := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })
	text, err := auth.BuildAuthToken(ctx, login.Endpoint.String(), login.Endpoint.region, login.User, given)
	// The documented form has a slash before the query, and some Aurora PostgreSQL clusters
	// refuse a token without it. The signature is the same either way.
	// https://github.com/aws/aws-sdk-go-v2/issues/3365
	address, query, _ := strings.Cut(text, "?")
	return strings.TrimSuffix(address, "/") + "/?" + query, err
}

// signedToken reads from text when the token was signed.
func signedToken(text string, login Login, credentials aws.Credentials) (Token, error) {
	signed, ok := iamtoken.SignedAt(text)
	if !ok {
		return Token{}, signingFailed(login, credentials, errors.New("the X-Amz-Date of the signed token cannot be read"))
	}
	token := Token{
		text:        func() string { return text },
		accessKeyID: credentials.AccessKeyID,
		signed:      signed,
		expires:     signed.Add(tokenLifetime),
		signedFor:   signedFor(login),
	}
	if credentials.CanExpire && credentials.Expires.Before(token.expires) {
		token.expires = credentials.Expires
	}
	return token, nil
}

func signingFailed(login Login, credentials aws.Credentials, err error) error {
	failed := credentialsError(causes.SigningFailed, credentials, err)
	failed.Login = login
	return failed
}
