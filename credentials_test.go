package rdsiam_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
)

// service is a provider whose answers take time, fail, or do not come.
type service struct {
	asked  atomic.Int64
	life   time.Duration
	source string
	answer func(n int64) // what happens to call n before it is answered; nil: nothing
	down   atomic.Bool
}

func (s *service) Retrieve(ctx context.Context) (aws.Credentials, error) {
	n := s.asked.Add(1)
	if s.answer != nil {
		s.answer(n)
	}
	if s.down.Load() {
		return aws.Credentials{}, errors.New("the service is down")
	}
	credentials, _ := lasting(s.life)(n)
	credentials.Source = s.source
	return credentials, nil
}

// hangs makes the calls in which wait for good; the test must end before they do.
func hangs(release chan struct{}, in ...int64) func(int64) {
	return func(n int64) {
		for _, hung := range in {
			if n == hung {
				<-release
			}
		}
	}
}

// attempt is a login of at most so long. It returns how long it took.
func attempt(tb testing.TB, source rdsiam.TokenSource, limit time.Duration) (rdsiam.Token, time.Duration, error) {
	tb.Helper()
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	token, err := login(tb).Token(ctx, source)
	return token, time.Since(started), err
}

func everyLogin() rdsiam.TokenOption { return rdsiam.WithReuse(0) }

func TestSharedCacheIsNotInvalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: time.Hour}
		shared := aws.NewCredentialsCache(s)
		source := rdsiam.NewTokenSource(shared, everyLogin())
		for range 6 * 60 * 4 {
			if _, _, err := attempt(t, source, 30*time.Second); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Second)
		}
		if n := s.asked.Load(); n != 6 {
			t.Errorf("asked %d times in 6 lives", n)
		}
	})
}

func TestBareProviderIsAskedAMinuteAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: time.Hour}
		source := rdsiam.NewTokenSource(s, everyLogin())
		mustToken(t, source, login(t))
		time.Sleep(59*time.Minute - time.Nanosecond)
		if token := mustToken(t, source, login(t)); token.AccessKeyID() != "AKID1" {
			t.Errorf("over a minute before the end: key %s", token.AccessKeyID())
		}
		time.Sleep(time.Nanosecond)
		if token := mustToken(t, source, login(t)); token.AccessKeyID() != "AKID2" {
			t.Errorf("a minute before the end: key %s", token.AccessKeyID())
		}
		time.Sleep(59*time.Minute + time.Second)
		s.down.Store(true)
		for range 58 {
			token, took, err := attempt(t, source, 30*time.Second)
			if err != nil || token.AccessKeyID() != "AKID2" || took > time.Second {
				t.Fatalf("while the provider is down: %v after %v, %v", token, took, err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		_, _, err := attempt(t, source, 30*time.Second)
		var failed *rdsiam.CredentialsError
		if !errors.As(err, &failed) || failed.Code != "credentials-failed" || !failed.Retryable() || !strings.Contains(err.Error(), "the service is down") {
			t.Errorf("at the end: %v", err)
		}
		s.down.Store(false)
		if token := mustToken(t, source, login(t)); token.Expires().Sub(token.Signed()) != 15*time.Minute {
			t.Errorf("provider back: %v", token)
		}
	})
}

// A program that keeps credentials of its own to their last second must not be started for
// each login.
func TestShortLivedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(40 * time.Second)
		var asked atomic.Int64
		source := rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			asked.Add(1)
			credentials := keys(1)
			credentials.CanExpire, credentials.Expires = true, end
			return credentials, nil
		}), everyLogin())
		for range 340 {
			if _, _, err := attempt(t, source, 3*time.Second); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := asked.Load(); n > 6 {
			t.Errorf("asked %d times for 340 logins in 34 s", n)
		}
	})
}

