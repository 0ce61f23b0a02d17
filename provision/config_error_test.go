package provision_test

import (
	"maps"
	"testing"

	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
)

// The command line has words for each code of the lists, and users read the doc comments.
func TestCodes(t *testing.T) {
	source := codelist.Read(t)
	used := source.Used("configError", 0)
	maps.Copy(used, source.Used("configErrorOf", 1))
	codelist.Equal(t, "the source", used, causes.ProvisionConfigCodes())
	documented := source.Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:")
	codelist.Equal(t, "the doc comment of the package", documented, causes.ProvisionConfigCodes())

	codelist.Equal(t, "the source", source.Used("failure", 0), causes.ProvisionCodes())
	documented = source.Documented(t, "Error is a step of a plan that failed. The codes are:")
	codelist.Equal(t, "the doc comment of Error", documented, causes.ProvisionCodes())

	for _, name := range []string{"ConfigError", "Error"} {
		if n := source.Literals(name); n != 1 {
			t.Errorf("%d literals of %s, want that of its constructor", n, name)
		}
	}
}
