package rdsiam

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/lazytimeout"
)

const (
	// containerWindow is by how much config.LoadDefaultConfig lets the credentials of a
	// container endpoint end early.
	containerWindow = 5 * time.Minute

	// bridgeWait is how long logins wait for newer credentials while the old ones still serve,
	// counted from the first of them.
	bridgeWait = time.Second

	// lastMoments is what credentials must have left to be signed with at once: about what the
	// slowest login needs until the server has checked the token.
	lastMoments = 5 * time.Second

	// toTheDeadline is a wait that only the caller ends.
	toTheDeadline time.Duration = -1

	never = 100 * 365 * 24 * time.Hour
)

// What aws.Credentials.Source says of two of the SDK's providers.
const (
	sourceIMDS      = "EC2RoleProvider"
	sourceContainer = "CredentialsEndpointProvider"
)

// keeper gets AWS credentials, and keeps the last ones for the time in which their service
// fails or hangs. It never invalidates a cache: that would take from every AWS client of the
// same aws.Config what it still lives on.
type keeper struct {
	provider  aws.CredentialsProvider // what our own caches ask; nil around a cache of the caller's
	container bool                    // the last step asks a container endpoint
	agent     *agentConnection        // nil unless it does so in the caller's cache

	mutex   sync.Mutex
	cache   *generation
	good    aws.Credentials // the last that could sign; Expires is AWS's, not the cache's
	renewal time.Time       // when the cache asks for others, as it said last
	late    time.Time       // since when newer credentials are awaited; zero: they are not
	silent  time.Time       // since when nobody who waited to the deadline got an answer
	freed   int             // hung requests that were given up since the last credentials
}

func newKeeper(provider aws.CredentialsProvider) *keeper {
	k := new(keeper)
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		k.cache = &generation{CredentialsCache: cache}
	} else {
		k.provider = provider
		k.cache = k.newGeneration()
	}
	// That of a role chain is STS, wherever the chain begins.
	sources := k.cache.ProviderSources()
	k.container = len(sources) > 0 && sources[len(sources)-1] == aws.CredentialSourceHTTP
	if k.container && k.provider == nil {
		k.agent = new(agentConnection)
	}
	return k
}

// credentials returns credentials to sign with now. Those of a cache that is not about to
// renew them are not used in their last seconds, where there is time to wait for others.
func (k *keeper) credentials(ctx context.Context) (aws.Credentials, *CredentialsError) {
	credentials, renewed, err := k.newest(ctx)
	if err == nil && renewed && endsWithin(credentials, lastMoments) && waitForEnd(ctx, credentials) {
		credentials, _, err = k.newest(ctx)
	}
	if credentials.Source == sourceIMDS {
		credentials.CanExpire = false // Expires only says when the SDK asks again
	}
	return credentials, err
}

// newest asks the cache. Where the answer is an error or comes too late, it returns the last
// good credentials, and false.
func (k *keeper) newest(ctx context.Context) (_ aws.Credentials, renewed bool, _ *CredentialsError) {
	started := time.Now()
	cache, wait, bridged := k.begin(ctx, started)
	credentials, err := k.ask(ctx, cache, wait)
	limit := hungLimit
	if isSilence(err) && !bridged {
		if ctx.Err() == nil {
			k.free(cache, hungLimit)
			credentials, err = k.ask(ctx, cache, toTheDeadline)
		}
		limit = k.givenUpLimit()
	}
	if err == nil {
		if current, ok := k.accept(credentials); ok {
			return current, true, nil
		}
	}
	if isSilence(err) {
		k.free(cache, limit)
	}
	if old, ok := k.remembered(); ok {
		return old, false, nil
	}
	return aws.Credentials{}, false, k.failure(ctx, credentials, err, started)
}

// begin returns the cache to ask and how long to wait for it. bridged reports whether the
// last good credentials serve where that is in vain.
func (k *keeper) begin(ctx context.Context, now time.Time) (cache *generation, wait time.Duration, bridged bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.late.IsZero() && !now.Before(k.renewal) {
		k.late = now
	}
	var waited time.Duration
	if !k.late.IsZero() {
		waited = now.Sub(k.late)
	}
	ending := endsWithin(k.good, lastMoments) && waited < bridgeWait && outlasts(ctx, k.good)
	switch {
	case usable(k.good) && !ending:
		return k.cache, max(bridgeWait-waited, 0), true
	case k.agent != nil:
		return k.cache, k.limit(hungLimit), false
	}
	return k.cache, toTheDeadline, false
}

