package credentials_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/rdsiam/rdsiam"
)

// agent is a container agent whose credentials live an hour.
type agent struct {
	asked atomic.Int64
	hangs func(n int64) bool // whether request n gets no answer; nil: none
	hung  atomic.Bool        // none gets an answer
}

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := a.asked.Add(1)
	if a.hung.Load() || a.hangs != nil && a.hangs(n) {
		silence(w, r)
		return
	}
	_, _ = io.WriteString(w, keysJSON(n, time.Now().Add(time.Hour)))
}

func only(n int64) func(int64) bool { return func(asked int64) bool { return asked == n } }

// inContainer is the cache that config.LoadDefaultConfig makes in a container.
func inContainer(t *testing.T, client endpointcreds.HTTPClient) aws.CredentialsProvider {
	t.Helper()
	return load(t, config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = client })).Credentials
}

// startContainer sets what an agent sets in its containers.
func startContainer(t *testing.T, endpoint string) {
	t.Helper()
	home(t, nil)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint)
}

const agentURL = "http://127.0.0.1/credentials"

// The cache ends the credentials of a container five minutes before AWS does.
func TestAgentIsAwayInTheLastTenMinutes(t *testing.T) {
	startContainer(t, agentURL)
	for name, fail := range map[string]func(*network, *agent){
		"away": func(n *network, _ *agent) { n.down.Store(true) },
		"hung": func(_ *network, a *agent) { a.hung.Store(true) },
	} {
		for _, bare := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				a := new(agent)
				n := serve(t, a.ServeHTTP)
				provider := inContainer(t, n.client())
				if bare {
					provider = endpointcreds.New(agentURL, func(o *endpointcreds.Options) { o.HTTPClient = n.client() })
				}
				source := everyLogin(provider)
				start := time.Now()
				var lastGood, slowest time.Duration
				for time.Since(start) < 65*time.Minute {
					if time.Since(start) > 50*time.Minute {
						fail(n, a)
					}
					at := time.Since(start)
					_, took, err := attempt(t, source, 10*time.Second)
					if err == nil {
						lastGood, slowest = at, max(slowest, took)
					} else if at < time.Hour-5*time.Second || took > 10*time.Second {
						t.Errorf("%s, bare %v: login at %v: %v after %v", name, bare, at, err, took)
					}
					if at < 49*time.Minute {
						time.Sleep(time.Minute)
					}
					time.Sleep(2 * time.Second)
				}
				if lastGood < 59*time.Minute+50*time.Second || lastGood > time.Hour || slowest > time.Second {
					t.Errorf("%s, bare %v: last login at %v, slowest took %v", name, bare, lastGood, slowest)
				}
			})
		}
	}
}

func TestAgentThatHangsOnce(t *testing.T) {
	startContainer(t, agentURL)
	for _, bare := range []bool{false, true} {
		for _, limit := range []time.Duration{3 * time.Second, 10 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				a := &agent{hangs: only(1)}
				n := serve(t, a.ServeHTTP)
				provider := inContainer(t, n.client())
				if bare {
					provider = endpointcreds.New(agentURL, func(o *endpointcreds.Options) { o.HTTPClient = n.client() })
				}
				source := everyLogin(provider)
				_, took, err := attempt(t, source, limit)
				healed := !bare && limit > 5*time.Second // while the login still waits
				if took > limit || (err == nil) != healed || !healed && codeOf(err) != "credentials-silent" {
					t.Errorf("bare %v, limit %v: first login: %v after %v", bare, limit, err, took)
				}
				for range 3 {
					time.Sleep(time.Second)
					if _, took, err := attempt(t, source, limit); err != nil || took > 2*time.Second {
						t.Errorf("bare %v, limit %v: next login: %v after %v", bare, limit, err, took)
					}
				}
				if asked := a.asked.Load(); asked != 2 {
					t.Errorf("bare %v, limit %v: asked %d times", bare, limit, asked)
				}
				time.Sleep(time.Minute) // the limit of a request that was given up
			})
		}
	}
}

