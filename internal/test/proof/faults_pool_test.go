package proof_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// workers are as many as the connections that a pgxpool opens.
const workers = 4

// askAll asks workers times at once, and returns what was answered. No answer takes longer
// than timeout.
func askAll(t *testing.T, p pool, timeout time.Duration) []error {
	t.Helper()
	answers := make([]error, workers)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			began := time.Now()
			answers[i] = p.ask(ctx)
			if took := time.Since(began); took > timeout {
				t.Errorf("an answer took %s, longer than the %s of its context", took, timeout)
			}
		})
	}
	all.Wait()
	return answers
}

// wantNoneLeft checks that the pools, which are closed, have left no connection, and that
// neither the server's log nor the events hold a token.
func (s *troubled) wantNoneLeft(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if n := s.DropConnections(); n != 0 {
		t.Errorf("%d connections are still open", n)
	}
	s.tokens.absent(t, "Logins", fmt.Sprintf("%+v", s.Logins()))
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.tokens.absent(t, "an event", fmt.Sprintf("%+v", s.events))
}

// onPools runs a test with each pool, by the clock of synctest.
func onPools(t *testing.T, endpoint string, test func(*testing.T, *troubled, openPool, pool)) {
	for _, by := range pools {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTroubled(t, by.engine, endpoint, rdsiamtest.WithInMemory())
				p := by.open(t, s)
				test(t, s, by, p)
				p.close()
				s.wantNoneLeft(t)
			})
		})
	}
}

// A pool whose server has trouble recovers by itself when the trouble is over.
func TestPoolRecovers(t *testing.T) {
	const timeout = 2 * time.Second
	slow := []string{causes.Stalled, causes.Deadline}
	tests := []struct {
		name   string
		faults rdsiamtest.Faults
		causes []string
	}{
		{"refuse", rdsiamtest.Faults{RefuseNext: 1000}, []string{causes.Policy}},
		{"slow to accept", rdsiamtest.Faults{AcceptDelay: 24 * time.Hour}, slow},
		{"slow TLS", rdsiamtest.Faults{TLSDelay: 24 * time.Hour}, slow},
		{"slow token", rdsiamtest.Faults{TokenDelay: 24 * time.Hour}, slow},
		{"slow statement", rdsiamtest.Faults{StatementDelay: 24 * time.Hour}, slow},
		{"cut at once", rdsiamtest.Faults{CutAfter: -1}, []string{causes.Cut}},
		{"cut in the handshake", rdsiamtest.Faults{CutAfter: 300}, []string{causes.Cut}},
		{"wrong name", rdsiamtest.Faults{TLSMode: rdsiamtest.WrongName}, []string{causes.CertificateName}},
		{"expired certificate", rdsiamtest.Faults{TLSMode: rdsiamtest.ExpiredCertificate}, []string{causes.CertificateExpired}},
		{"unknown authority", rdsiamtest.Faults{TLSMode: rdsiamtest.UnknownAuthority}, []string{causes.CertificateAuthority}},
		{"no TLS", rdsiamtest.Faults{TLSMode: rdsiamtest.TLSUnavailable}, []string{causes.NoTLS}},
		{"server ahead", rdsiamtest.Faults{ClockOffset: 15*time.Minute + time.Second}, []string{causes.Clock}},
		{"server behind", rdsiamtest.Faults{ClockOffset: -5*time.Minute - 5*time.Second}, []string{causes.Clock}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onPools(t, instanceEndpoint, func(t *testing.T, s *troubled, by openPool, p pool) {
				s.SetFaults(rdsiamtest.Faults{StatementDelay: 10 * time.Millisecond}) // so that each has a connection
				for _, err := range askAll(t, p, timeout) {
					if err != nil {
						t.Fatalf("before: %v", err)
					}
				}
				s.SetFaults(test.faults)
				if n := s.DropConnections(); n != workers {
					t.Errorf("%d connections were dropped, want %d", n, workers)
				}
				const rounds = 5
				for round := range rounds {
					for _, err := range askAll(t, p, timeout) {
						want := test.causes
						if round < rounds-1 { // it may be a connection that was dropped
							want = append([]string{causes.Cut}, want...)
						}
						s.wantExplained(t, by, err, want...)
					}
				}
				s.SetFaults(rdsiamtest.Faults{})
				for range 2 {
					for _, err := range askAll(t, p, timeout) {
						if err != nil {
							t.Errorf("afterwards: %v", err)
						}
					}
				}
			})
		})
	}
}

