package goosemigration_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/examples/provision/goosemigration"
	"github.com/rdsiam/rdsiam/examples/provision/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The files that provision.GooseFile makes are what goose reads.
func TestGooseFiles(t *testing.T) {
	lab.OnEach(t, func(t *testing.T, l *lab.Lab) {
		directory := t.TempDir()
		if err := goosemigration.Render(directory, l.Account); err != nil {
			t.Fatal(err)
		}
		provider, err := goosemigration.NewFileProvider(l.Open(t, lab.Runner), l.Account.Engine, directory)
		if err != nil {
			t.Fatal(err)
		}
		l.Prove(t,
			func() error { _, err := provider.Up(t.Context()); return err },
			func() error { _, err := provider.Down(t.Context()); return err })
	})
}

func TestGoose(t *testing.T) {
	lab.OnEach(t, func(t *testing.T, l *lab.Lab) {
		provider, err := goosemigration.NewProvider(l.Open(t, lab.Runner), l.Account)
		if err != nil {
			t.Fatal(err)
		}
		l.Prove(t,
			func() error { _, err := provider.Up(t.Context()); return err },
			func() error { _, err := provider.Down(t.Context()); return err })
	})
}
