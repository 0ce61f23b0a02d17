package provision_test

import (
	"maps"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/codelist"
)

// Users read the lists, and programs the codes.
func TestCodes(t *testing.T) {
	source := codelist.Read(t)
	used := source.Used("configError", 0)
	maps.Copy(used, source.Used("configErrorOf", 1))
	documented := source.Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:")
	codelist.Equal(t, used, documented)

	documented = source.Documented(t, "Error is a step of a plan that failed. The codes are:")
	codelist.Equal(t, source.Used("failure", 0), documented)

	for _, name := range []string{"ConfigError", "Error"} {
		if n := source.Literals(name); n != 1 {
			t.Errorf("%d literals of %s, want that of its constructor", n, name)
		}
	}
}
