package rdsiam_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"

	"github.com/rdsiam/rdsiam"
)

// provider counts what it is asked for, and gives what give returns.
type provider struct {
	retrieved atomic.Int64
	give      func(n int64) (aws.Credentials, error)
	entered   chan struct{} // if not nil, told of each call
	hold      chan struct{} // if not nil, each call waits for it
}

func (p *provider) Retrieve(context.Context) (aws.Credentials, error) {
	n := p.retrieved.Add(1)
	if p.entered != nil {
		p.entered <- struct{}{}
	}
	if p.hold != nil {
		<-p.hold
	}
	return p.give(n)
}

func keys(n int64) aws.Credentials {
	return aws.Credentials{AccessKeyID: fmt.Sprintf("AKID%d", n), SecretAccessKey: "secret", SessionToken: "session"}
}

// lasting gives credentials that expire d after they were given.
func lasting(d time.Duration) func(int64) (aws.Credentials, error) {
	return func(n int64) (aws.Credentials, error) {
		credentials := keys(n)
		credentials.CanExpire, credentials.Expires = true, time.Now().Add(d)
		return credentials, nil
	}
}

func forever(n int64) (aws.Credentials, error) { return keys(n), nil }

func endpoint(tb testing.TB, hostport string, options ...rdsiam.EndpointOption) rdsiam.Endpoint {
	tb.Helper()
	e, err := rdsiam.ResolveEndpoint(hostport, 5432, options...)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func login(tb testing.TB) rdsiam.Login {
	return rdsiam.Login{Endpoint: endpoint(tb, "prod.cluster-abc123.us-east-1.rds.amazonaws.com"), User: "app_user"}
}

func mustToken(tb testing.TB, source rdsiam.TokenSource, l rdsiam.Login) rdsiam.Token {
	tb.Helper()
	token, err := source.Token(context.Background(), l)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// The instant, key and signature are a fixed point that awscli, boto3, the JavaScript
// SDK and the Go SDK agree on.
func TestTokenSignatureIsThatOfOtherSDKs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		source := rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, nil
		}))
		token := mustToken(t, source, login(t))
		const want = "prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app_user" +
			"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Frds-db%2Faws4_request" +
			"&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host" +
			"&X-Amz-Signature=b9afe92b54e9107e31c37b65717b753d484b3be7952d850756acf291ee32e309"
		if got := token.Reveal(); got != want {
			t.Errorf("token\n got %s\nwant %s", got, want)
		}
		if want := time.Date(2026, 1, 2, 3, 19, 5, 0, time.UTC); !token.Expires().Equal(want) {
			t.Errorf("expires %v, want %v", token.Expires(), want)
		}
		if token.AccessKeyID() != "AKIDEXAMPLE" || token.Reused() {
			t.Errorf("access key %q, reused %v", token.AccessKeyID(), token.Reused())
		}
	})
}

// The slash before the query is the one deviation from auth.BuildAuthToken.
func TestTokenIsThatOfBuildAuthTokenWithASlash(t *testing.T) {
	credentials := []aws.Credentials{keys(1), {AccessKeyID: "ASIA", SecretAccessKey: "s/+=", SessionToken: "a/b+c=="}}
	for _, given := range credentials {
		for _, port := range []string{"5432", "443"} {
			for _, user := range []string{"u", "a b+c/d;e&f=g%25ü?", "@"} {
				t.Run(given.AccessKeyID+" "+port+" "+user, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return given, nil })
						l := rdsiam.Login{Endpoint: endpoint(t, "h.abc123.us-east-1.rds.amazonaws.com:"+port), User: user}
						text, err := auth.BuildAuthToken(context.Background(), l.Endpoint.String(), "us-east-1", user, provider)
						if err != nil {
							t.Fatal(err)
						}
						want := strings.Replace(text, ":"+port+"?", ":"+port+"/?", 1)
						if got := mustToken(t, rdsiam.NewTokenSource(provider), l).Reveal(); got != want {
							t.Errorf("got  %s\nwant %s\nfrom %s", got, want, text)
						}
					})
				})
			}
		}
	}
}

