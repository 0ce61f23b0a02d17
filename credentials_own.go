package rdsiam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// ownMargin is how long before the end of its credentials a bare provider is asked for
	// others.
	ownMargin = time.Minute

	// providerLimit ends a request to a bare provider.
	providerLimit = time.Minute
)

// generation is a cache that a keeper asks. Where a request of a cache of our own hangs, the
// next generation takes its place.
type generation struct {
	*aws.CredentialsCache
	asked time.Time // when the provider was asked, zero while it is not; guarded by the keeper's mutex
}

func (k *keeper) newGeneration() *generation {
	g := new(generation)
	g.CredentialsCache = aws.NewCredentialsCache(&bareProvider{k.provider, k, g})
	return g
}

// bareProvider is what a cache of our own asks: the caller's provider, ahead of time and for
// a limited time.
type bareProvider struct {
	aws.CredentialsProvider
	keeper *keeper
	cache  *generation
}

// Retrieve asks the provider, unless an earlier generation has got its answer after all.
func (p *bareProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if late, ok := p.keeper.lateAnswer(); ok {
		return early(late), nil
	}
	p.keeper.setAsked(p.cache, time.Now())
	defer p.keeper.setAsked(p.cache, time.Time{})
	ctx, cancel := context.WithTimeout(ctx, providerLimit)
	defer cancel()
	credentials, err := p.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return credentials, err
	}
	credentials = onWallClock(credentials)
	p.keeper.remember(credentials)
	return early(credentials), nil
}

// HandleFailToRefresh implements [aws.HandleFailRefreshCredentialsCacheStrategy].
func (p *bareProvider) HandleFailToRefresh(ctx context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	if strategy, ok := p.CredentialsProvider.(aws.HandleFailRefreshCredentialsCacheStrategy); ok {
		return strategy.HandleFailToRefresh(ctx, old, err)
	}
	return aws.Credentials{}, err
}

// ProviderSources implements [aws.CredentialProviderSource].
func (p *bareProvider) ProviderSources() []aws.CredentialSource {
	if source, ok := p.CredentialsProvider.(aws.CredentialProviderSource); ok {
		return source.ProviderSources()
	}
	return nil
}

// early returns credentials that end before they do, so that others are there in time. Those
// with little time left are not asked for again at each login.
func early(credentials aws.Credentials) aws.Credentials {
	if credentials.CanExpire {
		credentials.Expires = credentials.Expires.Add(-min(ownMargin, time.Until(credentials.Expires)/2))
	}
	return credentials
}

func (k *keeper) setAsked(cache *generation, at time.Time) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	cache.asked = at
}

// remember keeps an answer of the provider. That of a request which was given up may come
// after that of a later one.
func (k *keeper) remember(credentials aws.Credentials) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	newer := !credentials.CanExpire || k.good.CanExpire && !credentials.Expires.Before(k.good.Expires)
	if credentials.HasKeys() && (newer || !usable(k.good)) {
		k.good = credentials
	}
}

// lateAnswer returns the last good credentials if they need not be renewed yet: they came after
// their caller had given up.
func (k *keeper) lateAnswer() (aws.Credentials, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.good, k.good.HasKeys() && (!k.good.CanExpire || time.Until(k.good.Expires) > ownMargin)
}