func TestProviderThatHangsOnce(t *testing.T) {
	for name, obeys := range map[string]bool{"obeys the context": true, "deaf": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				var asked atomic.Int64
				source := rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
					n := asked.Add(1)
					if n == 1 && obeys {
						<-ctx.Done()
						return aws.Credentials{}, ctx.Err()
					}
					if n == 1 {
						<-release
					}
					return lasting(time.Hour)(n)
				}), everyLogin())
				_, took, err := attempt(t, source, 4*time.Second)
				if code := codeOf(err); code != "credentials-silent" || took != 4*time.Second {
					t.Errorf("first login: %v after %v", err, took)
				}
				for range 3 {
					if _, took, err := attempt(t, source, 4*time.Second); err != nil || took > 0 {
						t.Errorf("next login: %v after %v", err, took)
					}
				}
				if n := asked.Load(); n != 2 {
					t.Errorf("asked %d times", n)
				}
				time.Sleep(time.Minute) // the limit of a request that was given up
			})
		})
	}
}

func codeOf(err error) string {
	var failed *rdsiam.CredentialsError
	if !errors.As(err, &failed) {
		return fmt.Sprintf("%T", err)
	}
	return failed.Code
}

func TestRefreshThatHangsWhileTheOldCredentialsServe(t *testing.T) {
	for name, wrap := range map[string]func(aws.CredentialsProvider) aws.CredentialsProvider{
		"bare": func(p aws.CredentialsProvider) aws.CredentialsProvider { return p },
		"cache with a window": func(p aws.CredentialsProvider) aws.CredentialsProvider {
			return aws.NewCredentialsCache(p, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				s := &service{life: time.Hour, source: "CredentialsEndpointProvider", answer: hangs(release, 2)}
				source := rdsiam.NewTokenSource(wrap(s), everyLogin())
				mustToken(t, source, login(t))
				time.Sleep(59*time.Minute + 5*time.Second)
				for i := range 45 {
					_, took, err := attempt(t, source, 10*time.Second)
					if err != nil || took > time.Second || i > 0 && took > 0 {
						t.Errorf("login %d: %v after %v", i, err, took)
					}
					time.Sleep(time.Second)
				}
				time.Sleep(15 * time.Second)
				_, took, err := attempt(t, source, 10*time.Second)
				if name == "bare" && err != nil {
					t.Errorf("bare, after the end: %v", err)
				}
				if name != "bare" && (codeOf(err) != "credentials-silent" || took != 10*time.Second) {
					t.Errorf("cache, after the end: %v after %v", err, took)
				}
			})
		})
	}
}

// A cache that renews nothing before the end would give out credentials for the last second.
func TestLastSecondsOfASharedCache(t *testing.T) {
	for _, test := range []struct {
		left, limit, wait time.Duration
		key               string
	}{
		{6 * time.Second, 30 * time.Second, 0, "AKID1"},
		{4 * time.Second, 30 * time.Second, 4*time.Second + 2*time.Second, "AKID2"},
		{4 * time.Second, 3 * time.Second, 0, "AKID1"}, // no time to wait
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{life: time.Hour, answer: func(n int64) {
				if n > 1 {
					time.Sleep(2 * time.Second)
				}
			}}
			source := rdsiam.NewTokenSource(aws.NewCredentialsCache(s), everyLogin())
			mustToken(t, source, login(t))
			time.Sleep(time.Hour - test.left)
			token, took, err := attempt(t, source, test.limit)
			if err != nil || token.AccessKeyID() != test.key || took != test.wait {
				t.Errorf("%v left, time limit %v: %v after %v, %v", test.left, test.limit, token, took, err)
			}
		})
	}
}

func TestHoursOfRolesFromASlowService(t *testing.T) {
	for name, wrap := range map[string]func(aws.CredentialsProvider) aws.CredentialsProvider{
		"bare":  func(p aws.CredentialsProvider) aws.CredentialsProvider { return p },
		"cache": func(p aws.CredentialsProvider) aws.CredentialsProvider { return aws.NewCredentialsCache(p) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{life: time.Hour, answer: func(n int64) { time.Sleep(time.Duration(n%5) * 500 * time.Millisecond) }}
				source := rdsiam.NewTokenSource(wrap(s), everyLogin())
				start := time.Now()
				end := start.Add(6 * time.Hour)
				for time.Now().Before(end) {
					token, _, err := attempt(t, source, 10*time.Second)
					if err != nil || time.Until(token.Expires()) < 2*time.Second {
						t.Fatalf("after %v: %v, %v", time.Until(end), token, err)
					}
					if minute := int(time.Since(start).Minutes()) % 60; minute < 57 && minute > 1 {
						time.Sleep(10 * time.Second)
					}
					time.Sleep(700 * time.Millisecond)
				}
				if n := s.asked.Load(); n > 7 {
					t.Errorf("asked %d times in 6 lives", n)
				}
			})
		})
	}
}