// When this fails, the SDK puts the slash itself: presign need not do it any more.
func TestBuildAuthTokenLeavesTheSlashOut(t *testing.T) {
	text, err := auth.BuildAuthToken(t.Context(), "h.abc123.us-east-1.rds.amazonaws.com:5432", "us-east-1", "u",
		aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys(1), nil }))
	if err != nil || !strings.HasPrefix(text, "h.abc123.us-east-1.rds.amazonaws.com:5432?Action=") {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestSignedTokenNeedsAReadableDate(t *testing.T) {
	for text, ok := range map[string]bool{
		"h:5432/?Action=connect&X-Amz-Date=20260102T030405Z": true,
		"h:5432/?Action=connect&X-Amz-Date=2026-01-02":       false,
		"h:5432/?Action=connect":                             false,
		"":                                                   false,
	} {
		token, err := rdsiam.SignedToken(text, login(t), keys(1))
		var credentials *rdsiam.CredentialsError
		if ok != (err == nil) || ok != (token.Reveal() != "") || !ok && !errors.As(err, &credentials) {
			t.Errorf("%q: got %v, %v", text, token, err)
		}
	}
}

func TestTokenIsReusedWithinTheWindowOnly(t *testing.T) {
	tests := []struct {
		name    string
		options []rdsiam.TokenOption
		after   time.Duration
		reused  bool
	}{
		{"default, at once", nil, 0, true},
		{"default, just within", nil, time.Minute - time.Nanosecond, true},
		{"default, at its end", nil, time.Minute, false},
		{"longer", []rdsiam.TokenOption{rdsiam.WithReuse(5 * time.Minute)}, 4 * time.Minute, true},
		{"never with under 30 s left", []rdsiam.TokenOption{rdsiam.WithReuse(time.Hour)}, 14*time.Minute + 30*time.Second, false},
		{"just over 30 s left", []rdsiam.TokenOption{rdsiam.WithReuse(time.Hour)}, 14*time.Minute + 30*time.Second - time.Nanosecond, true},
		{"off", []rdsiam.TokenOption{rdsiam.WithReuse(0)}, time.Second, false},
		{"negative is off", []rdsiam.TokenOption{rdsiam.WithReuse(-1)}, time.Second, false},
		{"a nil option is none", []rdsiam.TokenOption{nil}, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := rdsiam.NewTokenSource(&provider{give: forever}, test.options...)
				first := mustToken(t, source, login(t))
				time.Sleep(test.after)
				second := mustToken(t, source, login(t))
				if first.Reused() || second.Reused() != test.reused {
					t.Errorf("reused: first %v, second %v, want false, %v", first.Reused(), second.Reused(), test.reused)
				}
				if same := first.Reveal() == second.Reveal(); test.after > 0 && same != test.reused {
					t.Errorf("same text: %v, want %v", same, test.reused)
				}
			})
		})
	}
}

func TestTokensAreKeptApart(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: forever})
	base := login(t)
	logins := map[string]rdsiam.Login{
		"base":   base,
		"user":   {Endpoint: base.Endpoint, User: "App_User"},
		"port":   {Endpoint: endpoint(t, "prod.cluster-abc123.us-east-1.rds.amazonaws.com:5433"), User: base.User},
		"host":   {Endpoint: endpoint(t, "other.cluster-abc123.us-east-1.rds.amazonaws.com"), User: base.User},
		"region": {Endpoint: endpoint(t, "db.example.com", rdsiam.WithRegion("eu-west-1")), User: base.User},
		"other":  {Endpoint: endpoint(t, "db.example.com", rdsiam.WithRegion("eu-west-2")), User: base.User},
	}
	seen := make(map[string]string)
	for range 2 {
		for name, l := range logins {
			text := mustToken(t, source, l).Reveal()
			for other, otherText := range seen {
				if (text == otherText) != (name == other) {
					t.Errorf("tokens of %s and %s: same = %v", name, other, text == otherText)
				}
			}
			seen[name] = text
		}
	}
}

func TestOneRetrieveAndOneSignatureForTenThousandLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{give: lasting(time.Hour)}
		source := rdsiam.NewTokenSource(p)
		var signed atomic.Int64
		storm := func() {
			var wait sync.WaitGroup
			for range 10_000 {
				wait.Go(func() {
					if !mustToken(t, source, login(t)).Reused() {
						signed.Add(1)
					}
				})
			}
			wait.Wait()
		}
		storm()
		if r, s := p.retrieved.Load(), signed.Load(); r != 1 || s != 1 {
			t.Errorf("first storm: %d retrievals, %d signatures, want 1, 1", r, s)
		}
		time.Sleep(30 * time.Minute)
		storm()
		if r, s := p.retrieved.Load(), signed.Load(); r != 1 || s != 2 {
			t.Errorf("half an hour on: %d retrievals, %d signatures, want 1, 2", r, s)
		}
		time.Sleep(time.Hour)
		storm()
		if r, s := p.retrieved.Load(), signed.Load(); r != 2 || s != 3 {
			t.Errorf("credentials expired: %d retrievals, %d signatures, want 2, 3", r, s)
		}
	})
}

func TestAFailingProviderIsAskedOnceForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("sts is down")
		p := &provider{hold: make(chan struct{}), give: func(int64) (aws.Credentials, error) { return aws.Credentials{}, down }}
		source := rdsiam.NewTokenSource(p)
		var failed atomic.Int64
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				_, err := source.Token(t.Context(), login(t))
				var credentials *rdsiam.CredentialsError
				if errors.As(err, &credentials) && errors.Is(err, down) {
					failed.Add(1)
				}
			})
		}
		synctest.Wait()
		close(p.hold)
		wait.Wait()
		if failed.Load() != 1000 || p.retrieved.Load() != 1 {
			t.Errorf("%d failed as they should, %d retrievals, want 1000, 1", failed.Load(), p.retrieved.Load())
		}
	})
}

func TestACallerThatGivesUpReleasesOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{give: forever, hold: make(chan struct{})}
		source := rdsiam.NewTokenSource(p)
		impatient, giveUp := context.WithCancel(t.Context())
		gaveUp, got := make(chan error, 1), make(chan error, 1)
		go func() { _, err := source.Token(impatient, login(t)); gaveUp <- err }()
		synctest.Wait()
		go func() { _, err := source.Token(t.Context(), login(t)); got <- err }()
		synctest.Wait()
		giveUp()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("the one that gave up got %v", err)
		}
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("the patient one was released: %v", err)
		default:
		}
		close(p.hold)
		if err := <-got; err != nil {
			t.Errorf("the patient one got %v", err)
		}
		if n := p.retrieved.Load(); n != 1 {
			t.Errorf("%d retrievals, want 1", n)
		}
	})
}

func TestTokenExpiresWithItsCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct{ credentials, want time.Duration }{
			{time.Hour, 15 * time.Minute},
			{15 * time.Minute, 15 * time.Minute},
			{5 * time.Minute, 5 * time.Minute},
			{90 * time.Second, 90 * time.Second},
		} {
			for name, source := range map[string]rdsiam.TokenSource{
				"bare":   rdsiam.NewTokenSource(&provider{give: lasting(test.credentials)}),
				"cached": rdsiam.NewTokenSource(aws.NewCredentialsCache(&provider{give: lasting(test.credentials)})),
			} {
				if got := time.Until(mustToken(t, source, login(t)).Expires()); got != test.want {
					t.Errorf("%s credentials for %v: token good for %v, want %v", name, test.credentials, got, test.want)
				}
			}
		}
	})
}

func TestNothingGrowsWithTheNumberOfEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := rdsiam.NewTokenSource(&provider{give: forever})
		one := func(i int) {
			mustToken(t, source, rdsiam.Login{Endpoint: endpoint(t, fmt.Sprintf("db%d.abc123.us-east-1.rds.amazonaws.com", i)), User: "u"})
		}
		for i := range 10_000 {
			one(i)
		}
		if n := rdsiam.ReusedTokens(source); n != 10_000 {
			t.Errorf("%d tokens kept within the window, want 10,000", n)
		}
		time.Sleep(3 * time.Minute)
		one(0)
		if n := rdsiam.ReusedTokens(source); n != 1 {
			t.Errorf("%d tokens kept after the window, want 1", n)
		}
	})
}

// A sweep looks at every token, so that one for each signature would cost too much.
func TestSweepOnceAWindow(t *testing.T) {
	for _, test := range []struct {
		reuse, between time.Duration
		want           []int // tokens kept after each signature
	}{
		{time.Minute, 30 * time.Second, []int{1, 2, 2, 3, 2, 3}},
		{time.Hour, 15 * time.Minute, []int{1, 1, 1}}, // no token lives for an hour
	} {
		synctest.Test(t, func(t *testing.T) {
			source := rdsiam.NewTokenSource(&provider{give: forever}, rdsiam.WithReuse(test.reuse))
			for i, want := range test.want {
				mustToken(t, source, rdsiam.Login{Endpoint: login(t).Endpoint, User: fmt.Sprint("u", i)})
				if got := rdsiam.ReusedTokens(source); got != want {
					t.Errorf("WithReuse(%v): %d tokens kept after signature %d, want %d", test.reuse, got, i, want)
				}
				time.Sleep(test.between)
			}
		})
	}
}

