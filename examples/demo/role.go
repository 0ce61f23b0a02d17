package main

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// role stands for an IAM role and AWS STS: it gives out temporary credentials, and the
// verifiers of the databases learn of them.
type role struct {
	verifiers []*rdsiamtest.Server
	policy    string

	mu     sync.Mutex
	issued []rdsiamtest.Identity // guarded by mu
}

var _ aws.CredentialsProvider = (*role)(nil)

// Retrieve issues new credentials.
func (r *role) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := ctx.Err(); err != nil {
		return aws.Credentials{}, err
	}
	credentials := aws.Credentials{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: rand.Text() + rand.Text(),
		SessionToken:    strings.Repeat(rand.Text(), 14), // about as long as those of STS
		Source:          "demo",
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// The verifiers' clocks are ahead: by them the credentials would have expired.
	r.issued = append(r.issued, rdsiamtest.Identity{Credentials: credentials, Policies: []string{r.policy}})
	for _, verifier := range r.verifiers {
		if err := verifier.SetIdentities(r.issued...); err != nil {
			return aws.Credentials{}, err
		}
	}
	credentials.CanExpire, credentials.Expires = true, time.Now().Add(time.Hour)
	return credentials, nil
}

// witness is a token source that remembers what another one gave.
type witness struct {
	source rdsiam.TokenSource

	mu     sync.Mutex
	first  map[string]rdsiam.Token // guarded by mu; by host
	signed int                     // guarded by mu
}

func newWitness(source rdsiam.TokenSource) *witness {
	return &witness{source: source, first: make(map[string]rdsiam.Token)}
}

// Token asks the source.
func (w *witness) Token(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	token, err := w.source.Token(ctx, login)
	if err != nil || token.Reused() {
		return token, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if host := login.Endpoint.Host(); w.first[host].Signed().IsZero() {
		w.first[host] = token
	}
	w.signed++
	return token, nil
}

// firstFor returns the first token for a host.
func (w *witness) firstFor(host string) rdsiam.Token {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first[host]
}

// count returns how many tokens were signed.
func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.signed
}
