package rdsiam

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	defaultReuse = time.Minute

	// minRemaining is what a token must still be good for when it is handed out:
	// a connection that waits for a slow handshake must not arrive too late.
	minRemaining = 30 * time.Second

	// refreshRemaining is what credentials have left when they are refreshed. It
	// is longer than minRemaining, so that the old ones bridge a failed refresh.
	refreshRemaining = time.Minute

	// emptyPayload is the SHA-256 of no bytes: what is signed has no body.
	emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// TokenOption changes what [NewTokenSource] makes.
type TokenOption func(*signingSource)

// WithReuse sets for how long a token is given out again for the same endpoint,
// region and user, one minute by default. Zero or less signs one for each login.
// The window begins with the second in which the token was signed, and ends before the
// token has under 30 seconds left.
//
// Reuse is not for speed. RDS throttles logins with new tokens at about 200 a
// second, and a fleet that reconnects after a failover reaches that.
func WithReuse(d time.Duration) TokenOption {
	return func(s *signingSource) { s.reuse = d }
}

// NewTokenSource returns a source that signs tokens with the credentials of
// provider, usually the Credentials of an [aws.Config]. It is safe for concurrent
// use, does no work until the first token is asked for, and nothing in the background: a
// goroutine runs only while provider is asked, since that may serve several callers.
//
// One source stands for one AWS identity: tokens are reused within it (see
// [WithReuse]), never across sources. Whatever provider returns is used until it
// expires: a provider that is not an [*aws.CredentialsCache] is wrapped in one, so
// that an AssumeRole provider does not call STS for every connection.
//
// A token is good for 15 minutes or until its credentials expire, whichever is
// sooner (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html).
// Credentials with under a minute left are refreshed, once for each credential, since
// other AWS clients share them; the old ones serve where that fails. The source returns a
// [*CredentialsError] where they have under 30 seconds left all the same and where there
// are none, and a [*ConfigError] for a nil provider.
func NewTokenSource(provider aws.CredentialsProvider, options ...TokenOption) TokenSource {
	s := &signingSource{reuse: defaultReuse, made: time.Now()}
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		s.credentials = cache
	} else if !isNil(provider) {
		s.credentials = aws.NewCredentialsCache(provider)
	}
	for _, option := range options {
		if option != nil {
			option(s)
		}
	}
	return s
}

// signingSource signs tokens, and gives them out again for a while.
type signingSource struct {
	credentials *aws.CredentialsCache // nil: NewTokenSource got no provider
	reuse       time.Duration

	expiringMutex sync.Mutex
	expiring      *aws.Credentials // the last that were refreshed for having too little left; a pointer, which fmt does not follow here

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
}

func keyOf(login Login) tokenKey {
	return tokenKey{login.Endpoint.host, login.Endpoint.port, login.Endpoint.region, login.User}
}

// reusedToken is the slot of one key.
type reusedToken struct {
	key     tokenKey
	current atomic.Pointer[Token]

	signing sync.Mutex
	dropped bool // guarded by signing; true: no longer in slots
}

