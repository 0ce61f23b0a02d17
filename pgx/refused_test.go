package rdspgx_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestOneAuthenticationForEachHost(t *testing.T) {
	n, first, second := twoServers(t, 3)
	first.SetPolicies()
	second.SetPolicies()
	source := &counter{TokenSource: tokensOf(first, rdsiam.WithReuse(0))}
	d := newDriver(t, n.config(t, bothHosts), rdsiam.WithRootCAs(first.RootCAs()))
	err := open(t, d, source)
	var refused *rdsiam.LoginError
	if !errors.As(err, &refused) || !refused.Refused || refused.Code != "28000" {
		t.Fatalf("got %v", err)
	}
	for _, server := range []*rdsiamtest.Server{first, second} {
		if got := server.Logins(); len(got) != 1 || got[0].Reason != rdsiamtest.ReasonPolicy {
			t.Errorf("%s: %d logins, want 1: %v", server.Endpoint(), len(got), got)
		}
	}
	if got := source.calls.Load(); got != 2 {
		t.Errorf("%d tokens were asked for, want 2", got)
	}
	wantContains(t, err, "rdsiam: not tried again, since "+instance+":5432 refused this login (SQLSTATE 28000) at another of its addresses")
}

func TestOneAuthenticationForOneHostOfThreeAddresses(t *testing.T) {
	server := start(t, rdsiamtest.WithAddresses(3))
	server.SetPolicies()
	if _, err := connect(t, hookFor(server), configFor(t, server, "")); sqlState(err) != "28000" {
		t.Fatalf("got %v", err)
	}
	if all := len(server.Logins()); all != 1 {
		t.Errorf("%d logins, want 1", all)
	}
	// Another Connect tries again.
	if _, err := connect(t, hookFor(server), configFor(t, server, "")); err == nil {
		t.Fatal("logged in")
	}
	if all := len(server.Logins()); all != 2 {
		t.Errorf("%d logins, want 2", all)
	}
}

func TestRefusedFindsTheRefusalAmongOtherErrors(t *testing.T) {
	for name, codes := range map[string]map[string]string{
		"after":  {instance: "57P03", other: "28000"},
		"before": {instance: "28000", other: "57P03"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startFake(t, []string{instance, other}, func(s *talk) {
				token, _ := s.askPassword()
				host, _, _ := strings.Cut(token, ":5432/")
				s.refuse(codes[host], "no")
			})
			config := parse(t, bothHosts)
			config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
			d := newDriver(t, config, rdsiam.WithRootCAs(server.roots))
			err := open(t, d, fixedToken)
			if code, ok := d.Refused(err); code != "28000" || !ok {
				t.Errorf("got %q, %v", code, ok)
			}
			var login *rdsiam.LoginError
			if !errors.As(err, &login) || !login.Refused || login.Code != "28000" || login.Retryable() {
				t.Errorf("got %+v", login)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	d := newDriver(t, parse(t, dsn))
	starting := &pgconn.PgError{Code: "57P03"}
	tests := []struct {
		name string
		err  error
		code string
		ok   bool
	}{
		{"nil", nil, "", false},
		{"no answer", context.DeadlineExceeded, "", false},
		{"28000", &pgconn.PgError{Code: "28000"}, "28000", true},
		{"28P01", &pgconn.PgError{Code: "28P01"}, "28P01", true},
		{"no refusal", starting, "57P03", false},
		{"two without refusal", errors.Join(starting, &pgconn.PgError{Code: "53300"}), "57P03", false},
		{"deep", errors.Join(starting, errors.Join(errors.New("x"), errors.Join(&pgconn.PgError{Code: "28000"}))), "28000", true},
	}
	for _, test := range tests {
		if code, ok := d.Refused(test.err); code != test.code || ok != test.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", test.name, code, ok, test.code, test.ok)
		}
	}
}
