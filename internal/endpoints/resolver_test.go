package endpoints_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

const (
	one   = "one.abc123.us-east-1.rds.amazonaws.com"
	other = "other.abc123.eu-west-1.rds.amazonaws.com"
)

func TestResolverAnswersLikeResolveEndpoint(t *testing.T) {
	resolver := endpoints.NewResolver(5432)
	for range 2 {
		for _, address := range []string{one, one, one + ":5432", one + ":5433", other, one, "ONE" + one[3:]} {
			want, err := rdsiam.ResolveEndpoint(address, 5432)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := resolver.Resolve(address); err != nil || got != want {
				t.Errorf("%s: got %v, %v, want %v", address, got, err, want)
			}
		}
	}
}

func TestResolverKeepsItsOptions(t *testing.T) {
	options := []rdsiam.EndpointOption{rdsiam.WithEndpoint(one)}
	resolver := endpoints.NewResolver(3306, options...)
	options[0] = rdsiam.WithEndpoint(other) // the caller's slice is the caller's
	for range 2 {
		if got, err := resolver.Resolve("localhost:13306"); err != nil || got.String() != one+":3306" {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestResolverForgetsRefusals(t *testing.T) {
	resolver := endpoints.NewResolver(5432)
	for _, address := range []string{"localhost", one, "localhost", "localhost"} {
		got, err := resolver.Resolve(address)
		if refused := errors.As(err, new(*rdsiam.ConfigError)); refused != (address == "localhost") || refused != got.IsZero() {
			t.Errorf("%s: got %v, %v", address, got, err)
		}
	}
}

func TestResolverServesManyAtATime(t *testing.T) {
	resolver := endpoints.NewResolver(5432)
	var running sync.WaitGroup
	for n := range 8 {
		host := fmt.Sprintf("db%d.abc123.us-east-1.rds.amazonaws.com", n)
		running.Go(func() {
			for range 1000 {
				if got, err := resolver.Resolve(host); err != nil || got.Host() != host {
					t.Errorf("%s: got %v, %v", host, got, err)
					return
				}
			}
		})
	}
	running.Wait()
}
