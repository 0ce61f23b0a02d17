package rdsiamtest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// Everything of a server can be called at once and at any time, also Close while clients
// log in: no client waits longer than its context, and nothing runs on.
func TestConcurrentUse(t *testing.T) {
	faults := []rdsiamtest.Faults{
		{}, {RefuseNext: 2}, {NewTokensPerSecond: 1}, {CutAfter: 700}, {TLSMode: rdsiamtest.WrongName}, {ClockOffset: time.Hour},
		{AcceptDelay: time.Hour}, {}, {TLSDelay: time.Hour}, {}, {TokenDelay: time.Hour}, {}, {StatementDelay: time.Hour},
	}
	authority, err := rdsiamtest.NewCertificateAuthority()
	if err != nil {
		t.Fatal(err)
	}
	meddling := map[string]func(server *rdsiamtest.Server, n int){
		"faults":    func(server *rdsiamtest.Server, n int) { server.SetFaults(faults[n%len(faults)]) },
		"drop":      func(server *rdsiamtest.Server, _ int) { server.DropConnections() },
		"authority": func(server *rdsiamtest.Server, _ int) { _ = server.SetCertificateAuthority(authority) },
		"policies":  func(server *rdsiamtest.Server, _ int) { _ = server.SetPolicies(server.Identities()[0].Policies...) },
		"log": func(server *rdsiamtest.Server, _ int) {
			for _, logIn := range server.Logins() {
				if strings.Contains(logIn.Detail, "X-Amz-Signature") {
					t.Error("the log holds a token")
				}
			}
		},
	}
	const clients, rounds = 16, 6
	for engine, start := range engines {
		for name, options := range map[string][]rdsiamtest.Option{"sockets": nil, "memory": {rdsiamtest.WithInMemory()}} {
			t.Run(engine+"/"+name, func(t *testing.T) {
				server := start(t, append(options, rdsiamtest.WithIAMUser("app"))...)
				var asking, meddlers sync.WaitGroup
				done := make(chan struct{})
				for _, meddle := range meddling {
					meddlers.Go(func() {
						for n := 0; ; n++ {
							select {
							case <-done:
								return
							case <-time.After(time.Millisecond):
								meddle(server, n)
							}
						}
					})
				}
				asked := make(chan struct{}, clients*rounds)
				for range clients {
					asking.Go(func() {
						for range rounds {
							ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
							began := time.Now()
							err := askOnce(ctx, t, engine, server)
							cancel()
							if took := time.Since(began); took > 20*time.Second { // the machine may be busy
								t.Errorf("it took %s: %v", took, err)
							}
							asked <- struct{}{}
						}
					})
				}
				for range clients * rounds / 2 {
					<-asked
				}
				var closing sync.WaitGroup
				for range 2 {
					closing.Go(func() { server.Close() })
				}
				closing.Wait()
				asking.Wait()
				close(done)
				meddlers.Wait()
				if n := server.DropConnections(); n != 0 {
					t.Errorf("%d connections outlive Close", n)
				}
			})
		}
	}
}