// Otherwise a service that takes longer than the logins wait would never serve.
func TestLateAnswerIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: time.Hour, answer: func(int64) { time.Sleep(1500 * time.Millisecond) }}
		source := rdsiam.NewTokenSource(s, everyLogin())
		var failed int
		for range 10 {
			if _, _, err := attempt(t, source, time.Second); err != nil {
				failed++
			}
		}
		time.Sleep(2 * time.Second)
		if n := s.asked.Load(); failed > 2 || n > 2 {
			t.Errorf("%d of 10 failed, asked %d times", failed, n)
		}
	})
}

func TestDeafProviderIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		s := &service{life: time.Hour, answer: func(int64) { <-release }}
		source := rdsiam.NewTokenSource(s)
		for range 1800 {
			_, _, _ = attempt(t, source, 2*time.Second)
		}
		if n := s.asked.Load(); n > 200 {
			t.Errorf("asked %d times in an hour", n)
		}
	})
}

func TestHungCacheIsNamedAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		s := &service{life: time.Hour, answer: hangs(release, 1)}
		source := rdsiam.NewTokenSource(aws.NewCredentialsCache(s))
		var codes []string
		for range 7 {
			_, took, err := attempt(t, source, 10*time.Second)
			if took != 10*time.Second {
				t.Errorf("ended after %v", took)
			}
			codes = append(codes, codeOf(err))
		}
		if codes[4] != "credentials-silent" || codes[6] != "credentials-hung" || s.asked.Load() != 1 {
			t.Errorf("got %s, asked %d times", codes, s.asked.Load())
		}
	})
}

func TestCredentialsOfAnInstanceDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: time.Hour, source: "EC2RoleProvider"}
		for name, provider := range map[string]aws.CredentialsProvider{"bare": s, "cache": aws.NewCredentialsCache(s)} {
			source := rdsiam.NewTokenSource(provider, everyLogin())
			mustToken(t, source, login(t))
			time.Sleep(2 * time.Hour)
			s.down.Store(true)
			token := mustToken(t, source, login(t))
			if life := token.Expires().Sub(token.Signed()); life != 15*time.Minute {
				t.Errorf("%s: token for %v", name, life)
			}
			s.down.Store(false)
		}
	})
}

func TestExpiringCredentialsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: time.Hour, answer: func(int64) { time.Sleep(50 * time.Millisecond) }}
		source := rdsiam.NewTokenSource(s, everyLogin())
		storm := func(key string) {
			var wait sync.WaitGroup
			for range 200 {
				wait.Go(func() {
					if token := mustToken(t, source, login(t)); token.AccessKeyID() != key {
						t.Errorf("key %s, want %s", token.AccessKeyID(), key)
					}
				})
			}
			wait.Wait()
		}
		storm("AKID1")
		time.Sleep(59*time.Minute + time.Second)
		storm("AKID2")
		if n := s.asked.Load(); n != 2 {
			t.Errorf("%d retrievals, want 2", n)
		}
		time.Sleep(59*time.Minute + time.Second)
		s.down.Store(true)
		storm("AKID2")
	})
}

// For the race detector: credentials that must be refreshed every time, by a provider that
// fails now and then.
func TestRefreshAndBridgeTogether(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: func(n int64) (aws.Credentials, error) {
		if n%3 == 0 {
			return aws.Credentials{}, errors.New("now and then")
		}
		credentials := keys(n)
		credentials.CanExpire, credentials.Expires = true, time.Now().Add(6*time.Second)
		return credentials, nil
	}}, everyLogin())
	l := login(t)
	mustToken(t, source, l)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				mustToken(t, source, l)
			}
		})
	}
	wait.Wait()
}

func TestCredentialsThatHaveExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expires := time.Now().In(time.FixedZone("", 3600))
		source := rdsiam.NewTokenSource(&provider{give: func(int64) (aws.Credentials, error) {
			credentials := keys(1)
			credentials.CanExpire, credentials.Expires = true, expires
			return credentials, nil
		}})
		_, err := source.Token(t.Context(), login(t))
		const want = "rdsiam: no token for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432: " +
			"the AWS credentials have expired, and the provider has no others; access key AKID1; expires 2000-01-01T00:00:00Z; " +
			"compare this machine's clock with the Date header of any AWS response; if it is right, look at what issues the credentials"
		if err == nil || err.Error() != want || codeOf(err) != "credentials-expired" {
			t.Errorf("text\n got %v\nwant %s", err, want)
		}
	})
}

// Expiries with a monotonic clock would outlast a laptop's sleep or a Lambda's freeze.
func TestExpiriesAreOfTheWallClock(t *testing.T) {
	for _, provider := range []aws.CredentialsProvider{
		&provider{give: lasting(2 * time.Minute)}, aws.NewCredentialsCache(&provider{give: lasting(2 * time.Minute)}),
	} {
		if expires := mustToken(t, rdsiam.NewTokenSource(provider), login(t)).Expires().String(); strings.Contains(expires, "m=") {
			t.Errorf("token expires %s", expires)
		}
	}
	_, err := rdsiam.NewTokenSource(&provider{give: lasting(-time.Second)}).Token(t.Context(), login(t))
	var credentials *rdsiam.CredentialsError
	if !errors.As(err, &credentials) || strings.Contains(credentials.Expires.String(), "m=") {
		t.Errorf("credentials expire %v: %v", credentials.Expires, err)
	}
}

// What a credential_process prints may have any number of lines.
func TestErrorOfAProviderIsOneLine(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: failing(errors.New("process provider error: error in credential_process: exit status 1:\n\tnot logged in\r\nrun sso login\n"))})
	_, err := source.Token(t.Context(), login(t))
	const want = "error in credential_process: exit status 1: not logged in; run sso login)"
	if err == nil || strings.ContainsAny(err.Error(), "\r\n\t") || !strings.Contains(err.Error(), want) {
		t.Errorf("got %q", err)
	}
}

// The SDK quotes the whole output of a credential_process that is not the JSON it must be.
func TestErrorOfAProcessIsNotQuoted(t *testing.T) {
	inner := errors.New(`invalid "SECRETKEY"`)
	source := rdsiam.NewTokenSource(&provider{give: failing(fmt.Errorf("process provider error: %w",
		fmt.Errorf("another text of another version: hello {SECRETKEY}, error: %w", inner)))})
	_, err := source.Token(t.Context(), login(t))
	if codeOf(err) != "process-output" {
		t.Errorf("code %s", codeOf(err))
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := fmt.Sprintf("%s %+v %#v", e, e, e); strings.Contains(text, "SECRETKEY") {
			t.Error(text)
		}
	}
}

// database/sql would log in again, up to twice.
func TestErrorOfAProviderIsNotABadConnection(t *testing.T) {
	p := &provider{give: failing(fmt.Errorf("vault: %w", driver.ErrBadConn))}
	_, err := rdsiam.NewTokenSource(p).Token(t.Context(), login(t))
	if errors.Is(err, driver.ErrBadConn) || !strings.Contains(err.Error(), "vault: driver: bad connection") {
		t.Errorf("got %v", err)
	}
}

func TestCredentialsErrorIsExplained(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: failing(errors.New("the SSO session has expired or is invalid"))})
	_, err := source.Token(t.Context(), login(t))
	got := rdsiam.Explain(fmt.Errorf("hook: %w", err))
	if got.Retryable || len(got.Causes) != 1 || !strings.Contains(got.Causes[0].Fix, "aws sso login") || got.Code != "" {
		t.Errorf("explained as %+v", got)
	}
	if !(&rdsiam.CredentialsError{Code: "a code of another package"}).Retryable() || (&rdsiam.CredentialsError{Code: "sso-session-ended"}).Retryable() {
		t.Error("Retryable does not go by the code")
	}
}
