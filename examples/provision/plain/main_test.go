package main

import (
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/examples/provision/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPlain(t *testing.T) {
	lab.OnEach(t, func(t *testing.T, l *lab.Lab) {
		dryRun, inEarnest := database{l.Open(t, lab.Runner), false}, database{l.Open(t, lab.Runner), true}
		var policy, dry, shown strings.Builder
		if err := setUp(t.Context(), dryRun, l.Account, lab.Resource, &policy, &dry); err != nil {
			t.Fatal(err)
		}
		l.Allow(t, policy.String())
		l.Prove(t,
			func() error { return setUp(t.Context(), inEarnest, l.Account, lab.Resource, io.Discard, &shown) },
			func() error { return remove(t.Context(), inEarnest, l.Account, io.Discard) })
		if dry.Len() == 0 || dry.String()+"-- changed\n" != shown.String() {
			t.Errorf("the dry run shows\n%s\nand what is done is\n%s", &dry, &shown)
		}
	})
}