func TestRefreshByAnAgentThatHangsOnce(t *testing.T) {
	startContainer(t, agentURL)
	for _, bare := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := &agent{hangs: only(2)}
			n := serve(t, a.ServeHTTP)
			provider := inContainer(t, n.client())
			begin := 55*time.Minute + time.Second
			if bare {
				provider = endpointcreds.New(agentURL, func(o *endpointcreds.Options) { o.HTTPClient = n.client() })
				begin = 59*time.Minute + time.Second
			}
			source := everyLogin(provider)
			if _, _, err := attempt(t, source, 10*time.Second); err != nil {
				t.Fatal(err)
			}
			time.Sleep(begin)
			for i := range 30 {
				token, took, err := attempt(t, source, 10*time.Second)
				if err != nil || took > time.Second || i > 0 && took > 0 {
					t.Errorf("bare %v: login %d: %v after %v", bare, i, err, took)
				}
				if i == 29 && token.AccessKeyID() == "ASIA1" {
					t.Errorf("bare %v: still the old key", bare)
				}
				time.Sleep(time.Second)
			}
			time.Sleep(time.Minute)
		})
	}
}

// Other AWS clients of the same aws.Config are healed by the logins, too.
func TestOtherClientsAreHealed(t *testing.T) {
	startContainer(t, agentURL)
	synctest.Test(t, func(t *testing.T) {
		a := &agent{hangs: only(1)}
		n := serve(t, a.ServeHTTP)
		cache := inContainer(t, n.client())
		other := make(chan error, 1)
		_, _, _ = attempt(t, everyLogin(cache), 10*time.Millisecond)
		go func() {
			_, err := cache.Retrieve(context.Background())
			other <- err
		}()
		_, _, _ = attempt(t, everyLogin(cache), 10*time.Second) // of another source, which sees no connection
		source := everyLogin(cache)
		_, _, err := attempt(t, source, 10*time.Second)
		if codeOf(err) != "credentials-silent" {
			t.Errorf("a source that did not begin the request: %v", err)
		}
		select {
		case <-other:
			t.Error("healed by a source that did not begin the request")
		default:
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := &agent{hangs: only(1)}
		n := serve(t, a.ServeHTTP)
		cache := inContainer(t, n.client())
		source := everyLogin(cache)
		_, _, _ = attempt(t, source, 10*time.Millisecond) // begins the request that hangs
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := cache.Retrieve(context.Background()); err != nil {
				t.Errorf("another client: %v", err)
			}
		})
		if _, _, err := attempt(t, source, 10*time.Second); err != nil {
			t.Errorf("login: %v", err)
		}
		waiting.Wait()
	})
}

// withoutValues is a client through which the library cannot see the connection.
type withoutValues struct{ endpointcreds.HTTPClient }

func (c withoutValues) Do(r *http.Request) (*http.Response, error) {
	return c.HTTPClient.Do(r.Clone(bareContext{r.Context()}))
}

type bareContext struct{ context.Context }

func (bareContext) Value(any) any { return nil }

// If a version of the SDK hides the connection, a hung request cannot be ended: logins end
// at their deadlines, and in a minute the error names the option.
func TestReachIntoTheSDKFails(t *testing.T) {
	startContainer(t, agentURL)
	synctest.Test(t, func(t *testing.T) {
		a := &agent{hangs: only(1)}
		n := serve(t, a.ServeHTTP)
		source := everyLogin(inContainer(t, withoutValues{n.client()}))
		for i := range 8 {
			_, took, err := attempt(t, source, 10*time.Second)
			if took != 10*time.Second {
				t.Errorf("login %d ended after %v", i, took)
			}
			want := "credentials-silent"
			if i >= 5 {
				want = "container-credentials-hung"
			}
			if codeOf(err) != want {
				t.Errorf("login %d: %v", i, err)
			}
		}
		_, _, err := attempt(t, source, 10*time.Second)
		var failed *rdsiam.CredentialsError
		if !errors.As(err, &failed) || !strings.Contains(failed.Fix, "config.WithEndpointCredentialOptions") || !failed.Retryable() {
			t.Errorf("got %v", err)
		}
		if asked := a.asked.Load(); asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// The reach into the SDK with everything real: its own client, a socket, the clock.
func TestAgentThatHangsOnceOverASocket(t *testing.T) {
	a := &agent{hangs: only(1)}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	startContainer(t, server.URL)
	source := everyLogin(load(t).Credentials)
	if _, _, err := attempt(t, source, 2500*time.Millisecond); codeOf(err) != "credentials-silent" {
		t.Fatalf("first login: %v", err)
	}
	if _, _, err := attempt(t, source, time.Minute); err != nil {
		t.Errorf("next login: %v", err)
	}
	if asked := a.asked.Load(); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}