// During a failover connections end, new ones are cut, and at last there is a server again.
// What is asked all the time fails meanwhile, at once and so that it may be tried again, and
// the pool opens no more connections than it had.
func TestPoolFailover(t *testing.T) {
	const (
		timeout = 5 * time.Second
		begins  = 10*time.Second + 50*time.Millisecond  // in the middle of a statement
		ends    = 40*time.Second + 500*time.Millisecond // not when a worker asks again
		over    = 60 * time.Second
	)
	well := rdsiamtest.Faults{StatementDelay: 100 * time.Millisecond}
	onPools(t, instanceEndpoint, func(t *testing.T, s *troubled, by openPool, p pool) {
		s.SetFaults(well)
		start := time.Now()
		time.AfterFunc(begins, func() {
			s.SetFaults(rdsiamtest.Faults{CutAfter: -1})
			s.DropConnections()
		})
		time.AfterFunc(ends, func() { s.SetFaults(well) })
		var mutex sync.Mutex
		failed := 0
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for time.Since(start) < over {
					asked := time.Since(start)
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					err := p.ask(ctx)
					cancel()
					if err == nil {
						continue
					}
					if now := time.Since(start); now < begins || asked >= ends {
						t.Errorf("between %s and %s: %v", asked, now, err)
					}
					mutex.Lock()
					failed++
					s.wantExplained(t, by, err, causes.Cut)
					if !s.explain(t, err).Retryable {
						t.Errorf("not to be tried again: %v", err)
					}
					mutex.Unlock()
					time.Sleep(time.Second)
				}
			})
		}
		all.Wait()
		// One for each second and worker: an error comes at once.
		if want := workers * int((ends-begins)/time.Second); failed < want-workers || failed > want+workers {
			t.Errorf("%d statements failed, want %d", failed, want)
		}
		if n := len(s.Logins()); n > 2*workers {
			t.Errorf("%d logins, want %d and as many afterwards", n, workers)
		}
	})
}

// As many logins as are to be refused are, whoever makes them.
func TestPoolRefuseNext(t *testing.T) {
	onPools(t, instanceEndpoint, func(t *testing.T, s *troubled, by openPool, p pool) {
		s.SetFaults(rdsiamtest.Faults{RefuseNext: workers + 2, TokenDelay: time.Second})
		refused := 0
		for range 3 {
			for _, err := range askAll(t, p, 10*time.Second) {
				if err != nil {
					refused++
					s.wantExplained(t, by, err, causes.Policy)
				}
			}
		}
		faults := 0
		for _, logIn := range s.Logins() {
			if logIn.Reason == rdsiamtest.ReasonFault {
				faults++
			}
		}
		if refused != workers+2 || faults != workers+2 {
			t.Errorf("%d statements failed, and %d logins are in the server's log, want %d", refused, faults, workers+2)
		}
	})
}

// Workers that ask again each second are in one by one, as the throttle admits them.
func TestPoolThrottle(t *testing.T) {
	for name, endpoint := range map[string]string{"instance": instanceEndpoint, "proxy": proxyEndpoint} {
		cause := causes.Throttled
		if endpoint == proxyEndpoint {
			cause = causes.ProxyThrottled
		}
		t.Run(name, func(t *testing.T) {
			onPools(t, endpoint, func(t *testing.T, s *troubled, by openPool, p pool) {
				s.SetFaults(rdsiamtest.Faults{NewTokensPerSecond: 1, StatementDelay: 500 * time.Millisecond})
				for second := range workers {
					refused := 0
					began := time.Now()
					for _, err := range askAll(t, p, 10*time.Second) {
						if err != nil {
							refused++
							s.wantExplained(t, by, err, cause)
						}
					}
					// Those that are in keep their connections, so one more is in each time.
					if want := workers - second - 1; refused > want {
						t.Errorf("second %d: %d were refused, want at most %d", second, refused, want)
					}
					if second == 0 && refused == 0 {
						t.Error("none was refused")
					}
					time.Sleep(time.Until(began.Add(2 * time.Second)))
				}
			})
		})
	}
}