func TestNothingIsKeptWithoutReuse(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: forever}, rdsiam.WithReuse(-1))
	mustToken(t, source, login(t))
	if n := rdsiam.ReusedTokens(source); n != 0 {
		t.Errorf("%d tokens kept", n)
	}
}

// A sweep must not drop the slot in which another caller is about to put a token.
func TestSweepAndSignTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := rdsiam.NewTokenSource(&provider{give: forever})
		logins := make([]rdsiam.Login, 20)
		for i := range logins {
			logins[i] = rdsiam.Login{Endpoint: endpoint(t, fmt.Sprintf("db%d.abc123.us-east-1.rds.amazonaws.com", i)), User: "u"}
		}
		for round := range 50 {
			var signed atomic.Int64
			var wait sync.WaitGroup
			for range 20 {
				for _, l := range logins {
					wait.Go(func() {
						if !mustToken(t, source, l).Reused() {
							signed.Add(1)
						}
					})
				}
			}
			wait.Wait()
			if n := signed.Load(); n != int64(len(logins)) {
				t.Fatalf("round %d: %d signatures for %d endpoints", round, n, len(logins))
			}
			time.Sleep(2 * time.Minute)
		}
	})
}

// Who waits for a slot that is dropped must put its token where others find it. Nothing
// reports that a goroutine waits for a mutex, so there are many tries.
func TestTokenOfADroppedSlotIsFound(t *testing.T) {
	for range 500 {
		source := rdsiam.NewTokenSource(&provider{give: forever})
		drop := rdsiam.DropSlot(source, login(t))
		got := make(chan error, 1)
		go func() { _, err := source.Token(context.Background(), login(t)); got <- err }()
		for range 20 {
			runtime.Gosched()
		}
		drop()
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		if n := rdsiam.ReusedTokens(source); n != 1 {
			t.Fatalf("%d tokens kept, want 1", n)
		}
	}
}

func TestSourceRefusesWhatCannotWork(t *testing.T) {
	var noCache *aws.CredentialsCache
	var noFunc aws.CredentialsProviderFunc
	good := login(t)
	tests := []struct {
		name     string
		provider aws.CredentialsProvider
		login    rdsiam.Login
		want     string
	}{
		{"nil provider", nil, good, "rdsiam: credentials provider: is nil; pass the Credentials of the aws.Config that config.LoadDefaultConfig returns"},
		{"nil cache", noCache, good, "rdsiam: credentials provider: is nil; pass the Credentials of the aws.Config that config.LoadDefaultConfig returns"},
		{"nil func", noFunc, good, "rdsiam: credentials provider: is nil; pass the Credentials of the aws.Config that config.LoadDefaultConfig returns"},
		{"no keys", aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, nil }), good, "rdsiam: no token for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432: the credentials provider returned no access key id, or one without a secret access key; check the variables or the profile that it reads"},
		{"zero endpoint", &provider{give: forever}, rdsiam.Login{User: "u"}, "rdsiam: endpoint: is not set; make it with rdsiam.ResolveEndpoint"},
		{"no user", &provider{give: forever}, rdsiam.Login{Endpoint: good.Endpoint}, "rdsiam: user: is empty, and the token is signed for a user; name the database user in the DSN or configuration"},
		{"NUL in user", &provider{give: forever}, rdsiam.Login{Endpoint: good.Endpoint, User: "a\x00b"}, `rdsiam: user "a\x00b": contains a NUL byte, which ends a name on the wire; name the database user as the database spells it`},
		{"user not UTF-8", &provider{give: forever}, rdsiam.Login{Endpoint: good.Endpoint, User: "a\xff"}, `rdsiam: user "a\xff": is not valid UTF-8; name the database user as the database spells it`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token, err := test.login.Token(t.Context(), rdsiam.NewTokenSource(test.provider))
			if err == nil || err.Error() != test.want {
				t.Errorf("error\n got %v\nwant %s", err, test.want)
			}
			if token.Reveal() != "" {
				t.Error("a token beside the error")
			}
			if p, ok := test.provider.(*provider); ok && p.retrieved.Load() != 0 {
				t.Error("the provider was asked")
			}
		})
	}
}

func TestAClockSetBackDoesNotProlongReuse(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		signed time.Duration
		want   bool
	}{{-time.Second, true}, {time.Hour, false}} {
		if got := rdsiam.Reusable(now.Add(test.signed), now.Add(test.signed).Add(15*time.Minute), now); got != test.want {
			t.Errorf("signed %v from now: reusable = %v, want %v", test.signed, got, test.want)
		}
	}
}
