package bench_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"

	"github.com/rdsiam/rdsiam"
)

// instance is where nothing is ever dialed.
const instance = "prod.abc123.us-east-1.rds.amazonaws.com"

var (
	longLived = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	ofARole   = aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: strings.Repeat("session/", 128),
		CanExpire: true, Expires: time.Now().Add(12 * time.Hour)}
)

func provider(credentials aws.Credentials) *aws.CredentialsCache {
	return cached(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }))
}

// cached is what config.LoadDefaultConfig of the SDK does to every provider.
func cached(provider aws.CredentialsProvider) *aws.CredentialsCache {
	return aws.NewCredentialsCache(provider)
}

func loginAt(tb testing.TB, host string, port uint16) rdsiam.Login {
	tb.Helper()
	endpoint, err := rdsiam.ResolveEndpoint(host, port)
	if err != nil {
		tb.Fatal(err)
	}
	return rdsiam.Login{Endpoint: endpoint, User: "app"}
}

// reusing returns a source that has a token of each login and gives it out again for
// longer than any benchmark takes.
func reusing(tb testing.TB, logins ...rdsiam.Login) rdsiam.TokenSource {
	tb.Helper()
	source := rdsiam.NewTokenSource(provider(longLived), rdsiam.WithReuse(14*time.Minute))
	for _, login := range logins {
		if _, err := login.Token(tb.Context(), source); err != nil {
			tb.Fatal(err)
		}
	}
	return source
}

// BenchmarkTokenReused compares getting a reused token with time.Now, for
// one endpoint and for many in turn.
func BenchmarkTokenReused(b *testing.B) {
	for _, endpoints := range []int{1, 64} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			logins := make([]rdsiam.Login, endpoints)
			for n := range logins {
				logins[n] = loginAt(b, fmt.Sprintf("db%d.abc123.us-east-1.rds.amazonaws.com", n), 5432)
			}
			compare(b, timeNow, tokens(reusing(b, logins...), logins...))
		})
	}
}

// BenchmarkTokenReusedByTwo compares two goroutines with one that gets as many tokens:
// a ratio of 0.5 is twice the throughput. That of time.Now, which shares nothing, says
// what the machine allows.
func BenchmarkTokenReusedByTwo(b *testing.B) {
	first, second := loginAt(b, instance, 5432), loginAt(b, instance, 5433)
	source := reusing(b, first, second)
	b.Run("of=time.Now", func(b *testing.B) { compare(b, timeNow, together(timeNow, timeNow)) })
	b.Run("of=token/endpoints=1", func(b *testing.B) {
		compare(b, tokens(source, first), together(tokens(source, first), tokens(source, first)))
	})
	b.Run("of=token/endpoints=2", func(b *testing.B) {
		compare(b, together(tokens(source, first)), together(tokens(source, first), tokens(source, second)))
	})
}

func timeNow(n int) {
	for range n {
		_ = time.Now()
	}
}

// tokens asks source for tokens of one login after the other.
func tokens(source rdsiam.TokenSource, logins ...rdsiam.Login) operation {
	ctx := context.Background()
	return func(n int) {
		for i := range n {
			if _, err := source.Token(ctx, logins[i%len(logins)]); err != nil {
				panic(err)
			}
		}
	}
}

// together shares n among operations that run at the same time.
func together(operations ...operation) operation {
	return func(n int) {
		var running sync.WaitGroup
		for _, run := range operations {
			running.Go(func() { run(n / len(operations)) })
		}
		running.Wait()
	}
}

// BenchmarkSign compares a token that is signed with what auth.BuildAuthToken of the SDK
// makes of the same credentials.
func BenchmarkSign(b *testing.B) {
	for _, test := range []struct {
		name        string
		credentials aws.Credentials
	}{{"key", longLived}, {"role", ofARole}} {
		b.Run("credentials="+test.name, func(b *testing.B) {
			login := loginAt(b, instance, 5432)
			credentials := provider(test.credentials)
			address, region := login.Endpoint.String(), login.Endpoint.Region()
			build := func(n int) {
				for range n {
					if _, err := auth.BuildAuthToken(context.Background(), address, region, login.User, credentials); err != nil {
						panic(err)
					}
				}
			}
			compare(b, build, tokens(rdsiam.NewTokenSource(credentials, rdsiam.WithReuse(0)), login))
		})
	}
}
