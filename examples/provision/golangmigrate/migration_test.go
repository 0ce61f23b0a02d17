package golangmigrate_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/examples/provision/golangmigrate"
	"github.com/rdsiam/rdsiam/examples/provision/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGolangMigrate(t *testing.T) {
	lab.OnEach(t, func(t *testing.T, l *lab.Lab) {
		directory := t.TempDir()
		if err := golangmigrate.Render(directory, l.Account); err != nil {
			t.Fatal(err)
		}
		migration, err := golangmigrate.Open(directory, l.Open(t, lab.Runner), l.Account.Engine)
		if err != nil {
			t.Fatal(err)
		}
		defer migration.Close()
		l.Prove(t, migration.Up, migration.Down)
	})
}