// ask asks the cache, and waits so long for the answer. A context that has ended still makes
// the cache ask, in the background.
func (k *keeper) ask(ctx context.Context, cache *generation, wait time.Duration) (aws.Credentials, error) {
	if k.agent != nil {
		ctx = k.agent.watch(ctx)
	}
	if wait != toTheDeadline {
		patience := lazytimeout.New(ctx, wait)
		defer patience.End()
		ctx = patience
	}
	credentials, err := cache.Retrieve(ctx)
	return onWallClock(credentials), err
}

// accept takes an answer of the cache, and returns what can sign.
func (k *keeper) accept(credentials aws.Credentials) (aws.Credentials, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.silent = time.Time{}
	renewal := credentials.Expires
	switch {
	case k.provider != nil && credentials.Source != sourceIMDS && usable(k.good):
		credentials = k.good // which a cache of our own ends early
	case k.provider == nil && credentials.Source == sourceContainer:
		credentials.Expires = credentials.Expires.Add(containerWindow)
	}
	if !usable(credentials) {
		return credentials, false
	}
	if !credentials.CanExpire {
		renewal = time.Now().Add(never)
	}
	k.good, k.renewal, k.late, k.freed = credentials, renewal, time.Time{}, 0
	return credentials, true
}

// remembered returns the last good credentials while they can sign.
func (k *keeper) remembered() (aws.Credentials, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.good, usable(k.good)
}

// failure returns why there are no credentials: the error of the cache, or an answer that
// cannot sign.
func (k *keeper) failure(ctx context.Context, answer aws.Credentials, err error, started time.Time) *CredentialsError {
	if err == nil && !answer.HasKeys() {
		return credentialsError(causes.NoKeys, answer, nil)
	}
	if err == nil {
		failed := credentialsError(causes.CredentialsExpired, answer, nil)
		failed.Expires = answer.Expires
		return failed
	}
	silent := isSilence(err)
	return credentialsError(causes.OfCredentials(causes.CredentialsFailure{
		Err:       err,
		Container: k.container,
		GaveUp:    errors.As(err, new(*retry.MaxAttemptsError)),
		Silent:    silent,
		Hung:      k.silence(ctx, silent, started) >= causes.HungAfter,
	}), answer, safeError(err))
}

// silence returns for how long nothing has answered a login that waited to its deadline.
func (k *keeper) silence(ctx context.Context, silent bool, started time.Time) time.Duration {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	switch {
	case !silent:
		k.silent = time.Time{}
	case errors.Is(ctx.Err(), context.Canceled):
	case k.silent.IsZero():
		k.silent = started
	}
	if k.silent.IsZero() {
		return 0
	}
	return time.Since(k.silent)
}

// isSilence reports whether the wait for a cache ended before there was an answer. An error
// of the provider is always wrapped.
func isSilence(err error) bool {
	_, ok := err.(*aws.RequestCanceledError) //nolint:errorlint // only the error itself counts
	return ok
}

// usable reports whether AWS takes what credentials sign, as far as that is known here. Those
// of an EC2 instance live hours longer than they say.
func usable(credentials aws.Credentials) bool {
	return credentials.HasKeys() && !endsWithin(credentials, 0)
}

func endsWithin(credentials aws.Credentials, d time.Duration) bool {
	return credentials.CanExpire && credentials.Source != sourceIMDS && !time.Now().Add(d).Before(credentials.Expires)
}

// outlasts reports whether a login has time left when credentials have ended.
func outlasts(ctx context.Context, credentials aws.Credentials) bool {
	deadline, ok := ctx.Deadline()
	return !ok || deadline.After(credentials.Expires.Add(bridgeWait))
}

// waitForEnd waits until credentials have ended, and reports false where the login has no
// time for that.
func waitForEnd(ctx context.Context, credentials aws.Credentials) bool {
	if !outlasts(ctx, credentials) {
		return false
	}
	timer := time.NewTimer(time.Until(credentials.Expires))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// onWallClock takes the monotonic clock off, which stands still while a laptop sleeps or a
// Lambda function is frozen.
func onWallClock(credentials aws.Credentials) aws.Credentials {
	credentials.Expires = credentials.Expires.Round(0)
	return credentials
}

// safeError returns err without what must not reach a log, and without driver.ErrBadConn.
func safeError(err error) error {
	head, what, ofProcess := strings.Cut(err.Error(), processError)
	if ofProcess && !slices.ContainsFunc(safeProcessErrors, func(safe string) bool { return strings.HasPrefix(what, safe) }) {
		return errors.New(head + processError + "its output is not what it must be, and is not shown")
	}
	return withoutBadConn(err)
}

// processError begins the text of the errors of a credential_process. Those that are not
// known to be safe may quote what it printed, keys included.
const processError = "process provider error: "

var safeProcessErrors = []string{"error in credential_process: ", "credential process timed out: ", "failed to prepare command: ",
	"wrong version in process output", "missing AccessKeyId in process output", "missing SecretAccessKey in process output"}