// Token returns a token for login, a reused one where there is one.
func (s *signingSource) Token(ctx context.Context, login Login) (Token, error) {
	key := keyOf(login)
	if slot := s.find(key); slot != nil {
		if token := s.reusable(slot, time.Now()); token != nil {
			return *token, nil
		}
	}
	if err := login.Validate(); err != nil {
		return Token{}, err
	}
	credentials, err := s.retrieve(ctx, login)
	if err != nil {
		return Token{}, err
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

// reusable returns the slot's token if it may be given out again.
func (s *signingSource) reusable(slot *reusedToken, now time.Time) *Token {
	token := slot.current.Load()
	if token == nil ||
		now.Before(token.signed) || // a clock that was set back must not prolong a life
		!now.Before(token.signed.Add(s.reuse)) ||
		!now.Before(token.expires.Add(-minRemaining)) {
		return nil
	}
	return token
}

// signOnce signs a token for key, or returns the one that another caller signed in
// the meantime.
func (s *signingSource) signOnce(ctx context.Context, key tokenKey, login Login, credentials aws.Credentials) (Token, error) {
	slot := s.lockSlot(key)
	defer slot.signing.Unlock()
	s.last.Store(slot)
	if token := s.reusable(slot, time.Now()); token != nil {
		return *token, nil
	}
	token, err := sign(ctx, login, credentials)
	if err != nil {
		return Token{}, err
	}
	again := token
	again.reused = true
	slot.current.Store(&again)
	s.dropStale()
	return token, nil
}

// lockSlot returns the slot of key with its signing mutex held. The mutex is held
// for the microseconds of a signature: what can block, getting credentials, is done
// before, so that nobody who gives up has to wait.
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

// dropStale forgets the tokens that will not be given out again, once in a reuse
// window. Without it a process that visits many databases would keep a token of
// each for ever. Its clock is the monotonic one: a wall clock that was set back would end
// the sweeping.
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
		if s.reusable(slot, now) == nil {
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

// sign makes a token of credentials, without I/O: a presigned URL of the service
// rds-db, without its scheme. It has the slash before the query, which the documented
// form has and auth.BuildAuthToken of the SDK leaves out: some Aurora PostgreSQL
// clusters refuse a token without it. The signature is the same either way.
// https://github.com/aws/aws-sdk-go-v2/issues/3365
func sign(ctx context.Context, login Login, credentials aws.Credentials) (Token, error) {
	seconds := strconv.Itoa(int(tokenLifetime.Seconds()))
	request := &http.Request{
		Method: http.MethodGet,
		Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: login.Endpoint.String(), Path: "/",
			RawQuery: "Action=connect&DBUser=" + url.QueryEscape(login.User) + "&X-Amz-Expires=" + seconds},
	}
	// A signer of its own for each token: it keeps the signing key by access key id,
	// and would take no notice of another secret.
	made := time.Now().UTC().Round(0) // without the monotonic clock: see NewToken
	signed := made.Truncate(time.Second)
	text, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, request, emptyPayload, "rds-db", login.Endpoint.region, signed)
	if err != nil {
		return Token{}, &CredentialsError{Login: login, AccessKeyID: credentials.AccessKeyID, problem: "cannot sign", err: err}
	}
	text = strings.TrimPrefix(text, "https://")
	token := Token{
		text:        func() string { return text },
		accessKeyID: credentials.AccessKeyID,
		signed:      signed,
		made:        made,
		expires:     signed.Add(tokenLifetime),
		signedFor:   keyOf(login),
	}
	if credentials.CanExpire && credentials.Expires.Before(token.expires) {
		token.expires = credentials.Expires
	}
	return token, nil
}

// retrieve returns credentials that are good for long enough to log in.
func (s *signingSource) retrieve(ctx context.Context, login Login) (aws.Credentials, error) {
	if s.credentials == nil {
		return aws.Credentials{}, configError("credentials-provider-nil", "credentials provider", "",
			"is nil",
			"pass the Credentials of the aws.Config that config.LoadDefaultConfig returns")
	}
	credentials, err := s.retrieveCached(ctx)
	if err == nil && expireWithin(credentials, refreshRemaining) {
		s.refresh(credentials)
		credentials, err = s.retrieveCached(ctx)
	}
	if err != nil {
		if old, ok := s.bridge(); ok {
			return old, nil
		}
	}
	switch {
	case err != nil:
		return aws.Credentials{}, &CredentialsError{Login: login, problem: "cannot get AWS credentials", err: err,
			fix: "check the profile or role that the program runs with, and that their service (IMDS, STS, SSO) can be reached"}
	case !credentials.HasKeys():
		return aws.Credentials{}, &CredentialsError{Login: login, AccessKeyID: credentials.AccessKeyID,
			problem: "the credentials provider returned no access key id, or one without a secret access key",
			fix:     "check the variables or the profile that it reads"}
	case expireWithin(credentials, 0):
		return aws.Credentials{}, &CredentialsError{Login: login, AccessKeyID: credentials.AccessKeyID, Expires: credentials.Expires,
			problem: "the AWS credentials have expired, and a refresh brought no others", fix: "start a new role session, or log in to SSO again"}
	case expireWithin(credentials, minRemaining):
		return aws.Credentials{}, &CredentialsError{Login: login, AccessKeyID: credentials.AccessKeyID, Expires: credentials.Expires,
			problem: "the AWS credentials expire in under 30 seconds, and a refresh brought no others", fix: "look at what issues them"}
	}
	return credentials, nil
}

// retrieveCached returns what the cache has. The expiry loses its monotonic clock, which
// stands still while a laptop sleeps or a Lambda function is frozen.
func (s *signingSource) retrieveCached(ctx context.Context) (aws.Credentials, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	credentials.Expires = credentials.Expires.Round(0)
	return credentials, err
}

func expireWithin(credentials aws.Credentials, d time.Duration) bool {
	return credentials.CanExpire && time.Now().Add(d).After(credentials.Expires)
}

// refresh makes the next Retrieve ask the provider, once for each credential.
func (s *signingSource) refresh(credentials aws.Credentials) {
	s.expiringMutex.Lock()
	defer s.expiringMutex.Unlock()
	if old := s.expiring; old != nil && credentials.AccessKeyID == old.AccessKeyID && credentials.Expires.Equal(old.Expires) {
		return
	}
	s.expiring = &credentials
	s.credentials.Invalidate()
}

// bridge returns the credentials that were to be refreshed, while they are good for
// a login, for the time of a failing provider, or of one that hangs until the deadline of
// whoever asks.
func (s *signingSource) bridge() (aws.Credentials, bool) {
	s.expiringMutex.Lock()
	defer s.expiringMutex.Unlock()
	if s.expiring == nil || expireWithin(*s.expiring, minRemaining) {
		return aws.Credentials{}, false
	}
	return *s.expiring, s.expiring.HasKeys()
}