// Programs that trust the next authority before it is in use notice nothing of a rotation.
// Those that do not send no token, and log in again with its roots.
func TestPoolRotation(t *testing.T) {
	onPools(t, instanceEndpoint, func(t *testing.T, s *troubled, by openPool, late pool) {
		next, err := rdsiamtest.NewCertificateAuthority()
		if err != nil {
			t.Fatal(err)
		}
		s.trusted = s.RootCAs()
		block, _ := pem.Decode(next.CertificatePEM())
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		s.trusted.AddCert(certificate)
		ready := by.open(t, s)
		defer ready.close()
		wantIn := func(when string, p pool) {
			t.Helper()
			if err := s.askTwice(t, p); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		wantIn("before, with the old roots", late)
		wantIn("before, with both roots", ready)
		if err := s.SetCertificateAuthority(next); err != nil {
			t.Fatal(err)
		}
		s.DropConnections()
		wantIn("afterwards, with both roots", ready)
		before := len(s.Logins())
		s.wantExplained(t, by, s.askTwice(t, late), causes.CertificateAuthority)
		if n := len(s.Logins()) - before; n != 0 {
			t.Errorf("%d logins with the old roots", n)
		}
		s.trusted = nil
		renewed := by.open(t, s)
		defer renewed.close()
		wantIn("afterwards, with the new roots", renewed)
	})
}

// askTwice asks once more if the first one only found its connection gone.
func (s *troubled) askTwice(t *testing.T, p pool) error {
	t.Helper()
	err := p.ask(t.Context())
	isCut := func(cause rdsiam.Cause) bool { return cause.Code == causes.Cut }
	if err != nil && slices.ContainsFunc(s.explain(t, err).Causes, isCut) {
		return p.ask(t.Context())
	}
	return err
}

// A clock may differ by what AWS tolerates.
func TestPoolClock(t *testing.T) {
	for _, offset := range []time.Duration{15*time.Minute - 2*time.Second, -5*time.Minute + 2*time.Second} {
		t.Run(offset.String(), func(t *testing.T) {
			onPools(t, instanceEndpoint, func(t *testing.T, s *troubled, by openPool, p pool) {
				s.SetFaults(rdsiamtest.Faults{ClockOffset: offset})
				for _, err := range askAll(t, p, time.Second) {
					if err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// A pool whose logins are cut anywhere has an error at once for each of them, asks for one
// token at most, and logs in when the cuts are over.
func TestPoolCutAnywhere(t *testing.T) {
	onPools(t, instanceEndpoint, func(t *testing.T, s *troubled, by openPool, p pool) {
		if err := p.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		whole := s.received.Load()
		for n := int64(1); n < whole-50; n += 53 {
			s.SetFaults(rdsiamtest.Faults{CutAfter: n})
			s.DropConnections()
			for try := 0; ; try++ {
				before, began := len(s.Logins()), time.Now()
				err := p.ask(t.Context())
				if err == nil && try < 2 {
					continue
				}
				s.wantExplained(t, by, err, causes.Cut)
				if took := time.Since(began); took != 0 {
					t.Errorf("cut after %d bytes: it took %s", n, took)
				}
				if logIns := len(s.Logins()) - before; logIns > 1 {
					t.Errorf("cut after %d bytes: %d logins", n, logIns)
				}
				break
			}
			s.SetFaults(rdsiamtest.Faults{})
			if err := s.askTwice(t, p); err != nil {
				t.Errorf("after a cut after %d bytes: %v", n, err)
			}
		}
	})
}
