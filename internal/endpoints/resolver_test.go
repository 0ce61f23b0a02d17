package endpoints_test

import (
	"errors"
	"fmt"
	"net"
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

func TestResolverOfHostsAnswersLikeResolveEndpoint(t *testing.T) {
	resolver := endpoints.NewResolver(3306)
	for range 2 {
		for _, asked := range []struct {
			host string
			port uint16
		}{{one, 5432}, {one, 5432}, {one, 5433}, {other, 5433}, {one, 0}, {one, 3306}, {one, 3306}, {"::1", 3306}} {
			address := net.JoinHostPort(asked.host, fmt.Sprint(asked.port))
			want, wantErr := rdsiam.ResolveEndpoint(address, 3306)
			if got, err := resolver.ResolveHost(asked.host, asked.port); got != want || (err == nil) != (wantErr == nil) {
				t.Errorf("%v: got %v, %v, want %v, %v", asked, got, err, want, wantErr)
			}
			if got, err := resolver.ResolveHost(one, 5432); err != nil || got.Port() != 5432 {
				t.Errorf("port 5432 after %v: got %v, %v", asked, got, err)
			}
			if got, err := resolver.Resolve(one); err != nil || got.Port() != 3306 {
				t.Errorf("without a port after %v: got %v, %v", asked, got, err)
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
