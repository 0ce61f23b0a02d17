package rdsiam_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"

	"github.com/rdsiam/rdsiam"
)

func BenchmarkTokenReused(b *testing.B) {
	source := rdsiam.NewTokenSource(&provider{give: forever}, rdsiam.WithReuse(14*time.Minute))
	l := login(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mustToken(b, source, l)
		}
	})
}

func BenchmarkTokenReusedManyEndpoints(b *testing.B) {
	source := rdsiam.NewTokenSource(&provider{give: forever}, rdsiam.WithReuse(14*time.Minute))
	logins := make([]rdsiam.Login, 64)
	for i := range logins {
		logins[i] = rdsiam.Login{Endpoint: endpoint(b, fmt.Sprintf("db%d.abc123.us-east-1.rds.amazonaws.com", i)), User: "u"}
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			mustToken(b, source, logins[i%len(logins)])
		}
	})
}

// BenchmarkSign and BenchmarkBuildAuthToken compare a token of this package with that of
// the SDK alone, with credentials that need no refresh in both.
func BenchmarkSign(b *testing.B) {
	source := rdsiam.NewTokenSource(&provider{give: forever}, rdsiam.WithReuse(0))
	l := login(b)
	b.ReportAllocs()
	for b.Loop() {
		mustToken(b, source, l)
	}
}

func BenchmarkBuildAuthToken(b *testing.B) {
	l := login(b)
	credentials := aws.NewCredentialsCache(&provider{give: forever})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := auth.BuildAuthToken(context.Background(), l.Endpoint.String(), l.Endpoint.Region(), l.User, credentials); err != nil {
			b.Fatal(err)
		}
	}
}
